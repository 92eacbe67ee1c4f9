"""Events from spans and links."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.core.schema import EventSchema
from trainer.core.types import Event, Link, Span


def assemble_events(spans: Sequence[Span], links: Sequence[Link], schema: EventSchema) -> tuple[Event, ...]:
    """One event for each span of the typed label, with its linked arguments in text order."""
    fillers: dict[tuple[int, str], list[Span]] = {}
    for link in links:
        fillers.setdefault((link.operation, link.role), []).append(spans[link.argument])
    return tuple(
        Event(
            type=span.type,
            trigger=span,
            agents=tuple(sorted(fillers.get((index, "agent"), ()))),
            targets=tuple(sorted(fillers.get((index, "target"), ()))),
            places=tuple(sorted(fillers.get((index, "place"), ()))),
            score=span.score,
        )
        for index, span in enumerate(spans)
        if span.label == schema.typed_label
    )
