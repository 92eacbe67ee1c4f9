"""Predictions on the gold, article by article."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from eval.gold import GoldArticle
from trainer.core.metrics import Counts, Policy, count_by_label, count_matches
from trainer.core.types import Article, Link, Span
from trainer.runtime.model import Model
from trainer.runtime.reading import Reading
from trainer.runtime.tagging import Floats


@dataclass(frozen=True, slots=True)
class Judged:
    """A gold article beside what the model says about it.

    Attributes:
        gold: The gold article.
        spans: Predicted spans in text order.
        links: Predicted links between them.
    """

    gold: GoldArticle
    spans: tuple[Span, ...]
    links: tuple[Link, ...]

    @property
    def article(self) -> Article:
        """The text with its gold annotation."""
        return self.gold.article

    def count(self, policy: Policy = Policy.STRICT) -> Counts:
        """Counts over all labels."""
        return count_matches(self.article.spans, self.spans, policy)

    def count_labels(self, labels: Sequence[str], policy: Policy = Policy.STRICT) -> dict[str, Counts]:
        """Counts of each label."""
        return count_by_label(self.article.spans, self.spans, labels, policy)


@dataclass(frozen=True, slots=True)
class Speed:
    """How long the predictions took."""

    seconds: float
    words: int

    def to_dict(self) -> dict[str, float]:
        """Plain JSON values."""
        return {
            "seconds": round(self.seconds, 3),
            "words": self.words,
            "words_per_second": round(self.words / self.seconds, 1) if self.seconds else 0.0,
        }


def judge_articles(model: Model, articles: Sequence[GoldArticle]) -> tuple[tuple[Judged, ...], Speed]:
    """Predict every article in one call, as a user would."""
    started = time.perf_counter()
    extractions = model.predict([gold.article.text for gold in articles], [gold.article.id for gold in articles])
    seconds = time.perf_counter() - started
    judged = tuple(
        Judged(gold, extraction.spans, extraction.links) for gold, extraction in zip(articles, extractions, strict=True)
    )
    return judged, Speed(seconds, sum(len(gold.article.text.split()) for gold in articles))


def score_words(model: Model, articles: Sequence[GoldArticle]) -> list[tuple[Reading, Floats]]:
    """Readings and tag scores of every article, for calibration."""
    return model.score([gold.article.text for gold in articles])
