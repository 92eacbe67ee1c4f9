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
from trainer.core.files import write_json
from trainer.core.metrics import count_matches
from trainer.core.significance import Difference, Verdict, compare_models
from trainer.core.types import Article
from trainer.reporting.runs import METRICS
from trainer.runtime.checkpoint import Checkpoint, is_complete, load_checkpoint, read_json
from trainer.runtime.model import load_model

DEFAULT = "default"
RECORD = "promotion.json"
LARGEST_LOSS = 0.005  # "not worse": the test does not say worse, and F1 fell by no more than this
SMALLER, FASTER = 0.95, 1.10  # shares of the present default that count as smaller and as faster
_LEFT_BEHIND = shutil.ignore_patterns("checkpoints", "*.tmp")


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

    Args:
        directory: The run.
        models: Where ``default`` lies.
        reports: The judge's reports; its gold score is noted in the record.
        force: A reason to promote whatever dev says; it is recorded.

    Returns:
        The decision; ``promotion.json`` in the new default records it.

    Raises:
        ArtifactError: The run is not complete.
        ConfigError: An empty reason, or dev cannot decide and no reason is given.
    """
    if force is not None and not force.strip():
        raise ConfigError("--force needs a reason", remedy="say why, for whoever asks later")
    checkpoint = load_checkpoint(directory)
    target = models / DEFAULT
    if directory.resolve() == target.resolve():
        raise ConfigError("the run is the default already", file=directory, remedy="name another run")
    if force is not None:
        decision = Decision(True, f"forced: {force.strip()}")
    elif is_complete(target):
        decision = decide(checkpoint, load_checkpoint(target))
    else:
        _refuse_seen_dev(checkpoint)
        decision = Decision(True, "there is no default yet")
    if decision.promoted:
        replace_directory(directory, target)
        write_json(target / RECORD, _record(checkpoint, decision, reports))
    return decision


def decide(candidate: Checkpoint, present: Checkpoint) -> Decision:
    """Hold a candidate against the present default on the dev articles of the candidate.

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
    ours, theirs = (measure_on_dev(checkpoint, articles) for checkpoint in (candidate, present))
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


def measure_on_dev(checkpoint: Checkpoint, articles: Sequence[Article]) -> DevResult:
    """Counts, speed (the better of two passes) and size of a model as it would serve."""
    model = load_model(checkpoint.directory)
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
        size=sum(path.stat().st_size for path in checkpoint.directory.rglob("*") if path.is_file()),
    )


def replace_directory(source: Path, target: Path) -> None:
    """Copy a run beside the target, check the copy, then swap the two names.

    A kill while copying leaves the old target in place; one between the two renames leaves both
    whole under hidden names.
    """
    fresh, old = (target.with_name(f".{target.name}.{os.getpid()}.{part}") for part in ("new", "old"))
    try:
        shutil.copytree(source, fresh, ignore=_LEFT_BEHIND)
        load_checkpoint(fresh)  # the copy is whole
        if target.exists():
            target.rename(old)
        try:
            fresh.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)


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
