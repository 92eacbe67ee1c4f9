from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.core.errors import ConfigError
from trainer.learning.batching import TokenBudgetSampler
from trainer.learning.config import TrainingConfig
from trainer.learning.loop import count_epochs


@given(
    lengths=st.lists(st.integers(3, 256), min_size=1, max_size=300),
    epochs=st.integers(1, 12),
    least=st.integers(0, 500),
    accumulation=st.integers(1, 4),
)
def test_few_windows_are_read_just_so_often_that_the_fewest_updates_are_made(
    lengths: list[int], epochs: int, least: int, accumulation: int
) -> None:
    settings = TrainingConfig(epochs=epochs, least_updates=least, batch_tokens=512, accumulation=accumulation)
    updates = -(-len(TokenBudgetSampler(lengths, 512, seed=1)) // accumulation)
    counted = count_epochs(settings, lengths)
    assert counted * updates >= least
    assert counted == epochs or (counted > epochs and (counted - 1) * updates < least)


def test_more_epochs_than_asked_for_are_explained(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        assert count_epochs(TrainingConfig(epochs=2, least_updates=5, batch_tokens=512), [250, 250, 250]) == 3
    assert "3 epochs: 2 would make 4 updates, and training.least_updates asks for 5" in caplog.text


def test_enough_windows_are_read_as_often_as_set_and_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        assert count_epochs(TrainingConfig(epochs=2, least_updates=4, batch_tokens=512), [250, 250, 250]) == 2
    assert not caplog.records


def test_a_negative_number_of_updates_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"least_updates"):
        TrainingConfig(least_updates=-1)
