from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForTokenClassification

from trainer.core.errors import ConfigError
from trainer.learning.lower_layers import LowerLayers
from trainer.learning.optimiser import group_parameters


def _model() -> BertForTokenClassification:
    torch.manual_seed(0)
    return BertForTokenClassification(
        BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32)
    )


def _gradients(model: BertForTokenClassification) -> set[str]:
    model.zero_grad()
    model(input_ids=torch.arange(8)[None]).logits.sum().backward()
    return {
        name.split("layer.")[-1][0] for name, p in model.named_parameters() if "layer." in name and p.grad is not None
    }


def test_lower_layers_learn_in_every_third_update_only() -> None:
    model = _model()
    lower = LowerLayers(model.base_model, 3)
    learnt = []
    for update in range(4):
        lower.turn(update)
        learnt.append(_gradients(model))
    assert learnt == [{"0", "1", "2"}, {"2"}, {"2"}, {"0", "1", "2"}]


def test_the_classifier_always_learns_and_embeddings_go_with_the_lower_layers() -> None:
    model = _model()
    LowerLayers(model.base_model, 2).turn(1)
    _gradients(model)
    assert model.classifier.weight.grad is not None
    assert model.get_input_embeddings().weight.grad is None


def test_every_update_means_nothing_is_switched() -> None:
    model = _model()
    LowerLayers(model.base_model, 1).turn(1)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_what_was_frozen_stays_frozen() -> None:
    model = _model()
    model.get_input_embeddings().weight.requires_grad_(False)
    LowerLayers(model.base_model, 2).turn(0)
    assert not model.get_input_embeddings().weight.requires_grad


def test_parameters_that_learn_seldom_get_the_rate_and_the_forgetting_of_the_updates_they_stand_for() -> None:
    model = _model()
    lower = LowerLayers(model.base_model, 3)
    groups = group_parameters(model, model.base_model, 1e-5, 1e-3, 0.01, lower)
    seldom = {id(parameter) for parameter in lower.parameters}
    for group in groups:
        inside = {id(parameter) in seldom for parameter in group["params"]}
        assert len(inside) == 1
        if inside == {True}:
            assert group["lr"] == pytest.approx(3e-5)
            assert group["betas"] == pytest.approx((0.9**3, 0.999**3))
        else:
            assert group["lr"] in (1e-5, 1e-3)
            assert group["betas"] == (0.9, 0.999)


def test_an_encoder_without_a_list_of_layers_is_refused() -> None:
    with pytest.raises(ConfigError, match="lower_layers_every"):
        LowerLayers(nn.Linear(2, 2), 2)
