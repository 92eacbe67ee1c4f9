"""Making an ensemble: finished runs in, one run directory out, scored and calibrated on dev."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trainer.core.errors import ArtifactError, ConfigError
from trainer.core.files import hash_file, write_json
from trainer.core.paths import repository_directory
from trainer.learning.calibrate import fit_calibration
from trainer.learning.development import count_scores
from trainer.learning.export import export_run
from trainer.learning.model_card import write_ensemble_card
from trainer.learning.parity import find_dev_articles
from trainer.learning.provenance import describe_machine, read_commit, read_versions
from trainer.runtime.calibration import Calibration
from trainer.runtime.checkpoint import (
    PROVENANCE,
    READING,
    SCHEMA,
    Checkpoint,
    load_checkpoint,
    seal_checkpoint,
    write_calibration,
)
from trainer.runtime.ensemble import ENSEMBLE, MEMBERS
from trainer.runtime.graphs import is_exported
from trainer.runtime.model import load_model
from trainer.runtime.slim import LEFT_BEHIND, write_slim, write_slim_crf
from trainer.runtime.tagging import decode_spans

logger = logging.getLogger(__name__)


def combine_runs(directories: Sequence[Path], target: Path) -> Path:
    """Make one run of several; whole or not at all.

    Members are copied in the form in which they serve: an encoder's exported graph (it is exported first if it has not
    been), a CRF as it is. Each member weighs the same.

    Args:
        directories: Finished runs that were trained on the same articles, dev apart.
        target: The ensemble's directory; it must not exist.

    Returns:
        The target, complete.

    Raises:
        ArtifactError: A directory is not a complete run, or cannot be exported, or its dev articles are gone.
        ConfigError: The runs do not go together, or the target exists.
    """
    started = time.monotonic()
    checkpoints = [load_checkpoint(directory) for directory in directories]
    _check_members(checkpoints)
    if target.exists():
        raise ConfigError("there is a run of that name", file=target, remedy="choose another --name, or remove it")
    checkpoints.sort(key=lambda checkpoint: checkpoint.kind != "encoder")  # stable: an encoder gives the states
    draft = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        for checkpoint in checkpoints:
            _copy_member(checkpoint, draft / MEMBERS / checkpoint.name)
        shutil.copyfile(checkpoints[0].directory / READING, draft / READING)
        checkpoints[0].schema.save(draft / SCHEMA)
        provenance = _describe(checkpoints, draft, target.name)
        _seal(draft, provenance, Calibration())
        metrics, calibration = _judge_on_dev(draft)
        provenance["seconds"] = round(time.monotonic() - started, 1)
        write_json(draft / "metrics.json", metrics)
        write_ensemble_card(draft, provenance, metrics)
        _seal(draft, provenance, calibration)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    logger.info("%s: dev strict F1 %.1f", target.name, 100 * metrics["dev"]["strict"]["f1"])
    return target


def _check_members(checkpoints: Sequence[Checkpoint]) -> None:
    names = [checkpoint.name for checkpoint in checkpoints]
    if len(checkpoints) < 2 or len(set(names)) < len(names):
        raise ConfigError(f"cannot combine {', '.join(names)}", remedy="name at least two runs of different names")
    first = checkpoints[0]
    for checkpoint in checkpoints:
        if checkpoint.kind == ENSEMBLE:
            raise ConfigError("an ensemble already", file=checkpoint.directory, remedy="name its members themselves")
        if checkpoint.schema.fingerprint() != first.schema.fingerprint():
            raise ConfigError(
                f"another schema than {first.name}'s", file=checkpoint.directory, remedy="train both on one schema"
            )
        ours, theirs = (dict(run.provenance.get("data", {})) for run in (checkpoint, first))
        if any(ours.get(key) != theirs.get(key) for key in ("hash", "dev")):
            raise ConfigError(
                f"trained on other articles than {first.name}, or on another split",
                file=checkpoint.directory,
                remedy="train both on the same articles and split",
            )
        seen = sorted(set(ours.get("train", ())) & set(ours.get("dev", ())))
        if seen:
            raise ConfigError(
                f"trained on {len(seen)} of its dev articles, so nothing is left to calibrate the ensemble on",
                file=checkpoint.directory,
                remedy="train it with data.use_dev_for_training=false",
            )


def _copy_member(checkpoint: Checkpoint, target: Path) -> None:
    if checkpoint.kind == "crf" and not checkpoint.is_slim:
        write_slim_crf(checkpoint, target)
        return
    if checkpoint.is_slim:
        shutil.copytree(checkpoint.directory, target, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
        return
    if not is_exported(checkpoint.directory):
        export_run(checkpoint.directory)
    write_slim(checkpoint, target)


def _describe(checkpoints: Sequence[Checkpoint], draft: Path, name: str) -> dict[str, Any]:
    """What a run records of its making; data and configuration are those that all members share."""
    first = dict(checkpoints[0].provenance)
    guards = {run.provenance["data"].get("gold_manifest_sha256") for run in checkpoints}
    trained = {identifier: None for run in checkpoints for identifier in run.provenance["data"]["train"]}
    return {
        "name": name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": first["seed"],
        "commit": read_commit(repository_directory()),
        "configuration": {**first["configuration"], "name": name},
        "data": {
            **first["data"],
            "train": list(trained),
            "synthetic_train": max(run.provenance["data"].get("synthetic_train", 0) for run in checkpoints),
            "gold_manifest_sha256": guards.pop() if len(guards) == 1 else None,
        },
        "versions": read_versions(),
        "machine": describe_machine(),
        MEMBERS: [
            {
                "name": run.name,
                "kind": run.kind,
                "seed": run.provenance["seed"],
                "provenance_sha256": hash_file(draft / MEMBERS / run.name / PROVENANCE),
            }
            for run in checkpoints
        ],
    }


def _seal(draft: Path, provenance: dict[str, Any], calibration: Calibration) -> None:
    write_calibration(draft, calibration)
    members = tuple(f"{MEMBERS}/{member['name']}/{PROVENANCE}" for member in provenance[MEMBERS])
    seal_checkpoint(draft, ENSEMBLE, provenance, members)


def _judge_on_dev(draft: Path) -> tuple[dict[str, Any], Calibration]:
    model = load_model(draft)
    schema = model.checkpoint.schema
    articles = find_dev_articles(model.checkpoint)
    if not articles:
        raise ArtifactError("no dev articles", file=draft, remedy="combine runs that were trained with dev articles")
    readings, logits = zip(*model.score([article.text for article in articles]), strict=True)
    calibration, fit = fit_calibration(articles, readings, logits, schema.tags)
    predicted = [decode_spans(reading, rows, schema.tags) for reading, rows in zip(readings, logits, strict=True)]
    return {"dev": count_scores(articles, predicted, schema.label_names).to_dict(), "calibration": fit}, calibration
