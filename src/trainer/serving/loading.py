"""From a run directory to a model in service."""

from __future__ import annotations

from pathlib import Path

from trainer.runtime.batching import usable_cores
from trainer.runtime.model import load_model
from trainer.runtime.version import model_version
from trainer.serving.extractor import Loader, ServedModel, now

_WARM_UP = "أعلنت القوات العراقية تنفيذ غارة جوية على مواقع التنظيم في الموصل."


def loader_of(runtime: str, precision: str, workers: int = 1) -> Loader:
    """A loader that shares the machine's cores among so many processes, and warms the model up."""
    threads = max(1, usable_cores() // workers)

    def load(directory: Path) -> ServedModel:
        model = load_model(directory, runtime, precision, threads)
        model.predict([_WARM_UP])  # the first pass allocates; no client should wait for it
        version = model_version(model.checkpoint, model.precision)
        return ServedModel(model.name, version, model.checkpoint.schema, model, now())

    return load
