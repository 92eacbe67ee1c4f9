"""Which spans an operation could be linked to, and how the two lie in the text.

A role may join two spans of one paragraph whose labels it allows. Pairs further apart than
`REACH` words are left out, so their number grows with the length of an article, not with its
square; of the 6,528 links that this was measured on (training articles) the longest spans 56 words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.core.errors import AnnotationError
from trainer.core.schema import EventSchema
from trainer.core.types import Paragraph, Span, Word

REACH = 64
_DISTANCES = (0, 1, 2, 3, 4, 6, 9, 14, 24)  # last gap of each bucket, in words; the rest is one more
_SENTENCE_ENDS = frozenset(".!?؟؛…")
_PAUSES = frozenset("،,:;-–")
_MOST = 3  # counts above this are one bucket

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Pairs of spans that some role could join.

    Attributes:
        first: ``(spans,)`` first word of each span of the article.
        last: ``(spans,)`` one past its last word.
        operations: ``(pairs,)`` index of the span that a role starts from.
        arguments: ``(pairs,)`` index of the span that would fill it.
        allowed: ``(pairs, roles)`` which roles fit the labels of the pair.
        structure: ``(pairs, STRUCTURE)`` indicators of how the two lie: distance and order, what lies between, and
            which of several the nearest is.
    """

    first: Integers
    last: Integers
    operations: Integers
    arguments: Integers
    allowed: NDArray[np.bool_]
    structure: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.operations)

    def between(self) -> tuple[Integers, Integers]:
        """First word and one past the last word of what lies between the two spans of each pair."""
        ahead = self.arguments > self.operations
        start = np.where(ahead, self.last[self.operations], self.last[self.arguments])
        stop = np.where(ahead, self.first[self.arguments], self.first[self.operations])
        return start, stop


STRUCTURE = 2 * (len(_DISTANCES) + 1) + 5 * (_MOST + 1) + 3
"""How many indicators a pair has."""


def find_candidates(
    words: Sequence[Word], paragraphs: Sequence[Paragraph], spans: Sequence[Span], schema: EventSchema
) -> Candidates:
    """All pairs of an article.

    Args:
        words: The article's words.
        paragraphs: Its paragraphs.
        spans: In text order, without overlap.
        schema: Its roles say which labels may be joined.

    Raises:
        AnnotationError: A span does not begin and end with whole words.
    """
    first, last = locate_spans(words, spans)
    return pair_spans(words, paragraphs, first, last, [span.label for span in spans], schema)


def pair_spans(
    words: Sequence[Word],
    paragraphs: Sequence[Paragraph],
    first: Integers,
    last: Integers,
    span_labels: Sequence[str],
    schema: EventSchema,
) -> Candidates:
    """All pairs of spans that are known by their words; only surfaces of words and ranges of paragraphs count.

    Args:
        words: The article's words.
        paragraphs: Its paragraphs.
        first: ``(spans,)`` first word of each span, in text order.
        last: ``(spans,)`` one past its last word.
        span_labels: Their labels.
        schema: Its roles say which labels may be joined.
    """
    operations, arguments = _pair_up(first, last, np.array([p.last_word for p in paragraphs], dtype=np.int64))
    names = schema.label_names
    labels = np.array([names.index(label) for label in span_labels], dtype=np.int64)
    fits = np.zeros((len(schema.labels), len(schema.labels), len(schema.roles)), dtype=bool)
    for column, role in enumerate(schema.roles):
        fits[schema.label_names.index(role.source), schema.label_names.index(role.filler), column] = True
    allowed = fits[labels[operations], labels[arguments]]
    kept = allowed.any(axis=1)
    operations, arguments, allowed = operations[kept], arguments[kept], allowed[kept]
    structure = _describe(words, first, last, labels, operations, arguments)
    return Candidates(first, last, operations, arguments, allowed, structure)


def locate_spans(words: Sequence[Word], spans: Sequence[Span]) -> tuple[Integers, Integers]:
    """First word and one past the last word of each span.

    Raises:
        AnnotationError: A span does not begin and end with whole words.
    """
    starts = np.array([word.start for word in words], dtype=np.int64)
    ends = np.array([word.end for word in words], dtype=np.int64)
    first = np.searchsorted(starts, [span.start for span in spans]).astype(np.int64)
    last = np.searchsorted(ends, [span.end for span in spans]).astype(np.int64) + 1
    for span, begin, end in zip(spans, first, last, strict=True):
        if not begin < end <= len(words) or words[begin].start != span.start or words[end - 1].end != span.end:
            raise AnnotationError(
                f"span {span.start}:{span.end} ({span.label}) does not begin and end with whole words",
                remedy="move the boundary to the edge of a word",
            )
    return first, last


def _pair_up(first: Integers, last: Integers, paragraph_ends: Integers) -> tuple[Integers, Integers]:
    """All ordered pairs of different spans in one paragraph, at most `REACH` words apart."""
    if not len(first):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    paragraph = np.searchsorted(paragraph_ends, first, side="right")
    low = np.maximum(np.searchsorted(last, first - REACH), np.searchsorted(paragraph, paragraph))
    high = np.minimum(
        np.searchsorted(first, last + REACH, side="right"), np.searchsorted(paragraph, paragraph, side="right")
    )
    sizes = high - low
    operations = np.repeat(np.arange(len(first)), sizes)
    offsets = np.arange(len(operations)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    arguments = np.repeat(low, sizes) + offsets
    different = operations != arguments
    return operations[different], arguments[different]


def _describe(
    words: Sequence[Word], first: Integers, last: Integers, labels: Integers, operations: Integers, arguments: Integers
) -> NDArray[np.float32]:
    ahead = arguments > operations
    left, right = np.minimum(operations, arguments), np.maximum(operations, arguments)
    start, stop = last[left], first[right]
    gap = stop - start
    bucket = np.searchsorted(_DISTANCES, gap)
    surfaces = [word.surface for word in words]
    ends = _running([surface in _SENTENCE_ENDS for surface in surfaces])
    pauses = _running([surface in _PAUSES for surface in surfaces])
    own, other = labels[arguments], labels[operations]
    seen = np.stack([_running(labels == label) for label in range(int(labels.max(initial=0)) + 1)])
    previous_is_alike = (arguments > 0) & (labels[arguments - 1] == own)
    touches = previous_is_alike & (first[arguments] - last[arguments - 1] <= 1)
    groups = labels.max(initial=0) + 1
    columns = [
        _one_hot(bucket + ahead * (len(_DISTANCES) + 1), 2 * (len(_DISTANCES) + 1)),
        _counted(seen[own, right] - seen[own, left + 1]),
        _counted(seen[other, right] - seen[other, left + 1]),
        _counted(_rank(operations * groups + own, gap)),
        _counted(_rank(arguments * groups + other, gap)),
        _counted(pauses[stop] - pauses[start]),
        np.stack([ends[stop] > ends[start], touches, ahead], axis=1),
    ]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _running(values: Sequence[bool] | NDArray[np.bool_]) -> Integers:
    """``(n + 1,)`` how many of the first so many are true."""
    return np.concatenate(([0], np.cumsum(np.asarray(values, dtype=np.int64))))


def _rank(groups: Integers, gap: Integers) -> Integers:
    """For each pair how many of its group have a smaller gap; equal gaps in text order."""
    order = np.lexsort((gap, groups))
    ordered = groups[order]
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return ranks


def _counted(values: Integers) -> NDArray[np.float32]:
    return _one_hot(np.minimum(values, _MOST), _MOST + 1)


def _one_hot(values: Integers, size: int) -> NDArray[np.float32]:
    return np.eye(size, dtype=np.float32)[values]
