"""Articles laid out for the error browser: two annotations of one text, cut where either begins or ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from trainer.core.atlas import SpanError, classify_errors
from trainer.core.schema import EventSchema
from trainer.core.types import Span
from trainer.core.words import split_paragraphs, split_words


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text that each side covers with one span or none.

    Attributes:
        text: The stretch.
        gold: Label of the first side's span, or empty.
        predicted: Label of the second side's span, or empty.
        kind: Of the error that the stretch belongs to; empty where both agree or neither marks it.
        note: For the tooltip.
    """

    text: str
    gold: str = ""
    predicted: str = ""
    kind: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A paragraph: its pieces, its errors in words, and what the filters look at."""

    article: str
    source: str
    pieces: tuple[Piece, ...]
    errors: tuple[ErrorLine, ...]

    @property
    def labels(self) -> str:
        """Labels of either side, separated by spaces."""
        return " ".join(sorted({x for piece in self.pieces for x in (piece.gold, piece.predicted) if x}))

    @property
    def keys(self) -> str:
        """``kind:label`` of each error, separated by spaces."""
        return " ".join(sorted({f"{error.kind}:{label}" for error in self.errors for label in error.labels}))


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """An error in words: kind, and label and surface of the spans of each side."""

    kind: str
    gold: tuple[tuple[str, str], ...]
    predicted: tuple[tuple[str, str], ...]

    @property
    def labels(self) -> set[str]:
        """Labels of its spans."""
        return {label for label, _ in (*self.gold, *self.predicted)}


def lay_out_article(
    article: str, source: str, text: str, gold: Sequence[Span], predicted: Sequence[Span]
) -> tuple[Row, ...]:
    """Rows of all paragraphs of an article."""
    errors = classify_errors(text, gold, predicted)
    rows: list[Row] = []
    for paragraph in split_paragraphs(text, split_words(text)):
        inside = [error for error in errors if paragraph.start <= error.start < paragraph.end]
        bounds = (paragraph.start, paragraph.end)
        pieces = _cut(text, bounds, _within(gold, bounds), _within(predicted, bounds), inside)
        rows.append(Row(article, source, pieces, tuple(_describe(text, error) for error in inside)))
    return tuple(rows)


def label_styles(schema: EventSchema) -> list[dict[str, str]]:
    """Name, Arabic name and colour of each label; a colour that is not plain hex is left out."""
    return [
        {
            "name": label.name,
            "arabic": label.arabic,
            "colour": label.colour if label.colour.lstrip("#").isalnum() else "#7f7f7f",
        }
        for label in schema.labels
    ]


def _within(spans: Sequence[Span], bounds: tuple[int, int]) -> list[Span]:
    return [span for span in spans if bounds[0] <= span.start and span.end <= bounds[1]]


def _cut(
    text: str, bounds: tuple[int, int], gold: list[Span], predicted: list[Span], errors: Sequence[SpanError]
) -> tuple[Piece, ...]:
    points = sorted({*bounds, *(point for span in (*gold, *predicted) for point in (span.start, span.end))})
    kinds = {span: error.kind.value for error in errors for span in (*error.gold, *error.predicted)}
    pieces: list[Piece] = []
    for start, end in pairwise(points):
        ours = next((span for span in gold if span.start <= start and end <= span.end), None)
        theirs = next((span for span in predicted if span.start <= start and end <= span.end), None)
        kind = next((kinds[span] for span in (ours, theirs) if span in kinds), "")
        note = " · ".join(_note(name, span) for name, span in (("gold", ours), ("model", theirs)) if span)
        left, right = ("" if span is None else span.label for span in (ours, theirs))
        pieces.append(Piece(text[start:end], left, right, kind, note))
    return tuple(pieces)


def _note(side: str, span: Span) -> str:
    extra = "".join(f" {part}" for part in (span.type, None if span.score is None else f"{span.score:.2f}") if part)
    return f"{side}: {span.label}{extra}"


def _describe(text: str, error: SpanError) -> ErrorLine:
    def marked(spans: Sequence[Span]) -> tuple[tuple[str, str], ...]:
        return tuple((span.label, text[span.start : span.end]) for span in spans)

    return ErrorLine(error.kind.value, marked(error.gold), marked(error.predicted))
