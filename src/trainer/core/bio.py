"""BIO tags on words: spans to tags and back, without loss.

>>> from trainer.core.words import split_words
>>> from trainer.core.types import Span
>>> words = split_words("قصف الموصل")
>>> spans_to_tags(words, [Span(4, 10, "LOCATION")])
['O', 'B-LOCATION']
>>> tags_to_spans(words, ['O', 'B-LOCATION'])
(Span(start=4, end=10, label='LOCATION', type=None, score=None),)
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from trainer.core.errors import AnnotationError
from trainer.core.types import Span, Word

OUTSIDE = "O"


def tag_names(labels: Iterable[str]) -> tuple[str, ...]:
    """The tag set of some labels: ``O`` first, then ``B-`` and ``I-`` of each label in order."""
    return (OUTSIDE, *(f"{prefix}-{label}" for label in labels for prefix in "BI"))


def word_range(words: Sequence[Word], start: int, end: int) -> tuple[int, int] | None:
    """The words that cover exactly ``start:end``, or None where a boundary falls inside a word."""
    first = bisect_left(words, start, key=lambda word: word.start)
    last = bisect_left(words, end, key=lambda word: word.end)
    if first < len(words) and last < len(words) and words[first].start == start and words[last].end == end:
        return first, last + 1
    return None


def spans_to_tags(words: Sequence[Word], spans: Iterable[Span]) -> list[str]:
    """One tag a word.

    Raises:
        AnnotationError: A span does not begin and end with whole words, or two spans overlap.
    """
    tags = [OUTSIDE] * len(words)
    for span in spans:
        covered = word_range(words, span.start, span.end)
        if covered is None or span.end <= span.start:
            raise AnnotationError(
                f"span {span.start}:{span.end} ({span.label}) does not begin and end with whole words",
                remedy="move the boundary to the edge of a word",
            )
        first, last = covered
        if any(tag != OUTSIDE for tag in tags[first:last]):
            raise AnnotationError(
                f"span {span.start}:{span.end} ({span.label}) overlaps another span",
                remedy="keep the outer of the two spans",
            )
        tags[first:last] = [f"B-{span.label}"] + [f"I-{span.label}"] * (last - first - 1)
    return tags


def tags_to_spans(words: Sequence[Word], tags: Sequence[str]) -> tuple[Span, ...]:
    """Spans of a tag sequence; an ``I-`` that continues nothing opens a span (as conlleval does)."""
    return tuple(Span(words[first].start, words[last - 1].end, label) for first, last, label in tag_ranges(tags))


def tag_ranges(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """``(first, last, label)`` of each span of tags, half-open, in order."""
    ranges: list[tuple[int, int, str]] = []
    for index, tag in enumerate(tags):
        prefix, _, label = tag.partition("-")
        if prefix == "I" and ranges and ranges[-1][1] == index and ranges[-1][2] == label:
            ranges[-1] = (ranges[-1][0], index + 1, label)
        elif prefix in ("B", "I"):
            ranges.append((index, index + 1, label))
    return ranges
