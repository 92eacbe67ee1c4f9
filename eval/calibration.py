"""Whether scores mean what they say: reliability, expected calibration error, thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.judge import Judged

BINS = 10
THRESHOLDS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def calibrate_spans(judged: Sequence[Judged]) -> dict[str, Any] | None:
    """Reliability of span scores against strict correctness; None where spans carry no score.

    Returns:
        ``ece``: expected calibration error over ten bins of equal width (Guo et al. 2017);
        ``reliability``: mean score, share right and count of each bin that holds a span;
        ``thresholds``: precision, recall and F1 of the spans that score at least so much.
    """
    scores, right = _collect(judged)
    if not len(scores):
        return None
    gold = sum(len(set(item.article.spans)) for item in judged)
    bins = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    rows = [_bin(scores[bins == index], right[bins == index], index) for index in range(BINS) if (bins == index).any()]
    ece = sum(abs(row["score"] - row["right"]) * row["spans"] for row in rows) / len(scores)
    return {
        "ece": ece,
        "brier": float(np.mean((scores - right) ** 2)),
        "spans": len(scores),
        "reliability": rows,
        "thresholds": [_threshold(scores, right, gold, value) for value in THRESHOLDS],
    }


def _collect(judged: Sequence[Judged]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Score, and 1 or 0 for right or wrong, of each predicted span that has a score."""
    scores: list[float] = []
    right: list[float] = []
    for item in judged:
        gold = {(span.start, span.end, span.label) for span in item.article.spans}
        for span in item.spans:
            if span.score is not None:
                scores.append(span.score)
                right.append(float((span.start, span.end, span.label) in gold))
    return np.array(scores), np.array(right)


def _bin(scores: NDArray[np.float64], right: NDArray[np.float64], index: int) -> dict[str, float]:
    return {
        "from": index / BINS,
        "to": (index + 1) / BINS,
        "score": float(scores.mean()),
        "right": float(right.mean()),
        "spans": len(scores),
    }


def _threshold(
    scores: NDArray[np.float64], right: NDArray[np.float64], gold: int, threshold: float
) -> dict[str, float | None]:
    kept = scores >= threshold
    correct, predicted = float(right[kept].sum()), int(kept.sum())
    return {
        "threshold": threshold,
        "precision": correct / predicted if predicted else None,
        "recall": correct / gold if gold else 0.0,
        "f1": 2 * correct / (predicted + gold) if predicted + gold else 0.0,
        "spans": predicted,
    }
