"""Static vectors of word pieces from co-occurrence: what an encoder would else spend its first hours on.

Shifted positive pointwise mutual information with smoothed contexts, then a truncated singular value
decomposition (Levy, Goldberg and Dagan 2015). The nearest neighbours left and right are contexts of their own,
so that vectors tell parts of speech and kinds of names apart, not topics only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from trainer.learning.pretraining.cache import TokenCache

Matrix = npt.NDArray[np.float32]
_CHUNK = 8_000_000


def count_pairs(tokens: npt.NDArray[np.int64], distance: int, pieces: int, column: npt.NDArray[np.int64]) -> Matrix:
    """How often each piece stands ``distance`` before each context piece.

    Args:
        tokens: Ids in reading order.
        distance: Positive: the context lies to the right; negative: to the left.
        pieces: Rows, the size of the vocabulary.
        column: Column of each id, or -1 when it is no context; shape (pieces,).

    Returns:
        Counts of shape (pieces, columns).
    """
    columns = int(column.max()) + 1
    counts = np.zeros(pieces * columns, np.float32)
    for first in range(0, len(tokens), _CHUNK):
        part = tokens[first : first + _CHUNK].astype(np.int64)
        here, there = (part[:-distance], part[distance:]) if distance > 0 else (part[-distance:], part[:distance])
        places = column[there]
        keep = places >= 0
        counts += np.bincount(here[keep] * columns + places[keep], minlength=counts.size)
    return counts.reshape(pieces, columns)


def weigh_by_information(counts: Matrix) -> Matrix:
    """Positive pointwise mutual information, contexts smoothed by the power 0.75; done in place."""
    rows = counts.sum(1, dtype=np.float64)
    columns = counts.sum(0, dtype=np.float64) ** 0.75
    total = rows.sum()
    expected_row = np.maximum(rows / max(total, 1.0), 1e-12).astype(np.float32)
    expected_column = np.maximum(columns / max(columns.sum(), 1.0), 1e-12).astype(np.float32)
    counts /= np.float32(max(total, 1.0))
    counts /= expected_row[:, None]
    counts /= expected_column[None, :]
    np.maximum(counts, 1.0, out=counts)
    return np.log(counts, out=counts)


def train_vectors(cache: TokenCache, pieces: int, size: int, contexts: int = 4096, window: int = 5) -> torch.Tensor:
    """Static vectors of all pieces.

    Args:
        cache: The corpus.
        pieces: Size of the vocabulary.
        size: Dimensions.
        contexts: How many of the most frequent pieces count as contexts.
        window: How far a context may lie; the neighbours are counted apart from the rest.

    Returns:
        Rows of mean 0 and root mean square 1, zero for pieces never seen; shape (pieces, size).
    """
    tokens = cache.tokens
    frequency = np.bincount(tokens, minlength=pieces)
    column = np.full(pieces, -1, np.int64)
    top = np.argsort(-frequency, kind="stable")[: min(contexts, int((frequency > 0).sum()))]
    column[top] = np.arange(len(top))
    near = [weigh_by_information(count_pairs(tokens, step, pieces, column)) for step in (-1, 1)]
    far = np.zeros_like(near[0])
    for step in range(2, window + 1):
        far += count_pairs(tokens, step, pieces, column) / step
        far += count_pairs(tokens, -step, pieces, column) / step
    matrix = torch.from_numpy(np.concatenate([*near, weigh_by_information(far)], 1))
    torch.manual_seed(0)
    left, values, _ = torch.svd_lowrank(matrix, q=min(size + 32, *matrix.shape), niter=2)
    vectors = torch.zeros(pieces, size)
    kept = min(size, left.shape[1])
    vectors[:, :kept] = left[:, :kept] * values[:kept].sqrt()
    seen = torch.from_numpy(frequency > 0)
    vectors[seen] -= vectors[seen].mean(0)
    vectors[~seen] = 0.0
    return vectors / vectors.pow(2).mean(1, keepdim=True).sqrt().clamp_min(1e-8)
