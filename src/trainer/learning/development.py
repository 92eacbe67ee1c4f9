"""Scores on dev articles: the same path from text to spans as in judging and in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.metrics import Counts, bootstrap_interval, count_by_label, count_matches, macro_f1, total
from trainer.core.types import Article, Span
from trainer.learning.calibrate import fit_calibration
from trainer.learning.encoding import tag_indices
from trainer.runtime.calibration import Calibration
from trainer.runtime.reading import Reader
from trainer.runtime.tagging import Floats, Scorer, decode_spans, score_words


@dataclass(frozen=True, slots=True)
class DevScores:
    """Strict span scores over whole articles.

    Attributes:
        overall: Micro counts over all labels.
        labels: Counts of each label.
        articles: Counts of each article.
    """

    overall: Counts
    labels: dict[str, Counts]
    articles: tuple[Counts, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, scores in the range 0 to 1."""
        low, high = bootstrap_interval(self.articles)
        return {
            "strict": {**self.overall.to_dict(), "f1_interval": [low, high]},
            "macro_f1": macro_f1(self.labels),
            "labels": {name: counts.to_dict() for name, counts in self.labels.items()},
            "articles": len(self.articles),
        }


def count_scores(articles: Sequence[Article], predicted: Sequence[Sequence[Span]], labels: Sequence[str]) -> DevScores:
    """Strict scores of predicted spans, article by article."""
    pairs = list(zip(articles, predicted, strict=True))
    by_label = [count_by_label(article.spans, spans, labels) for article, spans in pairs]
    counts = tuple(count_matches(article.spans, spans) for article, spans in pairs)
    return DevScores(total(counts), {label: total(row[label] for row in by_label) for label in labels}, counts)


class DevSet:
    """Dev articles, read once.

    Args:
        articles: With gold spans; every one of them counts.
        reader: Reads their texts.
        tags: Names of the tags, in the order of the classifier's outputs.
        labels: Names of the labels.
    """

    def __init__(self, articles: Sequence[Article], reader: Reader, tags: Sequence[str], labels: Sequence[str]) -> None:
        self._articles = tuple(articles)
        self._readings = reader.read_texts([article.text for article in articles])
        self._tags, self._labels = tuple(tags), tuple(labels)

    def score(self, scorer: Scorer) -> tuple[DevScores, list[Floats]]:
        """Scores of a scorer, and its logits for each article's words."""
        logits = score_words(self._readings, scorer)
        predicted = [
            decode_spans(reading, rows, self._tags) for reading, rows in zip(self._readings, logits, strict=True)
        ]
        return count_scores(self._articles, predicted, self._labels), logits

    def calibrate(self, logits: Sequence[Floats]) -> tuple[Calibration, dict[str, float]]:
        """The calibration that a tagger's logits ask for, and what a run records of its making."""
        return fit_calibration(self._articles, self._readings, logits, self._tags)

    def gold_tags(self) -> NDArray[np.int64]:
        """``(words of all articles,)`` index of each word's gold tag."""
        return np.concatenate(
            [
                tag_indices(article, reading, self._tags)
                for article, reading in zip(self._articles, self._readings, strict=True)
            ]
        )
