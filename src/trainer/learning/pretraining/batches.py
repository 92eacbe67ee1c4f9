"""What a step reads: packed sequences, masked, as tensors; drawn between the steps or by processes of their own."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from trainer.learning.pretraining.blocks import Special, Stream
from trainer.learning.pretraining.loss import NO_LABEL
from trainer.learning.pretraining.masking import Masked, mask_words

_SLACK = 1.15  # at 512 sequences of 128 tokens the number of hidden tokens hardly ever leaves its mean by 3 %
_AHEAD = 4  # batches that each reader keeps ready


class Batch(NamedTuple):
    """What one process reads in one step.

    Attributes:
        ids: What the encoder sees; shape (sequences, length).
        positions: Position of each token, or none for the encoder's own; shape (sequences, length).
        places: Flat indexes of hidden tokens; shape (hidden,).
        labels: Their true ids; shape (hidden,).
        cursor: Where the stream continues after this step, over all processes.
    """

    ids: torch.Tensor
    positions: torch.Tensor | None
    places: torch.Tensor
    labels: torch.Tensor
    cursor: int

    def move(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(
            self.ids.to(device, non_blocking=True),
            None if self.positions is None else self.positions.to(device, non_blocking=True),
            self.places.to(device, non_blocking=True),
            self.labels.to(device, non_blocking=True),
            self.cursor,
        )


@dataclass(frozen=True, slots=True)
class Draw:
    """How batches are drawn from a stream.

    Attributes:
        stream: The documents.
        special: Ids of special tokens.
        sequences: Sequences of one process in a step.
        length: Tokens in a sequence.
        rate: Share of words that are hidden.
        positions: Positions of the encoder, when sequences begin at a random one.
        seed: Seed of masks and positions, which are functions of it and of the place in the stream.
        rank: Number of this process.
        ranks: How many there are.
        fixed: Give every batch the same number of places, as compiled code wants it.
    """

    stream: Stream
    special: Special
    sequences: int
    length: int
    rate: float
    positions: int | None
    seed: int
    rank: int = 0
    ranks: int = 1
    fixed: bool = False

    @property
    def stride(self) -> int:
        """Tokens of the stream that one step reads, over all processes."""
        return self.ranks * self.sequences * (self.length - 2)

    def at(self, cursor: int) -> Batch:
        """The batch of the step that begins at a place in the stream."""
        block = self.stream.block(cursor, self.sequences, self.length, self.rank, self.ranks)
        rng = np.random.default_rng((self.seed, 303, cursor, self.rank))
        masked = mask_words(block, self.rate, self.special, rng)
        positions = None
        if self.positions is not None:
            first = rng.integers(0, self.positions - self.length + 1, (self.sequences, 1))
            positions = torch.from_numpy(first + np.arange(self.length)[None, :])
        places, labels = self._fill(masked) if self.fixed else (masked.places, masked.labels)
        ids = torch.from_numpy(masked.ids)
        return Batch(ids, positions, torch.from_numpy(places), torch.from_numpy(labels), block.cursor)

    def _fill(self, masked: Masked) -> tuple[np.ndarray, np.ndarray]:
        """Places up to a fixed number; should there be more, the last go unasked."""
        size = 256 * math.ceil(self.sequences * self.length * self.rate * _SLACK / 256)
        places, labels = np.zeros(size, np.int64), np.full(size, NO_LABEL, np.int64)
        known = min(size, len(masked.places))
        places[:known], labels[:known] = masked.places[:known], masked.labels[:known]
        return places, labels


class _Steps(Dataset[Batch]):  # type: ignore[misc]
    """The batches from a place in the stream on, by number."""

    def __init__(self, draw: Draw, first: int) -> None:
        self.draw = draw
        self.first = first

    def __getitem__(self, number: int) -> Batch:
        return self.draw.at(self.first + number * self.draw.stride)


class _Endless(Sampler[int]):  # type: ignore[misc]
    def __iter__(self) -> Iterator[int]:
        return itertools.count()


def read_batches(draw: Draw, cursor: int, readers: int, pinned: bool) -> Iterator[Batch]:
    """The batches from a place in the stream on, without end.

    Args:
        draw: How they are drawn.
        cursor: Where the stream begins.
        readers: Processes that draw; 0 draws in this one.
        pinned: Lay them in memory that a GPU copies from.
    """
    loader: DataLoader[Batch] = DataLoader(
        _Steps(draw, cursor), batch_size=None, sampler=_Endless(), num_workers=readers, pin_memory=pinned,
        prefetch_factor=_AHEAD if readers else None,
    )  # fmt: skip
    return iter(loader)
