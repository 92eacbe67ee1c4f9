"""The event head of a run: fitted, scored on dev, written into its directory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from trainer.core.event_metrics import EventCounts, count_events, describe_counts
from trainer.core.schema import EventSchema
from trainer.core.types import Article, Span
from trainer.learning.config import TrainConfig
from trainer.learning.event_examples import ScoreStates, gather_examples
from trainer.learning.event_head import fit_event_head, write_event_head
from trainer.runtime.event_head import EventHead
from trainer.runtime.reading import Reading
from trainer.runtime.tagging import decode_spans

logger = logging.getLogger(__name__)

Read = Callable[[Sequence[str]], list[Reading]]


def add_event_head(
    config: TrainConfig,
    train: Sequence[Article],
    dev: Sequence[Article],
    schema: EventSchema,
    read: Read,
    score: ScoreStates,
) -> dict[str, Any] | None:
    """Fit a head on the states of a finished tagger and write it.

    Args:
        config: Its ``event_head`` keys matter, its seed, and its directory, not yet sealed.
        train: Articles to learn from.
        dev: Articles that pick the epochs and the threshold, and are scored.
        schema: Labels, types and roles.
        read: From texts to readings.
        score: From readings to logits and states.

    Returns:
        Dev scores for ``metrics.json``; None where the run gets no head, and the log says why.
    """
    if not config.event_head.enabled:
        logger.info("no event head: event_head.enabled is false")
        return None
    if not schema.types and not schema.roles:
        logger.info("no event head: the schema %s has neither types nor roles", schema.name)
        return None
    readings = read([article.text for article in dev])
    examples = gather_examples(train, read([article.text for article in train]), score, schema)
    head = fit_event_head(
        examples, gather_examples(dev, readings, score, schema), schema, config.event_head, config.seed
    )
    if head is None:
        logger.info("no event head: the training articles hold neither types nor links")
        return None
    write_event_head(config.directory, head)
    scores = score_events(head, dev, readings, score, schema)
    found = scores["end_to_end"]
    logger.info(
        "event head: dev end to end, operations with type F1 %.1f, links F1 %.1f, whole events F1 %.1f",
        *(100 * found[key]["f1"] for key in ("typed", "links", "events")),
    )
    return scores


def score_events(
    head: EventHead, articles: Sequence[Article], readings: Sequence[Reading], score: ScoreStates, schema: EventSchema
) -> dict[str, Any]:
    """Event scores end to end (on the tagger's own spans) and given the gold spans."""
    ends: list[EventCounts] = []
    given: list[EventCounts] = []
    for reading, article, (logits, states) in zip(readings, articles, score(readings), strict=True):
        found = decode_spans(reading, logits, schema.tags)
        bare = [Span(span.start, span.end, span.label) for span in article.spans]
        for spans, counts in ((found, ends), (bare, given)):
            completed = head.complete(reading, spans, states, schema)
            counts.append(count_events(article.spans, article.links, *completed, schema))
    return {
        "end_to_end": describe_counts(ends, schema),
        "given_gold_spans": describe_counts(given, schema),
        "threshold": head.settings.threshold,
    }
