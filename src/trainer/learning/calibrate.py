"""Honest confidence, fitted on dev: one temperature for words (Guo et al. 2017), a line for spans (Platt 2000).

Words outside spans outnumber the others, so a temperature that is right for words leaves spans overconfident.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from trainer.core.types import Article
from trainer.learning.encoding import tag_indices
from trainer.runtime.calibration import Calibration
from trainer.runtime.reading import Reading
from trainer.runtime.tagging import Floats, decode_spans, log_softmax

_LOWEST, _HIGHEST = 0.05, 20.0
_FEWEST_SPANS = 50
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


def fit_span_scores(found: Iterable[tuple[float, bool]]) -> tuple[float, float]:
    """Slope and offset of the log-odds of span scores that make correct spans most likely.

    Args:
        found: Score of each predicted span, and whether gold holds it.

    Returns:
        1 and 0, which change nothing, where there are too few spans, or none of one kind, or where lower scores are
        right more often.
    """
    pairs = list(found)
    right = np.array([correct for _, correct in pairs], dtype=bool)
    if len(pairs) < _FEWEST_SPANS or right.all() or not right.any():
        return 1.0, 0.0
    scores = np.clip([score for score, _ in pairs], 1e-6, 1 - 1e-6)
    odds = np.log(scores / (1 - scores))
    model = LogisticRegression(C=np.inf).fit(odds[:, None], right)
    slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    return (slope, offset) if slope > 0 else (1.0, 0.0)


def fit_calibration(
    articles: Sequence[Article], readings: Sequence[Reading], logits: Sequence[Floats], tags: Sequence[str]
) -> tuple[Calibration, dict[str, float]]:
    """The calibration of a tagger.

    Args:
        articles: Annotated dev articles.
        readings: Of their texts.
        logits: ``(words, tags)`` of each.
        tags: Names of the tags.

    Returns:
        The calibration, and what a run records of its making.
    """
    gold = [tag_indices(article, reading, tags) for article, reading in zip(articles, readings, strict=True)]
    fit = fit_temperature(logits, np.concatenate(gold) if gold else np.zeros(0, dtype=np.int64))
    words = Calibration(fit.temperature)
    found = [
        (float(span.score or 0.0), (span.start, span.end, span.label) in known)
        for article, reading, rows in zip(articles, readings, logits, strict=True)
        for known in ({(span.start, span.end, span.label) for span in article.spans},)
        for span in decode_spans(reading, rows, tags, words)
    ]
    slope, offset = fit_span_scores(found)
    return Calibration(fit.temperature, slope, offset), {**asdict(fit), "slope": slope, "offset": offset}
