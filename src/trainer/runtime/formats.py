"""How extractions are written: JSON Lines, CSV of events, HTML.

CoNLL and Label Studio predictions are written by `trainer.cli.extract`, which may use
`trainer.annotation`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from trainer.core.types import Span
from trainer.runtime.html import page_foot, page_head, render_fragment
from trainer.runtime.result import Extraction

EVENT_COLUMNS = (
    "id",
    "event",
    "type",
    "trigger",
    "start",
    "end",
    "score",
    "agents",
    "targets",
    "places",
)
_JOIN = " | "


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write extractions one after another.

    Attributes:
        name: What the command line calls it.
        render: One extraction; must travel to other processes, so no lambda.
        head: What stands before the first.
        separator: What stands between two.
        foot: What stands behind the last.
    """

    name: str
    render: Callable[[Extraction], str]
    head: str = ""
    separator: str = ""
    foot: str = ""


def render_json_line(extraction: Extraction) -> str:
    """One line of JSON with the raw text."""
    return extraction.to_json() + "\n"


def render_json_line_without_text(extraction: Extraction) -> str:
    """One line of JSON without the raw text."""
    return extraction.to_json(text=False) + "\n"


def render_event_rows(extraction: Extraction) -> str:
    """A row of CSV for each event; none for an article without events."""
    place = {(span.start, span.end): index for index, span in enumerate(extraction.spans)}

    def names(spans: Sequence[Span]) -> str:
        return _JOIN.join(extraction.names[place[span.start, span.end]] for span in spans)

    return _csv_lines(
        [
            extraction.id,
            number,
            event.type or "",
            names([event.trigger]),
            event.trigger.start,
            event.trigger.end,
            "" if event.score is None else f"{event.score:.4f}",
            names(event.agents),
            names(event.targets),
            names(event.places),
        ]
        for number, event in enumerate(extraction.events, 1)
    )


def _csv_lines(rows: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


JSON_LINES = Format("jsonl", render_json_line)
JSON_LINES_WITHOUT_TEXT = Format("jsonl without text", render_json_line_without_text)
EVENTS_CSV = Format("csv", render_event_rows, head=_csv_lines([EVENT_COLUMNS]))
HTML = Format("html", render_fragment, head=page_head(), separator="\n", foot="\n" + page_foot())
