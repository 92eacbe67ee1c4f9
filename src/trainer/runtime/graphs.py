"""Exported graphs of a run: where they lie, which one is used, and the proof that they are whole.

``onnx/parity.json`` is written last by the export. It holds the hash of each graph, how far each
strays from torch on dev, and which precision passed the gate and is the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.core.errors import ArtifactError
from trainer.core.files import hash_file
from trainer.runtime.checkpoint import read_json

GRAPHS = "onnx"
PARITY = "parity.json"
FLOAT32, INT8 = "float32", "int8"
GRAPH_FILES: Mapping[str, str] = {FLOAT32: "model.onnx", INT8: "model.int8.onnx"}
_REMEDY = "export the run again: python -m trainer export RUN"


def is_exported(directory: Path) -> bool:
    """Whether a run has exported graphs."""
    return (directory / GRAPHS / PARITY).is_file()


def read_parity(directory: Path) -> dict[str, Any]:
    """The parity report of a run's export.

    Raises:
        ArtifactError: The run is not exported, or the report is damaged.
    """
    path = directory / GRAPHS / PARITY
    if not path.is_file():
        raise ArtifactError("the run has no exported graph", file=directory, remedy=_REMEDY)
    return read_json(path)


def find_graph(directory: Path, precision: str = "auto", weights: str | None = None) -> tuple[Path, str]:
    """The verified graph of a precision, and the precision.

    Args:
        directory: Run directory.
        precision: ``int8``, ``float32``, or ``auto`` for the one that the export chose.
        weights: Hash of the run's weights, where it is known; the export must be of these.

    Raises:
        ArtifactError: There is no such graph (a checkpoint that ships may hold int8 alone), it
            differs from its recorded hash, or it is of other weights.
    """
    parity = read_parity(directory)
    if weights is not None and parity.get("weights_sha256") not in (None, weights):
        raise ArtifactError(
            "the graphs were exported from other weights than the run's", file=directory, remedy=_REMEDY
        )
    chosen = str(parity.get("default", FLOAT32)) if precision == "auto" else precision
    entry = parity.get("graphs", {}).get(chosen)
    path = directory / GRAPHS / GRAPH_FILES[chosen]
    if not isinstance(entry, dict) or not path.is_file():
        held = [name for name, file in GRAPH_FILES.items() if (directory / GRAPHS / file).is_file()]
        remedy = f"use its {held[0]} graph, or export a run that has its weights" if held else _REMEDY
        raise ArtifactError(f"the run has no {chosen} graph", file=path, remedy=remedy)
    if hash_file(path) != entry.get("sha256"):
        raise ArtifactError(f"{path.name} differs from the hash recorded by the export", file=path, remedy=_REMEDY)
    return path, chosen
