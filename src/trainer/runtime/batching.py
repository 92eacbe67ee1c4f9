"""Batches of windows through an encoder, whatever runs it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from trainer.runtime.reading import EncodedWindow
from trainer.runtime.tagging import Batch, Floats, gather_words, pad_batch, plan_batches

Pass = Callable[[NDArray[np.int64], NDArray[np.int64]], Floats]


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def score_in_batches(
    windows: Sequence[EncodedWindow],
    run: Pass,
    token_budget: int,
    padding_id: int = 0,
    executor: Executor | None = None,
) -> list[Floats]:
    """For each window ``(words, tags)`` logits of its words, in the order given.

    Args:
        windows: In any order; windows of like length go through together.
        run: One pass: ``(rows, tokens)`` ids and mask to ``(rows, tokens, tags)`` logits, valid until the next pass.
        token_budget: Most tokens (rows times longest) of one pass.
        padding_id: Token that fills short rows.
        executor: Runs passes side by side, the longest first; ``run`` must bear that.
    """

    def score(batch: Batch) -> list[Floats]:
        rows = [windows[index] for index in batch.indices]
        return gather_words(run(*pad_batch(rows, padding_id)), rows)

    batches = plan_batches([len(window.ids) for window in windows], token_budget)
    scored: dict[int, Floats] = {}
    for batch, rows in zip(batches, (map if executor is None else executor.map)(score, batches), strict=True):
        scored.update(zip(batch.indices, rows, strict=True))
    return [scored[index] for index in range(len(windows))]
