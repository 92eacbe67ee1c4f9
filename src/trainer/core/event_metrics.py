"""Event scores, by document: types of operations, links, whole events.

All are strict and micro-averaged. A typed operation counts when its offsets and its type are
right; a link when the offsets and labels of both ends and the role are; an event when its
trigger, its type and the whole set of its arguments with their roles are.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.core.metrics import Counts, bootstrap_interval, total
from trainer.core.schema import EventSchema
from trainer.core.types import Link, Span

Keys = set[tuple[Hashable, ...]]


@dataclass(frozen=True, slots=True)
class EventCounts:
    """Counts of one document.

    Attributes:
        typed: Spans of the typed label with their types.
        found: Operations whose offsets are right, whatever their type.
        links: Links of all roles.
        roles: Links of each role, in the order of the schema.
        events: Whole events.
    """

    typed: Counts
    found: int
    links: Counts
    roles: tuple[Counts, ...]
    events: Counts


def count_events(
    gold: Sequence[Span],
    gold_links: Sequence[Link],
    predicted: Sequence[Span],
    predicted_links: Sequence[Link],
    schema: EventSchema,
) -> EventCounts:
    """Counts of one document; what is predicted twice counts once."""
    found = _places(gold, schema) & _places(predicted, schema)
    links = _links(gold, gold_links), _links(predicted, predicted_links)
    return EventCounts(
        typed=_overlap(_typed(gold, schema), _typed(predicted, schema)),
        found=len(found),
        links=_overlap(*links),
        roles=tuple(
            _overlap(*({key for key in keys if key[0] == role.name} for keys in links)) for role in schema.roles
        ),
        events=_overlap(_events(gold, gold_links, schema), _events(predicted, predicted_links, schema)),
    )


def describe_counts(documents: Sequence[EventCounts], schema: EventSchema, interval: bool = True) -> dict[str, Any]:
    """Plain JSON values over all documents, scores in the range 0 to 1.

    Args:
        documents: At least one.
        schema: Names the roles.
        interval: Whether the 95 % document-bootstrap interval of each F1 goes along.
    """

    def plain(counts: Sequence[Counts]) -> dict[str, Any]:
        bounds = {"f1_interval": list(bootstrap_interval(counts))} if interval else {}
        return {**total(counts).to_dict(), **bounds}

    typed, found = [row.typed for row in documents], sum(row.found for row in documents)
    return {
        "typed": plain(typed),
        "type_accuracy": total(typed).correct / found if found else 0.0,
        "links": {
            **plain([row.links for row in documents]),
            "roles": {
                role.name: total(row.roles[index] for row in documents).to_dict()
                for index, role in enumerate(schema.roles)
            },
        },
        "events": plain([row.events for row in documents]),
    }


def _places(spans: Sequence[Span], schema: EventSchema) -> Keys:
    return {(span.start, span.end) for span in spans if span.label == schema.typed_label}


def _typed(spans: Sequence[Span], schema: EventSchema) -> Keys:
    return {(span.start, span.end, span.type) for span in spans if span.label == schema.typed_label}


def _links(spans: Sequence[Span], links: Sequence[Link]) -> Keys:
    return {(link.role, *_key(spans[link.operation]), *_key(spans[link.argument])) for link in links}


def _events(spans: Sequence[Span], links: Sequence[Link], schema: EventSchema) -> Keys:
    arguments: dict[int, set[tuple[Hashable, ...]]] = {}
    for link in links:
        arguments.setdefault(link.operation, set()).add((link.role, *_key(spans[link.argument])))
    return {
        (span.start, span.end, span.type, frozenset(arguments.get(index, ())))
        for index, span in enumerate(spans)
        if span.label == schema.typed_label
    }


def _key(span: Span) -> tuple[int, int, str]:
    return span.start, span.end, span.label


def _overlap(gold: Keys, predicted: Keys) -> Counts:
    return Counts(len(gold & predicted), len(predicted), len(gold))
