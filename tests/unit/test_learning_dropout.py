from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForTokenClassification

from trainer.learning.dropout import FrugalDropout, replace_dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(1000, 1000), (999, 1001)])
def test_as_many_elements_are_dropped_as_asked_for_and_the_mean_stays(p: float, shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    found = FrugalDropout(p)(torch.ones(shape))
    assert float((found == 0).float().mean()) == pytest.approx(p, abs=2e-3)
    assert float(found.mean()) == pytest.approx(1, abs=2e-2)


def test_each_of_the_elements_that_share_a_draw_is_dropped_as_often_and_independently() -> None:
    torch.manual_seed(0)
    dropped = (FrugalDropout(0.25)(torch.ones(400_000)) == 0).view(-1, 4).float()
    assert dropped.mean(0).tolist() == pytest.approx([0.25] * 4, abs=5e-3)
    assert torch.corrcoef(dropped.T).fill_diagonal_(0).abs().max() < 0.02


def test_the_gradient_has_the_holes_of_the_states() -> None:
    states = torch.randn(64, 64, requires_grad=True)
    found = FrugalDropout(0.5)(states)
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert states.grad is not None
    assert torch.equal(states.grad == 0, found == 0)


def test_the_same_seed_gives_the_same_holes() -> None:
    layer, states = FrugalDropout(0.3), torch.ones(50, 7)
    torch.manual_seed(3)
    first = layer(states)
    torch.manual_seed(3)
    assert torch.equal(first, layer(states))


@pytest.mark.parametrize("p", [0.0, 0.4])
def test_outside_of_training_or_at_zero_nothing_happens(p: float) -> None:
    layer, states = FrugalDropout(p).train(p == 0), torch.ones(5)
    assert layer(states) is states


def test_a_model_keeps_its_weights_and_the_names_of_them() -> None:
    config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    model = BertForTokenClassification(config)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    replace_dropout(model)
    assert not any(isinstance(module, nn.Dropout) for module in model.modules())
    assert sum(isinstance(module, FrugalDropout) for module in model.modules()) > 2
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
