"""Packed blocks: what one step reads, as a pure function of a seed and a position in the stream."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.learning.pretraining.cache import TokenCache

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Special:
    """Ids of the special tokens of a tokenizer, and how many ids it has."""

    cls: int
    sep: int
    mask: int
    pad: int
    size: int


@dataclass(frozen=True, slots=True)
class Block:
    """Packed sequences.

    Attributes:
        ids: Token ids with [CLS] first and [SEP] last; shape (sequences, length).
        starts: 1 where a word begins, 0 inside one, 2 at special tokens; same shape.
        cursor: Where the stream continues.
    """

    ids: Ids
    starts: npt.NDArray[np.uint8]
    cursor: int


def split_held_out(documents: int, share: float, seed: int) -> tuple[Ids, Ids]:
    """Numbers of the training documents and of the held-out ones, drawn at random."""
    order = np.random.default_rng((seed, 101)).permutation(documents)
    held = min(max(1, round(documents * share)), documents // 2)
    return np.sort(order[held:]), np.sort(order[:held])


def weigh_documents(
    cache: TokenCache, on_topic: npt.NDArray[np.bool_], weight: float, threshold: float
) -> npt.NDArray[np.float64]:
    """``weight`` for documents on topic, 1 for the others.

    Args:
        cache: The corpus.
        on_topic: Whether each piece of the vocabulary marks a topic; shape (pieces,).
        weight: Weight of a document on topic.
        threshold: Share of its pieces that must mark one.

    Returns:
        Shape (documents,).
    """
    marks = np.concatenate(([0], np.cumsum(on_topic[cache.tokens], dtype=np.int64)))
    lengths = np.maximum(np.diff(cache.documents), 1)
    return np.where(np.diff(marks[cache.documents]) / lengths >= threshold, weight, 1.0)


class Stream:
    """Documents in a weighted random order, as one endless stream of tokens.

    The order is drawn anew each epoch. A document of weight 4 has four times the chance of one of weight 1 to
    come next (Efraimidis and Spirakis 2006: sort by u ** (1 / weight)), so a run too short for an epoch sees
    more of what the encoder is for; a whole epoch sees every document once whatever the weight.
    """

    def __init__(
        self,
        cache: TokenCache,
        documents: Ids,
        special: Special,
        seed: int,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> None:
        self.cache = cache
        self.documents = documents
        self.special = special
        self.seed = seed
        self.weights = np.ones(len(documents)) if weights is None else weights[documents]
        lengths = np.diff(cache.documents)[documents]
        self.total = int(lengths.sum()) + len(documents)  # each document is followed by [SEP]
        self._epoch = lru_cache(maxsize=2)(self._draw)

    def _draw(self, epoch: int) -> tuple[Ids, Ids]:
        chance = np.random.default_rng((self.seed, 202, epoch)).random(len(self.documents))
        order = self.documents[np.argsort(-np.log(chance) / self.weights, kind="stable")]
        ends = np.cumsum(np.diff(self.cache.documents)[order] + 1)
        return order, ends

    def _read(self, cursor: int, length: int) -> tuple[Ids, npt.NDArray[np.uint8]]:
        """``length`` tokens from a position of the stream."""
        ids = np.full(length, self.special.sep, np.int64)
        starts = np.full(length, 2, np.uint8)
        filled = 0
        while filled < length:
            epoch, offset = divmod(cursor + filled, self.total)
            order, ends = self._epoch(epoch)
            place = int(np.searchsorted(ends, offset, "right"))
            left = int(ends[place]) - 1 - offset  # tokens of this document still to read, before its [SEP]
            take = min(left, length - filled)
            if take:
                last = int(self.cache.documents[order[place] + 1]) - left
                ids[filled : filled + take] = self.cache.tokens[last : last + take]
                starts[filled : filled + take] = self.cache.starts[last : last + take]
            filled += take + (take == left)
        return ids, starts

    def block(self, cursor: int, sequences: int, length: int, rank: int = 0, ranks: int = 1) -> Block:
        """The sequences of one process at a position; each of ``ranks`` reads its own share of the step."""
        inner = length - 2
        begin = cursor + rank * sequences * inner
        flat, flat_starts = self._read(begin, sequences * inner)
        ids: Any = np.empty((sequences, length), np.int64)
        starts: Any = np.full((sequences, length), 2, np.uint8)
        ids[:, 0], ids[:, -1] = self.special.cls, self.special.sep
        ids[:, 1:-1] = flat.reshape(sequences, inner)
        starts[:, 1:-1] = flat_starts.reshape(sequences, inner)
        return Block(ids, starts, cursor + ranks * sequences * inner)
