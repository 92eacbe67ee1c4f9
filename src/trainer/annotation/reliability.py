"""Chance-corrected agreement: Krippendorff's alpha and Cohen's kappa for nominal categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import numpy as np


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Alpha of nominal categories: one minus observed over expected disagreement.

    Args:
        units: For each unit the values that its coders gave; units with fewer than two say nothing.

    Returns:
        1 for perfect agreement, 0 for chance, negative below it; None without a pair of values.
        Where only one category occurs there is nothing to disagree on, and the value is 1.
        Krippendorff (2011), Computing Krippendorff's Alpha-Reliability.
    """
    patterns = Counter(tuple(values) for values in units if len(values) > 1)  # few distinct ones: most words agree
    if not patterns:
        return None
    index = {value: place for place, value in enumerate(dict.fromkeys(value for row in patterns for value in row))}
    coincidences = np.zeros((len(index), len(index)))
    for row, times in patterns.items():
        counts = np.bincount([index[value] for value in row], minlength=len(index)).astype(np.float64)
        coincidences += times * (np.outer(counts, counts) - np.diag(counts)) / (len(row) - 1)
    totals = coincidences.sum(axis=1)
    size = totals.sum()
    observed = size - np.trace(coincidences)
    expected = (size**2 - (totals**2).sum()) / (size - 1)
    return 1.0 if expected == 0 else float(1 - observed / expected)


def cohen_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Kappa of two coders over the same items; None without items, 1 where only one category occurs."""
    if not pairs:
        return None
    size = len(pairs)
    observed = sum(left == right for left, right in pairs) / size
    lefts, rights = Counter(left for left, _ in pairs), Counter(right for _, right in pairs)
    expected = sum(lefts[value] * rights[value] for value in lefts) / size**2
    return 1.0 if expected == 1 else (observed - expected) / (1 - expected)
