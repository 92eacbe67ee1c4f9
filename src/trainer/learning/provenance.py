"""Where a checkpoint comes from: commit, data, versions, articles, machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trainer.core.paths import repository_directory
from trainer.core.types import Article
from trainer.learning.config import TrainConfig
from trainer.learning.data import TrainingData
from trainer.learning.run import to_plain

_PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "numpy", "sklearn-crfsuite")


def describe_run(config: TrainConfig, data: TrainingData, seconds: float) -> dict[str, Any]:
    """What every run records, whatever it trained.

    Args:
        config: The run's configuration.
        data: What it learnt from.
        seconds: How long the last stretch of training took (a resumed run has several).
    """
    return {
        "name": config.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": config.seed,
        "commit": read_commit(repository_directory()),
        "configuration": {key: value for key, value in to_plain(config).items() if key != "directory"},
        "data": {
            "hash": data.hash,
            "gold_manifest_sha256": data.gold_manifest_hash,
            "schema_fingerprint": data.schema.fingerprint(),
            "train": [article.id for article in data.train],
            "dev": [article.id for article in data.dev],
            "synthetic_train": count_synthetic(data.train),
            "synthetic_dev": count_synthetic(data.dev),
        },
        "versions": read_versions(),
        "machine": describe_machine(),
        "seconds": round(seconds, 1),
    }


def count_synthetic(articles: Sequence[Article]) -> int:
    """How many articles say that they were written for this project."""
    return sum(bool(article.meta.get("synthetic")) for article in articles)


def read_commit(directory: Path) -> dict[str, Any]:
    """The commit that a working copy stands on, and whether tracked files differ from it."""
    revision = _git(directory, "rev-parse", "HEAD")
    changes = _git(directory, "status", "--porcelain", "--untracked-files=no")
    return {"sha": revision, "dirty": None if changes is None else bool(changes)}


def read_versions() -> dict[str, str]:
    """Versions of what decides the outcome."""
    versions = {"python": platform.python_version()}
    for package in ("arabic-event-extraction", *_PACKAGES):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def describe_machine() -> dict[str, Any]:
    """Kind of processor and accelerator; never the machine's name."""
    return {"processor": _processor(), "cores": os.cpu_count(), "system": platform.system(), "gpu": _gpu()}


def _gpu() -> str | None:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _git(directory: Path, *arguments: str) -> str | None:
    try:
        result = subprocess.run(
            ["git", "-C", str(directory), *arguments], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
