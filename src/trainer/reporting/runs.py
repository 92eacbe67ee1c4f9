"""Runs as a comparison sees them: a run directory and what the judge wrote about it.

The judge's ``metrics.json`` holds counts of each gold article, never its text or labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.errors import ArtifactError
from trainer.core.files import hash_file
from trainer.core.paths import repository_directory
from trainer.runtime.checkpoint import PROVENANCE, is_complete, read_json

METRICS = "metrics.json"


def default_reports() -> Path:
    """Where the judge leaves its reports."""
    return repository_directory() / "eval" / "reports"


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A complete run with the judge's numbers.

    Attributes:
        name: Of the run directory.
        provenance: What it was trained from.
        dev: Its own scores on dev.
        judged: The judge's ``metrics.json``.
    """

    name: str
    provenance: Mapping[str, Any] = field(hash=False)
    dev: Mapping[str, Any] = field(hash=False)
    judged: Mapping[str, Any] = field(hash=False)

    @property
    def articles(self) -> tuple[str, ...]:
        """Ids of the gold articles, in order."""
        return tuple(str(article["id"]) for article in self.judged["articles"])

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that were scored."""
        return tuple(self.judged["labels"])

    def counts(self, label: str | None = None) -> NDArray[np.float64]:
        """``(articles, 3)`` correct, predicted and gold spans, of one label or of all."""
        rows = [row["counts"] if label is None else row["labels"][label] for row in self.judged["articles"]]
        return np.array(rows, dtype=np.float64)


def load_judged(directory: Path, reports: Path) -> JudgedRun:
    """A run with the judge's report on it.

    Raises:
        ArtifactError: The run is not complete, has not been judged, or was judged before it was trained anew.
    """
    if not is_complete(directory):
        raise ArtifactError("not a complete run", file=directory, remedy="see `python -m trainer runs`")
    name = directory.resolve().name
    path = reports / name / METRICS
    again = f"judge it: python -m eval {directory}"
    if not path.is_file():
        raise ArtifactError("the run has not been judged", file=path, remedy=again)
    judged = read_json(path)
    missing = {"run", "gold", "articles", "labels", "strict"} - set(judged)
    if missing:
        raise ArtifactError(f"not a report of the judge: no {', '.join(sorted(missing))}", file=path, remedy=again)
    if judged["run"].get("provenance_sha256") != hash_file(directory / PROVENANCE):
        raise ArtifactError("the report is about an earlier training of this run", file=path, remedy=again)
    dev = directory / METRICS
    return JudgedRun(name, read_json(directory / PROVENANCE), read_json(dev) if dev.is_file() else {}, judged)


def refuse_other_gold(runs: Sequence[JudgedRun]) -> None:
    """Refuse runs that were not judged on the same articles with the same labels.

    Raises:
        ArtifactError: Names the first run that differs from the first one.
    """
    first = runs[0]
    for run in runs[1:]:
        same = run.judged["gold"]["files"] == first.judged["gold"]["files"] and run.articles == first.articles
        if not same or run.labels != first.labels:
            raise ArtifactError(
                f"{run.name} and {first.name} were judged on different gold",
                remedy="judge both on the same files with `python -m eval`",
            )


@dataclass(frozen=True, slots=True)
class RunLine:
    """One line of the list of runs; numbers are None where they are not known."""

    name: str
    state: str
    kind: str = ""
    created: str = ""
    seed: int | None = None
    dev_f1: float | None = None
    gold_f1: float | None = None
    gold_interval: tuple[float, float] | None = None
    size: int = 0


def list_runs(models: Path, reports: Path) -> tuple[RunLine, ...]:
    """All runs of a directory, complete or not, the best on dev first."""
    directories = [path for path in sorted(models.iterdir()) if path.is_dir()] if models.is_dir() else []
    lines = [line for path in directories if (line := _describe(path, reports)) is not None]
    return tuple(sorted(lines, key=lambda line: (line.dev_f1 is None, -(line.dev_f1 or 0.0), line.name)))


def _describe(directory: Path, reports: Path) -> RunLine | None:
    size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    if not is_complete(directory):
        return RunLine(directory.name, "unfinished", size=size) if (directory / "run.json").is_file() else None
    try:
        provenance = read_json(directory / PROVENANCE)
        dev = read_json(directory / METRICS)["dev"]["strict"]["f1"] if (directory / METRICS).is_file() else None
    except (ArtifactError, KeyError, TypeError):
        return RunLine(directory.name, "damaged", size=size)
    state, strict = "not judged", {}
    if (reports / directory.name / METRICS).is_file():
        try:
            strict = load_judged(directory, reports).judged["strict"]
            state = "judged"
        except ArtifactError:
            state = "judged before it was trained anew"
    bounds = strict.get("f1_interval")
    return RunLine(
        name=directory.name,
        state=state,
        kind=str(provenance.get("kind", "")),
        created=str(provenance.get("created", "")),
        seed=provenance.get("seed"),
        dev_f1=dev,
        gold_f1=strict.get("f1"),
        gold_interval=None if bounds is None else (bounds[0], bounds[1]),
        size=size,
    )
