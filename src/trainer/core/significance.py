"""Whether one model is better than another, from counts of the same documents.

A model is a stack of runs (seeds) over documents: an array ``(runs, documents, 3)`` of correct,
predicted and gold spans. Approximate randomisation decides (Noreen 1989; Yeh 2000: whole
documents change sides, so the level is exact under exchangeability); the paired document
bootstrap, with seeds resampled inside it, gives the interval and, where there are several seeds,
must agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.errors import ConfigError
from trainer.core.metrics import f1_of_sums, resample_weights

SAMPLES = 10_000
LEVEL = 0.05
_NORMAL_975, _NORMAL_80 = 1.959964, 0.841621  # quantiles: two-sided 5 % and 80 % power
_TIE = 1e-12

Table = NDArray[np.float64]


class Verdict(Enum):
    """What can be said of a model beside its baseline."""

    BETTER = "better"
    WORSE = "worse"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Difference:
    """F1 of a model minus F1 of its baseline.

    Attributes:
        value: Of the means over runs.
        low: Lower bound of the 95 % bootstrap interval.
        high: Upper bound.
        p_bootstrap: Two-sided.
        p_randomisation: Two-sided.
        smallest: The difference that documents and seeds like these would show in four cases of five.
        seeds: Whether either side has several runs, so that the interval holds seed noise too.
    """

    value: float
    low: float
    high: float
    p_bootstrap: float
    p_randomisation: float
    smallest: float
    seeds: bool

    def judge(self, p: float | None = None, level: float = LEVEL) -> Verdict:
        """The verdict at a level.

        Args:
            p: The p-value after correction for other tests; the randomisation's own by default.
            level: Chance of a verdict where there is no difference.
        """
        decided = (self.p_randomisation if p is None else p) <= level
        if self.seeds and self.low <= 0.0 <= self.high:
            decided = False
        if not decided or self.value == 0.0:
            return Verdict.CANNOT_TELL
        return Verdict.BETTER if self.value > 0.0 else Verdict.WORSE

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "difference": self.value,
            "interval": [self.low, self.high],
            "p_bootstrap": self.p_bootstrap,
            "p_randomisation": self.p_randomisation,
            "smallest_difference": self.smallest,
        }


def compare_models(model: Table, baseline: Table, samples: int = SAMPLES, seed: int = 0) -> Difference:
    """Compare two models over the same documents.

    Args:
        model: ``(runs, documents, 3)`` correct, predicted, gold.
        baseline: The same of the other model; its documents in the same order.
        samples: Resamples of each test.
        seed: Of the resampling.

    Raises:
        ConfigError: The two do not hold the same number of documents, or none.
    """
    if model.shape[1:] != baseline.shape[1:] or model.shape[1] == 0 or not len(model) or not len(baseline):
        raise ConfigError(
            f"{model.shape[1]} and {baseline.shape[1]} documents cannot be compared in pairs",
            remedy="judge both models on the same gold",
        )
    value = float(mean_f1(model) - mean_f1(baseline))
    resampled = _bootstrap(model, baseline, samples, seed)
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Difference(
        value=value,
        low=float(low),
        high=float(high),
        p_bootstrap=_two_sided(resampled),
        p_randomisation=randomise(model.mean(axis=0), baseline.mean(axis=0), samples, seed),
        smallest=float((_NORMAL_975 + _NORMAL_80) * resampled.std()),
        seeds=len(model) > 1 or len(baseline) > 1,
    )


def mean_f1(model: Table) -> float:
    """Micro F1 over documents, averaged over runs."""
    return float(f1_of_sums(model.sum(axis=1)).mean())


def randomise(model: Table, baseline: Table, samples: int, seed: int) -> float:
    """Two-sided p of approximate randomisation: each document's counts change sides with probability one half.

    Args:
        model: ``(documents, 3)``.
        baseline: ``(documents, 3)``.
        samples: Random assignments.
        seed: Of the assignments.
    """
    observed = abs(_difference(model.sum(axis=0), baseline.sum(axis=0)))
    swapped = np.random.default_rng(seed).integers(0, 2, size=(samples, len(model))).astype(np.float64)
    moved = swapped @ (baseline - model)
    differences = np.abs(_difference(model.sum(axis=0) + moved, baseline.sum(axis=0) - moved))
    return float((1 + (differences >= observed - _TIE).sum()) / (1 + samples))


def correct_holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's (1979) step-down correction, in the order given."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return tuple(corrected)


def _difference(model: Table, baseline: Table) -> Table:
    difference: Table = f1_of_sums(model) - f1_of_sums(baseline)
    return difference


def _bootstrap(model: Table, baseline: Table, samples: int, seed: int) -> Table:
    """``(samples,)`` differences: documents drawn with replacement for both at once, runs for each alone."""
    weights = resample_weights(model.shape[1], samples, seed).astype(np.float64)
    generator = np.random.default_rng([seed, 1])
    resampled: Table = _resample_runs(model, weights, generator) - _resample_runs(baseline, weights, generator)
    return resampled


def _resample_runs(model: Table, weights: Table, generator: np.random.Generator) -> Table:
    """``(samples,)`` mean F1 of runs drawn with replacement.

    The draw's deviation is stretched by sqrt(n / (n - 1)): a plain bootstrap of few runs shows too
    little of their spread (Rao and Wu 1988).
    """
    scores = np.stack([f1_of_sums(weights @ run) for run in model], axis=1)
    middle: Table = scores.mean(axis=1)
    runs = len(model)
    if runs == 1:
        return middle
    drawn = np.take_along_axis(scores, generator.integers(0, runs, size=scores.shape), axis=1).mean(axis=1)
    stretched: Table = middle + (drawn - middle) * np.sqrt(runs / (runs - 1))
    return stretched


def _two_sided(resampled: Table) -> float:
    below = (1 + (resampled <= 0).sum()) / (1 + len(resampled))
    above = (1 + (resampled >= 0).sum()) / (1 + len(resampled))
    return float(min(1.0, 2 * min(below, above)))
