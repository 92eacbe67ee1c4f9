"""The slim form of a run, the one that ships: an exported graph in place of torch weights, a CRF packed.

It is a run directory like any other, sealed over its graph too: tokenizer, schema, reading, calibration, event head,
dev scores, model card and the graph that the export's gate chose. What needs weights (export, training, the torch
runtime) refuses it by name. The event head is stored in float16 and computed in float32.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from trainer.core.errors import ArtifactError
from trainer.core.files import hash_file, write_bytes, write_text
from trainer.runtime.checkpoint import (
    CALIBRATION,
    CRF_MODEL,
    PROVENANCE,
    READING,
    SCHEMA,
    SLIM,
    Checkpoint,
    seal_checkpoint,
)
from trainer.runtime.event_head import EVENT_HEAD
from trainer.runtime.graphs import GRAPHS, PARITY, find_graph, read_parity
from trainer.runtime.packing import pack_file, render_tensors
from trainer.runtime.word_clusters import WORD_CLUSTERS

CARD = "README.md"
LEFT_BEHIND = ("checkpoints", "*.tmp")  # of a run that is copied
_KEPT = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "metrics.json",
    SCHEMA,
    READING,
    CALIBRATION,
)
_USE = re.compile(r"^## Use\n.*", re.DOTALL | re.MULTILINE)


def write_slim(checkpoint: Checkpoint, target: Path) -> None:
    """Write the slim form of an exported run.

    Args:
        checkpoint: A verified run of kind ``encoder``.
        target: A directory that does not exist yet.

    Raises:
        ArtifactError: The run has not been exported, or its graph is altered or of other weights.
    """
    source = checkpoint.directory
    graph, precision = find_graph(source, "auto", checkpoint.weights_hash)
    (target / GRAPHS).mkdir(parents=True)
    for name in _KEPT:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    if (source / EVENT_HEAD).is_file():
        _halve(source / EVENT_HEAD, target / EVENT_HEAD)
    parity = source / GRAPHS / PARITY
    for path in (graph, parity):
        shutil.copyfile(path, target / GRAPHS / path.name)
    card = (source / CARD).read_text(encoding="utf-8") if (source / CARD).is_file() else f"# {checkpoint.name}\n"
    write_text(target / CARD, render_card(card, checkpoint.name, read_parity(source)))
    origin = {
        "run": checkpoint.name,
        "provenance_sha256": hash_file(source / PROVENANCE),
        "weights_sha256": checkpoint.weights_hash,
        "precision": precision,
    }
    graphs = tuple(f"{GRAPHS}/{path.name}" for path in (graph, parity))
    seal_checkpoint(target, checkpoint.kind, {**checkpoint.provenance, SLIM: origin}, graphs)


def write_slim_crf(checkpoint: Checkpoint, target: Path) -> None:
    """Write the slim form of a CRF's run: the same files, model and word clusters packed.

    Args:
        checkpoint: A verified run of kind ``crf``.
        target: A directory that does not exist yet.
    """
    packed = (CRF_MODEL, WORD_CLUSTERS)
    shutil.copytree(checkpoint.directory, target, ignore=shutil.ignore_patterns(*packed, *LEFT_BEHIND))
    for name in packed:
        if (checkpoint.directory / name).is_file():
            pack_file(checkpoint.directory / name, target)
    origin = {"run": checkpoint.name, "provenance_sha256": hash_file(checkpoint.directory / PROVENANCE)}
    seal_checkpoint(target, checkpoint.kind, {**checkpoint.provenance, SLIM: origin})


def _halve(source: Path, target: Path) -> None:
    with safe_open(source, framework="numpy") as file:
        names = file.keys()
        weights = {name: np.ascontiguousarray(file.get_tensor(name), np.float16) for name in names}
        metadata = file.metadata() or {}
    write_bytes(target, render_tensors(weights, metadata))


def refuse_slim(checkpoint: Checkpoint, purpose: str) -> None:
    """Refuse a slim run where torch weights are needed.

    Args:
        checkpoint: Any run.
        purpose: What needs them.

    Raises:
        ArtifactError: It is slim.
    """
    if checkpoint.is_slim:
        run = checkpoint.provenance[SLIM].get("run")
        raise ArtifactError(
            f"a checkpoint that ships holds an exported graph and no torch weights; {purpose} needs them",
            file=checkpoint.directory,
            remedy=f"use the run that it was made from ({run}), or train it: python -m trainer train",
        )


def render_card(card: str, name: str, parity: Mapping[str, Any]) -> str:
    """The model card of a run, made over for its slim form.

    Args:
        card: Of the run.
        name: Of the run.
        parity: Report of its export.
    """
    precision = str(parity["default"])
    entry, reference = parity["graphs"][precision], parity.get("torch", {})
    measured = ""
    if "dev_strict_f1" in entry and "dev_strict_f1" in reference:
        measured = (
            f"On the {parity['dev_articles']} dev articles it scores {100 * entry['dev_strict_f1']:.2f} strict F1, "
            f"torch in float32 {100 * reference['dev_strict_f1']:.2f}; {entry['tag_agreement']:.2%} of tags agree.\n"
        )
    use = (
        f"## Use\n\nThe exported {precision} graph of the run `{name}`, without torch weights. {measured}\n"
        "`python -m trainer extract FILE`, `python -m trainer serve` and `trainer.load(DIRECTORY)` run it in ONNX "
        "Runtime. Not for decisions about people.\n"
    )
    head = _USE.sub("", card).rstrip("\n").replace("library_name: transformers\n", "library_name: onnx\n")
    head = head.replace("pipeline_tag: token-classification\n", "")
    return f"{head}\n\n{use}"
