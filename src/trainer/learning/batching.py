"""Training batches of windows of like length, filled to a budget of tokens.

The batches of an epoch are cut from the windows sorted by length, with the order of near
neighbours shuffled afresh each epoch. Their number is the same in every epoch, so a resumed
run finds its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Sampler

from trainer.learning.encoding import IGNORED

JITTER = 0.03  # neighbours within three hundredths of their length change places: more would cost padding


class TokenBudgetSampler(Sampler[list[int]]):  # type: ignore[misc]
    """Yields lists of window indices; in a distributed run each process gets its share of every batch.

    Args:
        lengths: Tokens of each window.
        budget: Most tokens of one batch over all processes, padding included.
        seed: Of the order.
        processes: How many processes share each batch.
        process: Which of them this is.
    """

    def __init__(self, lengths: Sequence[int], budget: int, seed: int, processes: int = 1, process: int = 0) -> None:
        self.lengths = np.asarray(lengths, dtype=np.int64)
        self._seed, self._processes, self._process = seed, processes, process
        self._epoch = 0
        self._cuts = _cut(np.sort(self.lengths)[::-1], budget, processes)

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of that epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._cuts) - 1

    def __iter__(self) -> Iterator[list[int]]:
        generator = np.random.default_rng([self._seed, self._epoch])
        noise = generator.uniform(1 - JITTER, 1 + JITTER, len(self.lengths))
        order = np.argsort(-self.lengths * noise, kind="stable")
        for batch in generator.permutation(len(self)):
            rows = order[self._cuts[batch] : self._cuts[batch + 1]]
            yield rows[self._process :: self._processes].tolist()


def _cut(descending: NDArray[np.int64], budget: int, processes: int) -> list[int]:
    """Where the sorted windows are cut; each batch has at least one window for each process."""
    cuts = [0]
    for index in range(len(descending)):
        first = cuts[-1]
        if index - first >= processes and (index - first + 1) * descending[first] > budget:
            cuts.append(index)
    cuts.append(len(descending))
    if len(cuts) > 2 and cuts[-1] - cuts[-2] < processes:
        del cuts[-2]
    return cuts


class WindowCollator:
    """Pads the windows of a batch to the longest of them.

    Args:
        padding_id: Id of the padding token.
    """

    def __init__(self, padding_id: int) -> None:
        self._padding_id = padding_id

    def __call__(self, rows: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, torch.Tensor]:
        """``input_ids``, ``labels`` and, where any window is padded, ``attention_mask``; each ``(rows, longest)``."""
        longest = max(len(row["input_ids"]) for row in rows)
        ids = torch.full((len(rows), longest), self._padding_id, dtype=torch.long)
        labels = torch.full((len(rows), longest), IGNORED, dtype=torch.long)
        mask = torch.zeros((len(rows), longest), dtype=torch.long)
        for index, row in enumerate(rows):
            size = len(row["input_ids"])
            ids[index, :size] = torch.as_tensor(row["input_ids"])
            labels[index, :size] = torch.as_tensor(row["labels"])
            mask[index, :size] = 1
        return {"input_ids": ids, "labels": labels, "attention_mask": mask}
