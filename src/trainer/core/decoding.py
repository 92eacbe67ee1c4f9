"""Decoding of tag scores through allowed transitions only (Viterbi over BIO)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
_FORBIDDEN = -1e9


def transition_scores(tags: Sequence[str]) -> NDArray[np.float64]:
    """``(1 + tags, tags)``: 0 where a tag may follow, a large negative number where not.

    Row 0 is the beginning of a paragraph, row ``1 + i`` is tag ``i``.
    """
    scores = np.zeros((1 + len(tags), len(tags)))
    for column, tag in enumerate(tags):
        if tag.startswith("I-"):
            allowed = [1 + tags.index(other) for other in (tag, "B" + tag[1:])]
            scores[:, column] = _FORBIDDEN
            scores[allowed, column] = 0.0
    return scores


def decode_tags(log_probabilities: Floats, transitions: NDArray[np.float64]) -> NDArray[np.int64]:
    """The best allowed tag sequence of one paragraph.

    Args:
        log_probabilities: ``(words, tags)``.
        transitions: From `transition_scores`.

    Returns:
        ``(words,)`` tag indices. Where the best tag of each word already forms an allowed
        sequence, that sequence is the optimum and no search is made.
    """
    best: NDArray[np.int64] = log_probabilities.argmax(axis=1)
    if len(best) == 0:
        return best
    previous = np.concatenate(([0], best[:-1] + 1))
    if transitions[previous, best].min() == 0.0:
        return best
    return _viterbi(log_probabilities, transitions)


def _viterbi(emissions: Floats, transitions: NDArray[np.float64]) -> NDArray[np.int64]:
    count, tags = emissions.shape
    pointers = np.zeros((count, tags), dtype=np.int64)
    score = transitions[0] + emissions[0]
    for index in range(1, count):
        paths = score[:, None] + transitions[1:]
        pointers[index] = paths.argmax(axis=0)
        score = paths.max(axis=0) + emissions[index]
    path = np.empty(count, dtype=np.int64)
    path[-1] = score.argmax()
    for index in range(count - 1, 0, -1):
        path[index - 1] = pointers[index, path[index]]
    return path
