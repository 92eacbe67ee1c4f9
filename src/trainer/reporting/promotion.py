"""Promotion: the gated choice of ``models/default``, on dev alone.

Gold is reported beside a promotion and never selects: a set that chooses models is no longer held out.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from trainer.annotation.corpus import load_corpus
from trainer.core.errors import ArtifactError, ConfigError
from trainer.core.files import replace_directory, write_json
from trainer.core.metrics import count_matches
from trainer.core.significance import Difference, Verdict, compare_models
from trainer.core.types import Article
from trainer.reporting.runs import METRICS
from trainer.runtime.checkpoint import Checkpoint, is_complete, load_checkpoint, read_json
from trainer.runtime.graphs import is_exported
from trainer.runtime.model import load_model
from trainer.runtime.slim import LEFT_BEHIND, write_slim

DEFAULT = "default"
RECORD = "promotion.json"
LARGEST_LOSS = 0.005  # "not worse": the test does not say worse, and F1 fell by no more than this
SMALLER, FASTER = 0.95, 1.10  # shares of the present default that count as smaller and as faster


@dataclass(frozen=True, slots=True)
class DevResult:
    """What a model does on dev, in the form in which it would serve."""

    counts: np.ndarray  # (1, articles, 3)
    words_per_second: float
    size: int


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a run is promoted, and why."""

    promoted: bool
    reason: str
    difference: Difference | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        found = self.difference
        return {
            "promoted": self.promoted,
            "reason": self.reason,
            "dev": None if found is None else {**found.to_dict(), "verdict": found.judge().value},
        }


def promote_run(directory: Path, models: Path, reports: Path, force: str | None = None) -> Decision:
    """Make a run ``models/default`` if dev says so.

    What is measured and what takes the place is the form that ships: an encoder's exported graph without torch weights
    (the run is exported first if it has not been), a CRF or an ensemble as it is.

    Args:
        directory: The run.
        models: Where ``default`` lies.
        reports: The judge's reports; its gold score is noted in the record.
        force: A reason to promote whatever dev says; it is recorded.

    Returns:
        The decision; ``promotion.json`` in the new default records it.

    Raises:
        ArtifactError: The run is not complete, or cannot be exported.
        ConfigError: An empty reason, or dev cannot decide and no reason is given.
    """
    if force is not None and not force.strip():
        raise ConfigError("--force needs a reason", remedy="say why, for whoever asks later")
    checkpoint = load_checkpoint(directory)
    target = models / DEFAULT
    if directory.resolve() == target.resolve():
        raise ConfigError("the run is the default already", file=directory, remedy="name another run")
    present = load_checkpoint(target) if force is None and is_complete(target) else None
    if force is None:
        _refuse_seen_dev(checkpoint)
    fresh = target.with_name(f".{DEFAULT}.{os.getpid()}.new")
    try:
        draft_default(checkpoint, fresh)
        if force is not None:
            decision = Decision(True, f"forced: {force.strip()}")
        elif present is None:
            decision = Decision(True, "there is no default yet")
        else:
            decision = decide(checkpoint, present, fresh)
        if decision.promoted:
            write_json(fresh / RECORD, _record(checkpoint, decision, reports))
            put_in_place(fresh, target)
        return decision
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def draft_default(checkpoint: Checkpoint, fresh: Path) -> None:
    """Write a run in the form that ships.

    Args:
        checkpoint: The run; exported on the way if it is an encoder's and has not been.
        fresh: A directory that does not exist yet.

    Raises:
        ArtifactError: The run cannot be exported.
    """
    fresh.parent.mkdir(parents=True, exist_ok=True)
    if checkpoint.kind != "encoder":
        shutil.copytree(checkpoint.directory, fresh, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
        return
    if not is_exported(checkpoint.directory):
        from trainer.learning.export import export_run  # loads torch, which a CRF and an exported run need not

        export_run(checkpoint.directory)
    write_slim(checkpoint, fresh)


def put_in_place(fresh: Path, target: Path) -> None:
    """Verify a directory, then let it take the target's place.

    Raises:
        ArtifactError: It is not whole; the target is then what it was.
    """
    load_checkpoint(fresh)
    replace_directory(fresh, target)


def decide(candidate: Checkpoint, present: Checkpoint, shipped: Path | None = None) -> Decision:
    """Hold a candidate against the present default on the dev articles of the candidate.

    Args:
        candidate: The run.
        present: The default.
        shipped: Where the candidate lies in the form that ships; its own directory by default.

    Raises:
        ConfigError: One of the two was trained on these articles, or they are no longer at hand.
    """
    for checkpoint in (candidate, present):
        _refuse_seen_dev(checkpoint)
    articles = find_dev_articles(candidate)
    seen = {article.id for article in articles} & set(present.provenance["data"]["train"])
    if seen:
        raise ConfigError(
            f"the present default was trained on {len(seen)} dev articles of {candidate.name}",
            file=present.directory,
            remedy="train both on the same split, or pass --force REASON",
        )
    places = (shipped or candidate.directory, present.directory)
    ours, theirs = (measure_on_dev(directory, articles) for directory in places)
    found = compare_models(ours.counts, theirs.counts)
    verdict = found.judge()
    if verdict is Verdict.BETTER:
        return Decision(True, "better on dev", found)
    if verdict is Verdict.WORSE or found.value < -LARGEST_LOSS:
        return Decision(False, "worse on dev", found)
    if ours.size <= SMALLER * theirs.size:
        return Decision(True, f"not worse on dev and smaller ({ours.size:,} against {theirs.size:,} bytes)", found)
    if ours.words_per_second >= FASTER * theirs.words_per_second:
        speeds = f"{ours.words_per_second:,.0f} against {theirs.words_per_second:,.0f} words a second"
        return Decision(True, f"not worse on dev and faster ({speeds})", found)
    return Decision(False, "not better on dev, and neither smaller nor faster", found)


def find_dev_articles(checkpoint: Checkpoint) -> tuple[Article, ...]:
    """The dev articles that a run recorded, read from its annotation files.

    Raises:
        ConfigError: The files no longer hold what the run was trained with.
    """
    provenance = checkpoint.provenance
    paths = [Path(path) for path in provenance.get("configuration", {}).get("data", {}).get("annotations", ())]
    corpus = load_corpus(paths, None) if paths else None
    if corpus is None or corpus.hash != provenance["data"]["hash"]:
        raise ConfigError(
            "the annotated articles have changed since the run was trained",
            file=checkpoint.directory,
            remedy="train it again on the present articles, or pass --force REASON",
        )
    dev = set(provenance["data"]["dev"])
    return tuple(article for article in corpus.articles if article.id in dev)


def measure_on_dev(directory: Path, articles: Sequence[Article]) -> DevResult:
    """Counts, speed (the better of two passes) and size of a model as it would serve."""
    model = load_model(directory)
    texts = [article.text for article in articles]
    fastest = float("inf")
    for _ in range(2):
        started = time.perf_counter()
        found = model.predict(texts)
        fastest = min(fastest, time.perf_counter() - started)
    counts = [count_matches(article.spans, row.spans) for article, row in zip(articles, found, strict=True)]
    return DevResult(
        counts=np.array([[(c.correct, c.predicted, c.gold) for c in counts]], dtype=np.float64),
        words_per_second=sum(len(text.split()) for text in texts) / fastest,
        size=sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()),
    )


def _refuse_seen_dev(checkpoint: Checkpoint) -> None:
    data = checkpoint.provenance.get("data") or {}
    if set(data.get("train", ())) & set(data.get("dev", ())):
        raise ConfigError(
            "the run was trained on its dev articles, so dev says nothing about it",
            file=checkpoint.directory,
            remedy="train without data.use_dev_for_training, or pass --force REASON",
        )


def _record(checkpoint: Checkpoint, decision: Decision, reports: Path) -> dict[str, Any]:
    path = reports / checkpoint.name / METRICS
    try:
        gold: dict[str, Any] | None = read_json(path)["strict"]
    except (ArtifactError, KeyError):
        gold = None
    return {
        "run": checkpoint.name,
        "promoted_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **decision.to_dict(),
        "gold_reported_not_selected_on": gold,
    }
