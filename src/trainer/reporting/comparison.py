"""Runs or groups of runs against a baseline: differences, tests, verdicts, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.core.errors import ConfigError
from trainer.core.metrics import f1_of_sums
from trainer.core.significance import SAMPLES, Difference, Verdict, compare_models, correct_holm, mean_f1
from trainer.reporting.grouping import Group, differing_settings

MOST_ARTICLES = 12


@dataclass(frozen=True, slots=True)
class Tested:
    """A difference with its p-value after Holm's correction, and the verdict."""

    difference: Difference
    p_corrected: float

    @property
    def verdict(self) -> Verdict:
        """Better, worse or cannot tell."""
        return self.difference.judge(self.p_corrected)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**self.difference.to_dict(), "p_corrected": self.p_corrected, "verdict": self.verdict.value}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Groups, and what the tests say of each but the baseline.

    Attributes:
        baseline: Name of the group that the others are held against.
        groups: All groups, in order.
        overall: By name of group: the test of strict F1 over all labels.
        labels: By name of group, then label.
    """

    baseline: str
    groups: tuple[Group, ...]
    overall: dict[str, Tested]
    labels: dict[str, dict[str, Tested]]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "baseline": self.baseline,
            "gold": self.groups[0].runs[0].judged["gold"],
            "groups": [describe_group(group) for group in self.groups],
            "comparisons": {
                name: {
                    "overall": tested.to_dict(),
                    "labels": {label: row.to_dict() for label, row in self.labels[name].items()},
                }
                for name, tested in self.overall.items()
            },
            "settings": differing_settings(self.groups),
            "articles": rank_articles(self.groups, self.baseline),
        }


def compare_groups(groups: Sequence[Group], baseline: str | None = None, samples: int = SAMPLES) -> Comparison:
    """Test every group against the baseline.

    Args:
        groups: At least two, all judged on the same gold.
        baseline: Name of a group, or of a run in it; the first group by default.
        samples: Resamples of each test.

    Returns:
        The comparison; overall p-values are corrected over the groups, those of labels over groups and labels.

    Raises:
        ConfigError: There are fewer than two groups, or no group is the baseline.
    """
    if len(groups) < 2:
        raise ConfigError("one group of runs has nothing to be compared with", remedy="name runs that differ")
    reference = _find(groups, baseline) if baseline else groups[0]
    others = [group for group in groups if group is not reference]
    overall = [compare_models(group.counts(), reference.counts(), samples) for group in others]
    labels = groups[0].runs[0].labels
    pairs = [(group, label) for group in others for label in labels]
    by_label = [compare_models(group.counts(label), reference.counts(label), samples) for group, label in pairs]
    corrected = correct_holm([found.p_randomisation for found in by_label])
    table: dict[str, dict[str, Tested]] = {group.name: {} for group in others}
    for (group, label), found, p_value in zip(pairs, by_label, corrected, strict=True):
        table[group.name][label] = Tested(found, p_value)
    tested = zip(others, overall, correct_holm([found.p_randomisation for found in overall]), strict=True)
    return Comparison(
        reference.name, tuple(groups), {group.name: Tested(found, p) for group, found, p in tested}, table
    )


def describe_group(group: Group) -> dict[str, Any]:
    """Mean and spread of scores over a group's runs; its speed and size."""
    f1 = group.scores("f1")
    first = group.runs[0]
    dev = [run.dev["dev"]["strict"]["f1"] for run in group.runs if "dev" in run.dev]
    speeds = [run.judged.get("speed", {}).get("words_per_second") for run in group.runs]
    known = [speed for speed in speeds if speed]
    return {
        "name": group.name,
        "runs": [run.name for run in group.runs],
        "f1": float(np.mean(f1)),
        "f1_deviation": float(np.std(f1, ddof=1)) if len(f1) > 1 else None,
        "precision": float(np.mean(group.scores("precision"))),
        "recall": float(np.mean(group.scores("recall"))),
        "labels": {label: mean_f1(group.counts(label)) for label in first.labels},
        "dev_f1": float(np.mean(dev)) if dev else None,
        "words_per_second": float(np.median(known)) if known else None,
        "bytes": first.judged["run"].get("bytes"),
        "runtime": f"{first.judged['run'].get('runtime', '')} {first.judged['run'].get('precision', '')}".strip(),
    }


def rank_articles(groups: Sequence[Group], baseline: str, most: int = MOST_ARTICLES) -> list[dict[str, Any]]:
    """The articles on which the groups differ most: F1 of each group, by the widest gap to the baseline."""
    scores = {group.name: f1_of_sums(group.counts()).mean(axis=0) for group in groups}
    gaps = np.max([np.abs(row - scores[baseline]) for row in scores.values()], axis=0)
    first = groups[0].runs[0]
    return [
        {
            "id": first.articles[index],
            "source": first.judged["articles"][index].get("source"),
            "gap": float(gaps[index]),
            "f1": {name: float(row[index]) for name, row in scores.items()},
        }
        for index in np.argsort(-gaps, kind="stable")[:most].tolist()
        if gaps[index] > 0
    ]


def _find(groups: Sequence[Group], name: str) -> Group:
    for group in groups:
        if group.name == name or name in [run.name for run in group.runs]:
            return group
    raise ConfigError(
        f"{name!r} is not among the runs compared", remedy=f"choose one of {', '.join(group.name for group in groups)}"
    )
