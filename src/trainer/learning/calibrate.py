"""Temperature scaling: one number that makes a tagger's confidence honest (Guo et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.runtime.tagging import Floats, log_softmax

_LOWEST, _HIGHEST = 0.05, 20.0
_GOLDEN = (np.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class TemperatureFit:
    """A fitted temperature and the mean negative log-likelihood (nats a word) before and after."""

    temperature: float
    loss_before: float
    loss_after: float


def fit_temperature(logits: Sequence[Floats], gold: NDArray[np.int64]) -> TemperatureFit:
    """The temperature that makes gold tags most likely.

    Args:
        logits: ``(words, tags)`` of each article.
        gold: ``(words of all articles,)`` gold tag indices.

    Returns:
        The fit; temperature 1 when there are no words. The loss is unimodal in the temperature,
        so a golden-section search over its logarithm finds the optimum.
    """
    rows = np.concatenate([part for part in logits if len(part)]) if any(len(part) for part in logits) else None
    if rows is None:
        return TemperatureFit(1.0, 0.0, 0.0)
    rows = rows.astype(np.float64)
    low, high = np.log(_LOWEST), np.log(_HIGHEST)
    while high - low > 1e-4:
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if _loss(rows, gold, np.exp(left)) <= _loss(rows, gold, np.exp(right)):
            high = right
        else:
            low = left
    temperature = float(np.exp((low + high) / 2))
    return TemperatureFit(temperature, _loss(rows, gold, 1.0), _loss(rows, gold, temperature))


def _loss(logits: NDArray[np.float64], gold: NDArray[np.int64], temperature: float) -> float:
    scores = log_softmax((logits / temperature).astype(np.float64))
    return float(-scores[np.arange(len(gold)), gold].mean())
