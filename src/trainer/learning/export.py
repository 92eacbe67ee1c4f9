"""Export of a run: ``onnx/`` with a float32 graph, an int8 graph and their parity report.

A reduced precision becomes the default only if dev strict F1 falls by at most `TOLERANCE`.
Recipes are tried in turn until one passes; every outcome is recorded.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers.utils import logging as transformers_logging

from trainer.core.errors import ArtifactError
from trainer.core.files import hash_file, write_json
from trainer.learning.graph import RECIPES, Recipe, write_float_graph, write_int8_graph
from trainer.learning.parity import ParityCheck, find_dev_articles
from trainer.learning.torch_scorer import load_torch_scorer
from trainer.runtime.checkpoint import load_checkpoint
from trainer.runtime.graphs import FLOAT32, GRAPH_FILES, GRAPHS, INT8, PARITY
from trainer.runtime.onnx_scorer import OnnxScorer
from trainer.runtime.reading import load_reader
from trainer.runtime.slim import refuse_slim

TOLERANCE = 0.003  # dev strict F1, 0.3 points
_LARGEST_FLOAT_DIFFERENCE = 1e-3

logger = logging.getLogger(__name__)


def export_run(directory: Path, dev_paths: Sequence[Path] = ()) -> dict[str, Any]:
    """Write ``onnx/`` of a run; whole or not at all.

    Args:
        directory: A complete run of kind ``encoder``.
        dev_paths: Annotated files to measure parity on, instead of the run's own dev articles.

    Returns:
        The parity report.

    Raises:
        ArtifactError: The run cannot be exported, or the float32 graph strays from torch.
    """
    checkpoint = load_checkpoint(directory)
    if checkpoint.kind != "encoder":
        raise ArtifactError(
            f"a run of kind {checkpoint.kind} needs no export", file=directory, remedy="use it as it is"
        )
    refuse_slim(checkpoint, "export")
    transformers_logging.disable_progress_bar()
    dev = find_dev_articles(checkpoint, dev_paths)
    reference = load_torch_scorer(directory, device="cpu")
    padding_id = int(getattr(reference.model.config, "pad_token_id", None) or 0)
    check = ParityCheck(dev, load_reader(directory, checkpoint.reading), reference, checkpoint)
    draft = directory / f".{GRAPHS}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        write_float_graph(reference.model.eval(), draft / GRAPH_FILES[FLOAT32], states=check.head is not None)
        report = {
            "weights_sha256": checkpoint.weights_hash,
            "dev_articles": len(dev),
            "torch": {"dev_strict_f1": round(check.reference_f1, 6)},
            "tolerance": TOLERANCE,
            "padding_id": padding_id,
            **_measure_graphs(draft, check, padding_id),
        }
        write_json(draft / PARITY, report)
        _put_in_place(draft, directory / GRAPHS)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return report


def _measure_graphs(draft: Path, check: ParityCheck, padding_id: int) -> dict[str, Any]:
    path = draft / GRAPH_FILES[FLOAT32]
    parity = check.measure(OnnxScorer(path, padding_id=padding_id))
    if parity.largest_difference > _LARGEST_FLOAT_DIFFERENCE:
        raise ArtifactError(
            f"the float32 graph strays from torch by {parity.largest_difference:.4f}",
            file=path,
            remedy="report it with the versions of torch and onnxruntime; the run stays usable with --runtime torch",
        )
    graphs = {FLOAT32: {**describe_graph(path), **parity.to_dict()}}
    trials = []
    for recipe in RECIPES:
        entry = _try_recipe(draft, recipe, check, padding_id)
        trials.append(entry)
        logger.info("int8, %s: dev strict F1 %.4f", recipe.name, entry["dev_strict_f1"])
        if entry["accepted"]:
            graphs[INT8] = entry
            break
    else:
        (draft / GRAPH_FILES[INT8]).unlink()
        logger.warning("no int8 recipe keeps dev strict F1 within %.1f points; float32 stays", 100 * TOLERANCE)
    return {"default": INT8 if INT8 in graphs else FLOAT32, "graphs": graphs, "int8_trials": trials}


def _try_recipe(draft: Path, recipe: Recipe, check: ParityCheck, padding_id: int) -> dict[str, Any]:
    path = draft / GRAPH_FILES[INT8]
    write_int8_graph(draft / GRAPH_FILES[FLOAT32], path, recipe)
    parity = check.measure(OnnxScorer(path, padding_id=padding_id))
    fall = check.reference_f1 - parity.dev_f1
    return {"recipe": recipe.name, "accepted": fall <= TOLERANCE, **describe_graph(path), **parity.to_dict()}


def describe_graph(path: Path) -> dict[str, Any]:
    """Hash and size of a graph."""
    return {"sha256": hash_file(path), "bytes": path.stat().st_size}


def _put_in_place(draft: Path, target: Path) -> None:
    """Two renames; a kill between them leaves a run that is merely not exported."""
    former = target.with_name(f".{target.name}.former")
    shutil.rmtree(former, ignore_errors=True)
    if target.exists():
        target.rename(former)
    draft.rename(target)
    shutil.rmtree(former, ignore_errors=True)
