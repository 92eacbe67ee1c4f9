"""Many short articles put behind one another, so that the event head reads them in one go.

A sentence is a handful of rows for the head's matrices; a few hundred of them together take hardly longer than one.
Between two articles stand words of no paragraph, so nothing of one is near, or counts for, the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.core.candidates import locate_spans
from trainer.core.types import Link, Paragraph, Span, Word
from trainer.runtime.reading import Reading
from trainer.runtime.tagging import Floats

_MOST_WORDS = 4096  # of the articles of a group: their widened states are some megabytes
_GAP = (Word(0, 1, ".", "."),) * 2  # two words: spans on both sides do not touch

Completed = tuple[tuple[Span, ...], tuple[Link, ...]]
"""Spans with types, and the links between them."""


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """Some articles as one.

    Attributes:
        reading: Words and paragraphs of all; no text and no windows.
        spans: Of all, each with the offsets of its own article.
        first: ``(spans,)`` first word of each.
        last: ``(spans,)`` one past its last word.
        states: ``(words, width)``.
        span_starts: Position in ``spans`` of each article's first.
    """

    reading: Reading
    spans: tuple[Span, ...]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    states: Floats
    span_starts: tuple[int, ...]

    def divide(self, spans: Sequence[Span], links: Sequence[Link]) -> list[Completed]:
        """Spans and links of all, given back to their articles.

        Args:
            spans: As many as ``spans``, in the same order.
            links: In the order of their operations.
        """
        ends = (*self.span_starts[1:], len(spans))
        owned: list[list[Link]] = [[] for _ in ends]
        article = 0
        for link in links:
            while link.operation >= ends[article]:
                article += 1
            start = self.span_starts[article]
            owned[article].append(Link(link.operation - start, link.argument - start, link.role, link.score))
        return [
            (tuple(spans[start:end]), tuple(own)) for start, end, own in zip(self.span_starts, ends, owned, strict=True)
        ]


def group_articles(readings: Sequence[Reading], spans: Sequence[Sequence[Span]]) -> Iterator[list[int]]:
    """Indices of the articles that have spans, in groups of a bounded number of words; a long one stands alone."""
    group: list[int] = []
    words = 0
    for index, (reading, own) in enumerate(zip(readings, spans, strict=True)):
        if not own:
            continue
        if group and words + len(reading.words) > _MOST_WORDS:
            yield group
            group, words = [], 0
        group.append(index)
        words += len(reading.words)
    if group:
        yield group


def join_articles(articles: Sequence[tuple[Reading, Sequence[Span], Floats]]) -> Joined:
    """Articles, each with its spans and the ``(words, width)`` states of its words, as one.

    Raises:
        AnnotationError: A span does not begin and end with whole words.
    """
    words: list[Word] = []
    paragraphs: list[Paragraph] = []
    spans: list[Span] = []
    located: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    states: list[Floats] = []
    span_starts: list[int] = []
    for reading, own, rows in articles:
        if words:
            words.extend(_GAP)
            states.append(np.zeros((len(_GAP), rows.shape[1]), dtype=np.float32))
        before = len(words)
        words.extend(reading.words)
        paragraphs.extend(Paragraph(0, 0, p.first_word + before, p.last_word + before) for p in reading.paragraphs)
        first, last = locate_spans(reading.words, own)
        located.append((first + before, last + before))
        span_starts.append(len(spans))
        spans.extend(own)
        states.append(rows)
    first, last = (np.concatenate(parts) for parts in zip(*located, strict=True))
    reading = Reading("", tuple(words), tuple(paragraphs), ())
    return Joined(reading, tuple(spans), first, last, np.concatenate(states), tuple(span_starts))
