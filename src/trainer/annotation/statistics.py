"""Counts and lengths of annotated articles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.annotation.corpus import Rule, choose_adjudicated
from trainer.annotation.labelstudio import AnnotatedArticle
from trainer.annotation.regions import lay_out
from trainer.core.bio import word_range
from trainer.core.types import Article

_META = ("source", "style", "country", "topic", "synthetic")
_PERCENTILES = (0, 25, 50, 75, 95, 100)


@dataclass(frozen=True, slots=True)
class Statistics:
    """What some articles hold.

    Attributes:
        totals: Articles, paragraphs, words, spans, links; articles without an annotation that counts.
        counts: For each grouping (label, type, role, source, …) how often each value occurs.
        lengths: For each length (words an article, words a span of each label, …) its percentiles.
    """

    totals: dict[str, int]
    counts: dict[str, dict[str, int]]
    lengths: dict[str, dict[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"totals": self.totals, "counts": self.counts, "lengths": self.lengths}


def measure_articles(articles: Sequence[AnnotatedArticle], rule: Rule = choose_adjudicated) -> Statistics:
    """Statistics over the annotation that counts in each article; annotators over all submitted ones."""
    chosen = [(article, rule(article)) for article in articles]
    read = [article.to_article(annotation) for article, annotation in chosen if annotation is not None]
    counts = _count_values(read)
    counts["annotator"] = _ordered(
        annotation.annotator or "unknown"
        for article in articles
        for annotation in article.annotations
        if not annotation.cancelled
    )
    counts["annotations an article"] = _ordered(
        str(sum(not annotation.cancelled for annotation in article.annotations)) for article in articles
    )
    counts["file"] = _ordered(article.file for article in articles)
    totals, lengths = _measure_lengths(read)
    totals["articles without annotation"] = len(articles) - len(read)
    return Statistics(totals, counts, lengths)


def _count_values(articles: Sequence[Article]) -> dict[str, dict[str, int]]:
    spans = [span for article in articles for span in article.spans]
    counts = {
        "label": _ordered(span.label for span in spans),
        "type": _ordered(span.type for span in spans if span.type is not None),
        "role": _ordered(link.role for article in articles for link in article.links),
    }
    for key in _META:
        counts[key] = _ordered(str(article.meta[key]) for article in articles if article.meta.get(key) is not None)
    return counts


def _measure_lengths(articles: Sequence[Article]) -> tuple[dict[str, int], dict[str, dict[str, float]]]:
    lengths: dict[str, list[int]] = {"words an article": [], "words a paragraph": [], "spans a paragraph": []}
    words = 0
    for article in articles:
        layout = lay_out(article.text)
        words += len(layout.words)
        lengths["words an article"].append(len(layout.words))
        lengths["words a paragraph"] += [part.last_word - part.first_word for part in layout.paragraphs]
        held = Counter(layout.paragraph_of(span.start) for span in article.spans)
        lengths["spans a paragraph"] += [held[index] for index in range(len(layout.paragraphs))]
        for span in article.spans:
            covered = word_range(layout.words, span.start, span.end)
            if covered is not None:
                lengths.setdefault(f"words a span, {span.label}", []).append(covered[1] - covered[0])
    totals = {
        "articles": len(articles),
        "paragraphs": len(lengths["words a paragraph"]),
        "words": words,
        "spans": sum(len(article.spans) for article in articles),
        "links": sum(len(article.links) for article in articles),
        "paragraphs without spans": lengths["spans a paragraph"].count(0),
    }
    return totals, {name: _percentiles(values) for name, values in sorted(lengths.items()) if values}


def _percentiles(values: Sequence[int]) -> dict[str, float]:
    found = np.percentile(values, _PERCENTILES)
    return {
        "mean": round(float(np.mean(values)), 2),
        **{f"p{percent}": float(value) for percent, value in zip(_PERCENTILES, found, strict=True)},
    }


def _ordered(values: Iterable[str]) -> dict[str, int]:
    """Counts, largest first, equal ones by name."""
    return dict(sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0])))
