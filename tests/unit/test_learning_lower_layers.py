from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForTokenClassification

from trainer.core.errors import ConfigError
from trainer.learning.lower_layers import LowerLayers


def _model() -> BertForTokenClassification:
    torch.manual_seed(0)
    return BertForTokenClassification(
        BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32)
    )


def _learning(model: BertForTokenClassification) -> set[str]:
    model.zero_grad()
    model(input_ids=torch.arange(8)[None]).logits.sum().backward()
    names = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    parts = ("embeddings", "layer.0", "layer.1", "layer.2", "classifier")
    return {part for part in parts if any(part in name for name in names)}


def test_embeddings_and_lower_layers_learn_in_the_first_half_only() -> None:
    model = _model()
    lower = LowerLayers(model.base_model, 0.5)
    learning = []
    for done in (0.0, 0.49, 0.5, 0.99):
        lower.turn(done)
        learning.append(_learning(model))
    everything, upper = {"embeddings", "layer.0", "layer.1", "layer.2", "classifier"}, {"layer.2", "classifier"}
    assert learning == [everything, everything, upper, upper]


def test_at_the_end_they_wake() -> None:
    model = _model()
    lower = LowerLayers(model.base_model, 0.5)
    lower.turn(0.99)
    lower.wake()
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_to_the_end_means_nothing_is_switched() -> None:
    model = _model()
    LowerLayers(model.base_model, 1.0).turn(0.99)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_what_was_frozen_stays_frozen() -> None:
    model = _model()
    model.get_input_embeddings().weight.requires_grad_(False)
    lower = LowerLayers(model.base_model, 0.5)
    lower.turn(0.1)
    lower.wake()
    assert not model.get_input_embeddings().weight.requires_grad


def test_an_encoder_without_a_list_of_layers_is_refused() -> None:
    with pytest.raises(ConfigError, match="lower_layers_until"):
        LowerLayers(nn.Linear(2, 2), 0.5)
