"""The values that flow through the library.

Every offset is a half-open range of Unicode code points into the raw, immutable
``Article.text``: ``article.text[span.start:span.end]`` is the span.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Word:
    """A run of letters, digits and combining marks, or one punctuation or symbol character.

    Attributes:
        start: First code point in the article's text.
        end: One past the last code point.
        surface: ``text[start:end]``.
        normal: The form handed to a tokenizer; may be empty when nothing is left (a stray mark).
    """

    start: int
    end: int
    surface: str
    normal: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A line of the article: its range of code points and its range of words."""

    start: int
    end: int
    first_word: int
    last_word: int  # one past the last word


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of words that an encoder reads in one pass.

    Words ``first:last`` are read; the predictions of words ``own_first:own_last`` count. The
    rest is overlap that lends context. Over an article each word is owned by exactly one window.
    """

    first: int
    last: int
    own_first: int
    own_last: int


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A labelled stretch of the article's text; ``type`` is set for operations only."""

    start: int
    end: int
    label: str
    type: str | None = None
    score: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """``role`` from the operation ``spans[operation]`` to the argument ``spans[argument]``."""

    operation: int
    argument: int
    role: str
    score: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Article:
    """A text with its annotation.

    Attributes:
        id: Unique over a corpus (``doc_id`` in Label Studio).
        text: Raw text; never changed after import.
        spans: Sorted by start; they never overlap and never cross a paragraph.
        links: Roles between spans, by index into ``spans``.
        meta: Title, topic, country, style, source, synthetic and whatever else came along.
    """

    id: str
    text: str
    spans: tuple[Span, ...] = ()
    links: tuple[Link, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def surface(self, span: Span) -> str:
        """The text of a span."""
        return self.text[span.start : span.end]


@dataclass(frozen=True, slots=True)
class Event:
    """Who did what to whom, where: an operation with its linked arguments."""

    type: str | None
    trigger: Span
    agents: tuple[Span, ...] = ()
    targets: tuple[Span, ...] = ()
    places: tuple[Span, ...] = ()
    score: float | None = None
