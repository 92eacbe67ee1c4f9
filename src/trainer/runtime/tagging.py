"""From readings to spans: batches, merged tag scores, constrained decoding.

A scorer (torch while training, ONNX Runtime or CRFsuite in use) gives tag log-probabilities for
the words of each window; everything else is here and the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trainer.core.bio import tag_ranges
from trainer.core.decoding import decode_tags, transition_scores
from trainer.core.types import Span
from trainer.runtime.calibration import Calibration
from trainer.runtime.reading import EncodedWindow, Reading

Floats = NDArray[np.float32]


class Scorer(Protocol):
    """Scores the words of windows."""

    def score_windows(self, windows: Sequence[EncodedWindow]) -> list[Floats]:
        """For each window ``(words, tags)`` logits of its words."""
        ...


class StateScorer(Scorer, Protocol):
    """Scores the words of windows and can show their states too."""

    @property
    def has_states(self) -> bool:
        """Whether it can (an exported graph may lack that output)."""
        ...

    def score_with_states(self, windows: Sequence[EncodedWindow]) -> list[Floats]:
        """For each window ``(words, tags + width)``: logits, then the encoder's last hidden state, of its words."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Indices of windows that go through the encoder together."""

    indices: tuple[int, ...]
    length: int


def plan_batches(lengths: Sequence[int], token_budget: int) -> list[Batch]:
    """Batches of windows of like length; ``rows x longest`` stays within the budget of tokens."""
    batches: list[Batch] = []
    rows: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        longest = lengths[rows[0]] if rows else lengths[index]
        if rows and (len(rows) + 1) * longest > token_budget:
            batches.append(Batch(tuple(rows), longest))
            rows = []
        rows.append(index)
    if rows:
        batches.append(Batch(tuple(rows), lengths[rows[0]]))
    return batches


def pad_batch(windows: Sequence[EncodedWindow], padding_id: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """``(rows, longest)`` token ids and attention mask."""
    longest = max(len(window.ids) for window in windows)
    ids = np.full((len(windows), longest), padding_id, dtype=np.int64)
    mask = np.zeros((len(windows), longest), dtype=np.int64)
    for row, window in enumerate(windows):
        ids[row, : len(window.ids)] = window.ids
        mask[row, : len(window.ids)] = 1
    return ids, mask


def gather_words(logits: Floats, windows: Sequence[EncodedWindow]) -> list[Floats]:
    """From ``(rows, tokens, tags)`` to ``(words, tags)`` a window: the logits of each word's first token.

    Words beyond the window's tokens (a single word longer than the encoder) take the last token.
    """
    return [logits[row, np.minimum(window.first_tokens, len(window.ids) - 1)] for row, window in enumerate(windows)]


def score_words(readings: Sequence[Reading], scorer: Scorer) -> list[Floats]:
    """For each reading ``(words, tags)`` logits, each word's from the window that owns it."""
    return _merge_windows(readings, scorer.score_windows)


def score_states(readings: Sequence[Reading], scorer: StateScorer, tags: int) -> list[tuple[Floats, Floats]]:
    """For each reading ``(words, tags)`` logits and ``(words, width)`` states, from one pass of the encoder."""
    return [(row[:, :tags], row[:, tags:]) for row in _merge_windows(readings, scorer.score_with_states)]


def _merge_windows(
    readings: Sequence[Reading], score: Callable[[Sequence[EncodedWindow]], list[Floats]]
) -> list[Floats]:
    windows = [window for reading in readings for window in reading.windows]
    scored = iter(score(windows) if windows else [])
    merged: list[Floats] = []
    for reading in readings:
        parts = [
            logits[window.window.own_first - window.window.first : window.window.own_last - window.window.first]
            for window in reading.windows
            for logits in (next(scored),)
        ]
        merged.append(np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32))
    return merged


def decode_spans(
    reading: Reading, logits: Floats, tags: Sequence[str], calibration: Calibration = Calibration()
) -> tuple[Span, ...]:
    """Spans of one article.

    Args:
        reading: The article.
        logits: ``(words, tags)``.
        tags: Names of the tags, ``O`` first.
        calibration: Changes scores, hardly ever spans.

    Returns:
        Spans in order, each within one paragraph; ``score`` is the least probability among its
        words' tags, as the calibration rates it.
    """
    if not reading.words:
        return ()
    log_probabilities = log_softmax(logits / calibration.temperature)
    transitions = transition_scores(tags)
    spans: list[Span] = []
    for paragraph in reading.paragraphs:
        rows = log_probabilities[paragraph.first_word : paragraph.last_word]
        path = decode_tags(rows, transitions)
        chosen = np.exp(rows[np.arange(len(path)), path])
        for first, last, label in tag_ranges([tags[index] for index in path]):
            offset = paragraph.first_word
            spans.append(
                Span(
                    reading.words[offset + first].start,
                    reading.words[offset + last - 1].end,
                    label,
                    score=calibration.rate(float(chosen[first:last].min())),
                )
            )
    return tuple(spans)


def log_softmax(logits: Floats) -> Floats:
    """Row-wise log-probabilities."""
    if not logits.size:  # of a text without words
        return logits
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result
