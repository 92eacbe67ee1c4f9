"""Windows: how a long article is read by an encoder of fixed length, without losing a word.

Whole paragraphs are packed in order. A paragraph longer than the limit is divided at sentence
ends where it has any, with overlap. Invariant: each word is owned by exactly one window.
"""

from __future__ import annotations

from collections.abc import Sequence

from trainer.core.errors import ConfigError
from trainer.core.types import Paragraph, Window, Word

_SENTENCE_ENDS = frozenset(".!?؟؛;…")


def pack_windows(
    words: Sequence[Word],
    paragraphs: Sequence[Paragraph],
    lengths: Sequence[int],
    limit: int,
    overlap: int = 0,
) -> tuple[Window, ...]:
    """Windows over an article.

    Args:
        words: The article's words.
        paragraphs: The article's paragraphs.
        lengths: Tokens that each word takes in the encoder (at least 1 each).
        limit: Most tokens of one window, special tokens not counted.
        overlap: Tokens of context lent on each side of a cut inside a paragraph.

    Returns:
        Windows in order. A single word longer than ``limit`` becomes a window of its own; the
        encoder cuts its tokens, the word keeps its first token and so its tag.

    Raises:
        ConfigError: The limit leaves no room beside the overlap.
    """
    if limit < 1 or overlap < 0 or 2 * overlap >= limit:
        raise ConfigError(
            f"windows of {limit} tokens with an overlap of {overlap} hold nothing",
            remedy="set max_length above twice the overlap",
        )
    windows: list[Window] = []
    first = last = -1
    room = limit
    for paragraph in paragraphs:
        cost = sum(lengths[paragraph.first_word : paragraph.last_word])
        if first >= 0 and cost <= room:
            last, room = paragraph.last_word, room - cost
            continue
        if first >= 0:
            windows.append(Window(first, last, first, last))
        if cost <= limit:
            first, last, room = paragraph.first_word, paragraph.last_word, limit - cost
        else:
            windows.extend(_divide(words, paragraph, lengths, limit, overlap))
            first = -1
    if first >= 0:
        windows.append(Window(first, last, first, last))
    return tuple(windows)


def _divide(
    words: Sequence[Word], paragraph: Paragraph, lengths: Sequence[int], limit: int, overlap: int
) -> list[Window]:
    """Cut one long paragraph; each piece's own words plus the overlap on both sides fit the limit."""
    windows: list[Window] = []
    own_first = paragraph.first_word
    while own_first < paragraph.last_word:
        first = _reach(lengths, own_first, paragraph.first_word, overlap, step=-1)
        budget = limit - sum(lengths[first:own_first])
        tail = _reach(lengths, own_first, paragraph.last_word, budget, step=1)
        if tail == paragraph.last_word:
            windows.append(Window(first, tail, own_first, tail))
            break
        own_last = _reach(lengths, own_first, paragraph.last_word, budget - overlap, step=1)
        own_last = _sentence_end(words, own_first, max(own_last, own_first + 1))
        last = max(own_last, _reach(lengths, own_first, paragraph.last_word, budget, step=1))
        windows.append(Window(first, last, own_first, own_last))
        own_first = own_last
    return windows


def _reach(lengths: Sequence[int], start: int, stop: int, budget: int, step: int) -> int:
    """How far from ``start`` towards ``stop`` the budget of tokens goes (a boundary between words)."""
    boundary = start
    while boundary != stop:
        budget -= lengths[boundary if step > 0 else boundary - 1]
        if budget < 0:
            break
        boundary += step
    return boundary


def _sentence_end(words: Sequence[Word], first: int, last: int) -> int:
    """The last sentence end in the second half of ``first:last``, else ``last``."""
    for boundary in range(last, first + (last - first) // 2, -1):
        if words[boundary - 1].surface in _SENTENCE_ENDS:
            return boundary
    return last
