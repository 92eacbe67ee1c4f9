from __future__ import annotations

import numpy as np
import pytest

from trainer.learning.batching import TokenBudgetSampler, WindowCollator
from trainer.learning.encoding import IGNORED

LENGTHS = np.random.default_rng(0).integers(10, 250, 200).tolist()


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_all_processes_together_read_each_window_once_an_epoch(processes: int) -> None:
    read: list[int] = []
    for process in range(processes):
        for batch in TokenBudgetSampler(LENGTHS, 1024, seed=3, processes=processes, process=process):
            read += batch
    assert sorted(read) == list(range(200))


def test_every_process_gets_part_of_every_batch() -> None:
    samplers = [TokenBudgetSampler(LENGTHS, 512, 1, 2, process) for process in range(2)]
    parts = [list(sampler) for sampler in samplers]
    assert len(parts[0]) == len(parts[1]) == len(samplers[0])
    assert all(batch for part in parts for batch in part)


def test_two_processes_share_the_batches_of_one() -> None:
    alone = list(TokenBudgetSampler(LENGTHS, 1024, 1))
    shares = [list(TokenBudgetSampler(LENGTHS, 1024, 1, 2, process)) for process in range(2)]
    assert [sorted(batch) for batch in alone] == [sorted(a + b) for a, b in zip(*shares, strict=True)]


def test_epochs_differ_in_order_and_agree_in_number_of_batches() -> None:
    sampler = TokenBudgetSampler(LENGTHS, 1024, seed=1)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert len(first) == len(second) == len(sampler)
    assert {tuple(sorted(batch)) for batch in first} != {tuple(sorted(batch)) for batch in second}
    sampler.set_epoch(0)
    assert list(sampler) == first


def test_little_is_lost_to_padding() -> None:
    lengths = np.array(LENGTHS)
    batches = list(TokenBudgetSampler(LENGTHS, 2048, seed=1))
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert lengths.sum() / padded > 0.85
    assert max(len(batch) * lengths[batch].max() for batch in batches) < 2048 * 1.25


def test_a_window_longer_than_the_budget_is_a_batch_of_its_own() -> None:
    assert [0] in list(TokenBudgetSampler([300, 20, 20], 100, seed=1))


def test_padding_is_masked_and_teaches_nothing() -> None:
    batch = WindowCollator(9)([{"input_ids": [2, 5, 3], "labels": [-100, 1, -100]}, {"input_ids": [2], "labels": [0]}])
    assert batch["input_ids"].tolist() == [[2, 5, 3], [2, 9, 9]]
    assert batch["labels"].tolist() == [[-100, 1, -100], [0, IGNORED, IGNORED]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
