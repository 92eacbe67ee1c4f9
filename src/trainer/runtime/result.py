"""What extraction returns for one article."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from trainer.core.events import assemble_events
from trainer.core.schema import EventSchema
from trainer.core.types import Event, Link, Span

FORMAT_VERSION = "1.0"
_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Extraction:
    """Spans, links and events of one article.

    Attributes:
        id: The article's id; empty when none was given.
        text: The raw text that every offset points into.
        spans: In order of their start.
        links: Roles between spans, by index into ``spans``.
        names: For each span its clitic-free name (``وبالموصل`` is ``الموصل``).
        schema: Labels, types and roles of the model.
    """

    id: str
    text: str
    spans: tuple[Span, ...]
    links: tuple[Link, ...]
    names: tuple[str, ...]
    schema: EventSchema = field(repr=False, compare=False)

    @property
    def events(self) -> tuple[Event, ...]:
        """One event for each operation, with its linked agents, targets and places."""
        return assemble_events(self.spans, self.links, self.schema)

    def surface(self, span: Span) -> str:
        """The text of a span."""
        return self.text[span.start : span.end]

    def above(self, score: float) -> Extraction:
        """Only the spans that score at least so much, and the links between them."""
        kept = [index for index, span in enumerate(self.spans) if span.score is None or span.score >= score]
        if len(kept) == len(self.spans):
            return self
        moved = {old: new for new, old in enumerate(kept)}
        links = tuple(
            Link(moved[link.operation], moved[link.argument], link.role, link.score)
            for link in self.links
            if link.operation in moved and link.argument in moved
        )
        spans, names = (tuple(row[index] for index in kept) for row in (self.spans, self.names))
        return Extraction(self.id, self.text, spans, links, names, self.schema)  # type: ignore[arg-type]

    def to_dict(self, text: bool = True) -> dict[str, Any]:
        """Plain JSON values, as ``docs/schema/extraction-1.0.json`` describes them.

        Args:
            text: Whether the raw text goes along.
        """
        place = {(span.start, span.end): index for index, span in enumerate(self.spans)}

        def refer(span: Span) -> dict[str, Any]:
            index = place[span.start, span.end]
            return {"span": index, "name": self.names[index]}

        return {
            "format": FORMAT_VERSION,
            "id": self.id,
            **({"text": self.text} if text else {}),
            "spans": [self._span_dict(span, name) for span, name in zip(self.spans, self.names, strict=True)],
            "links": [
                {"operation": x.operation, "argument": x.argument, "role": x.role, "score": _rounded(x.score)}
                for x in self.links
            ],
            "events": [
                {
                    "type": event.type,
                    "score": _rounded(event.score),
                    "trigger": refer(event.trigger),
                    "agents": [refer(span) for span in event.agents],
                    "targets": [refer(span) for span in event.targets],
                    "places": [refer(span) for span in event.places],
                }
                for event in self.events
            ],
        }

    def to_json(self, text: bool = True, indent: int | None = None) -> str:
        """`to_dict` as JSON, Arabic readable."""
        return json.dumps(self.to_dict(text), ensure_ascii=False, indent=indent)

    def to_html(self) -> str:
        """A complete right-to-left page that shows the spans in colour."""
        from trainer.runtime.html import render_page

        return render_page([self])

    def _repr_html_(self) -> str:
        from trainer.runtime.html import render_article

        return render_article(self)

    def _span_dict(self, span: Span, name: str) -> dict[str, Any]:
        return {
            "start": span.start,
            "end": span.end,
            "text": self.surface(span),
            "name": name,
            "label": span.label,
            "type": span.type,
            "score": _rounded(span.score),
        }


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, _DECIMALS)
