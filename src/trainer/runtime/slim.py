"""The slim form of a run, the one that ships: an exported graph in place of torch weights.

It is a run directory like any other, sealed over its graph too: tokenizer, schema, reading, calibration, event head,
dev scores, model card and the graph that the export's gate chose. What needs weights (export, training, the torch
runtime) refuses it by name.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.core.errors import ArtifactError
from trainer.core.files import hash_file, write_text
from trainer.runtime.checkpoint import CALIBRATION, PROVENANCE, READING, SCHEMA, SLIM, Checkpoint, seal_checkpoint
from trainer.runtime.event_head import EVENT_HEAD
from trainer.runtime.graphs import GRAPHS, PARITY, find_graph, read_parity

CARD = "README.md"
_KEPT = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "metrics.json",
    EVENT_HEAD,
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
