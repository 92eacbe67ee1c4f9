"""How far an exported graph's states move the event head: types, links and their dev scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.core.event_metrics import count_events
from trainer.core.metrics import Counts, total
from trainer.core.schema import EventSchema
from trainer.core.types import Article, Span
from trainer.runtime.event_head import EventHead
from trainer.runtime.reading import Reading
from trainer.runtime.tagging import Floats


@dataclass(frozen=True, slots=True)
class EventParity:
    """One graph against torch, both given the gold spans of the dev articles.

    Attributes:
        type_agreement: Share of operations that get the same type.
        link_agreement: F1 of one's links against the other's.
        typed_f1: Strict F1 of operations with types.
        links_f1: Strict F1 of links.
    """

    type_agreement: float
    link_agreement: float
    typed_f1: float
    links_f1: float

    def to_dict(self) -> dict[str, float]:
        """Plain JSON values."""
        return {
            "type_agreement": round(self.type_agreement, 6),
            "link_agreement": round(self.link_agreement, 6),
            "dev_typed_f1_on_gold_spans": round(self.typed_f1, 6),
            "dev_links_f1_on_gold_spans": round(self.links_f1, 6),
        }


def compare_events(
    head: EventHead,
    articles: Sequence[Article],
    readings: Sequence[Reading],
    states: tuple[Sequence[Floats], Sequence[Floats]],
    schema: EventSchema,
) -> EventParity:
    """Agreement of two sets of states.

    Args:
        head: The run's.
        articles: With gold spans and links.
        readings: Of the articles.
        states: Of torch and of the graph, ``(words, width)`` an article.
        schema: Of the run.
    """
    between, gold = [], []
    for article, reading, *pair in zip(articles, readings, *states, strict=True):
        bare = [Span(span.start, span.end, span.label) for span in article.spans]
        expected, found = (head.complete(reading, bare, rows, schema) for rows in pair)
        between.append(count_events(*expected, *found, schema))
        gold.append(count_events(article.spans, article.links, *found, schema))
    return EventParity(
        type_agreement=_agreement(total(row.typed for row in between)),
        link_agreement=_agreement(total(row.links for row in between)),
        typed_f1=total(row.typed for row in gold).f1,
        links_f1=total(row.links for row in gold).f1,
    )


def _agreement(counts: Counts) -> float:
    return counts.f1 if counts.gold or counts.predicted else 1.0
