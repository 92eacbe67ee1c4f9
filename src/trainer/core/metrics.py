"""Span scores, by document.

The headline is strict: a predicted span counts when start, end and label all equal a gold
span's (micro-averaged over documents). The relaxed policies stand beside it under their names;
each matches predicted and gold spans one to one, so no span earns credit twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from trainer.core.types import Span


class Policy(Enum):
    """When a predicted span counts as a gold one."""

    STRICT = "strict"  # same start, end and label
    BOUNDARY = "boundary"  # same start and end, any label
    LABEL_OVERLAP = "label_overlap"  # same label, at least one code point shared
    OVERLAP = "overlap"  # at least one code point shared, any label


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, predicted and gold spans of some text."""

    correct: int = 0
    predicted: int = 0
    gold: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.correct + other.correct, self.predicted + other.predicted, self.gold + other.gold)

    @property
    def precision(self) -> float:
        """Share of predicted spans that are right; 0 when none is predicted."""
        return self.correct / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of gold spans that are found; 0 when there is none."""
        return self.correct / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 when nothing is predicted and nothing is gold."""
        return 2 * self.correct / (self.predicted + self.gold) if self.predicted + self.gold else 0.0

    def to_dict(self) -> dict[str, float | int]:
        """Plain JSON values, scores in the range 0 to 1."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "correct": self.correct,
            "predicted": self.predicted,
            "gold": self.gold,
        }


def count_matches(gold: Iterable[Span], predicted: Iterable[Span], policy: Policy = Policy.STRICT) -> Counts:
    """Counts of one document under a policy. Repeated identical spans count once."""
    gold_set, predicted_set = _distinct(gold, policy), _distinct(predicted, policy)
    if policy in (Policy.STRICT, Policy.BOUNDARY):
        correct = len(gold_set & predicted_set)
    else:
        correct = _pair_overlaps(sorted(gold_set), sorted(predicted_set), policy is Policy.LABEL_OVERLAP)
    return Counts(correct, len(predicted_set), len(gold_set))


def count_by_label(
    gold: Sequence[Span], predicted: Sequence[Span], labels: Iterable[str], policy: Policy = Policy.STRICT
) -> dict[str, Counts]:
    """Counts of one document for each label, the other labels' spans left out of both sides."""
    return {
        label: count_matches(
            [span for span in gold if span.label == label], [span for span in predicted if span.label == label], policy
        )
        for label in labels
    }


def total(counts: Iterable[Counts]) -> Counts:
    """Sum over documents."""
    return sum(counts, Counts())


def macro_f1(by_label: Mapping[str, Counts]) -> float:
    """Mean F1 over labels."""
    return sum(counts.f1 for counts in by_label.values()) / len(by_label) if by_label else 0.0


def bootstrap_interval(
    documents: Sequence[Counts],
    statistic: Callable[[np.ndarray], np.ndarray] | None = None,
    samples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of micro F1, documents resampled with replacement.

    Args:
        documents: One count a document.
        statistic: From ``(samples, 3)`` sums (correct, predicted, gold) to ``(samples,)``; F1 by default.
        samples: Resamples drawn.
        level: Coverage.
        seed: Of the resampling.

    Returns:
        Lower and upper bound. Efron and Tibshirani (1993), chapter 13.
    """
    if not documents:
        return (0.0, 0.0)
    table = np.array([(c.correct, c.predicted, c.gold) for c in documents], dtype=np.int64)
    weights = resample_weights(len(documents), samples, seed)
    values = (statistic or f1_of_sums)(weights @ table)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def resample_weights(documents: int, samples: int, seed: int) -> np.ndarray:
    """``(samples, documents)``: how often each document is drawn in each resample."""
    generator = np.random.default_rng(seed)
    weights: np.ndarray = generator.multinomial(documents, np.full(documents, 1.0 / documents), size=samples)
    return weights


def f1_of_sums(sums: np.ndarray) -> np.ndarray:
    """F1 of rows (correct, predicted, gold); 0 where a row has neither predictions nor gold."""
    denominator = sums[..., 1] + sums[..., 2]
    f1: np.ndarray = np.divide(2.0 * sums[..., 0], denominator, out=np.zeros(denominator.shape), where=denominator > 0)
    return f1


def _distinct(spans: Iterable[Span], policy: Policy) -> set[tuple[int, int, str]]:
    keep_label = policy in (Policy.STRICT, Policy.LABEL_OVERLAP)
    return {(span.start, span.end, span.label if keep_label else "") for span in spans}


def _pair_overlaps(
    gold: Sequence[tuple[int, int, str]], predicted: Sequence[tuple[int, int, str]], same_label: bool
) -> int:
    """Size of the largest one-to-one pairing of overlapping spans (augmenting paths, Kuhn 1955)."""
    rivals = [
        [j for j, p in enumerate(predicted) if min(g[1], p[1]) > max(g[0], p[0]) and (not same_label or g[2] == p[2])]
        for g in gold
    ]
    holder: dict[int, int] = {}

    def pair(index: int, tried: set[int]) -> bool:
        for rival in rivals[index]:
            if rival not in tried:
                tried.add(rival)
                if rival not in holder or pair(holder[rival], tried):
                    holder[rival] = index
                    return True
        return False

    return sum(pair(index, set()) for index in range(len(gold)))
