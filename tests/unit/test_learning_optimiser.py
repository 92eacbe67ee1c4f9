from __future__ import annotations

import torch
from torch import nn

from trainer.learning.optimiser import LazyAdamW, group_parameters


def _model(sparse: bool) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(50, 8, sparse=sparse), nn.Linear(8, 3))


def _train(model: nn.Module, optimiser: torch.optim.Optimizer, batches: list[torch.Tensor], clip: float | None) -> None:
    for batch in batches:
        optimiser.zero_grad()
        model(batch).pow(2).sum().backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()


def test_with_every_row_in_every_batch_it_equals_plain_adamw() -> None:
    batches = [torch.randperm(50) for _ in range(5)]
    lazy, plain = _model(True), _model(False)
    _train(lazy, LazyAdamW([{"params": lazy.parameters(), "lr": 0.01, "weight_decay": 0.1}], clip=1.0), batches, None)
    _train(plain, torch.optim.AdamW(plain.parameters(), lr=0.01, weight_decay=0.1), batches, 1.0)
    for left, right in zip(lazy.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-6)


def test_rows_outside_the_batch_do_not_move() -> None:
    model = _model(True)
    before = model[0].weight.detach().clone()
    optimiser = LazyAdamW([{"params": model.parameters(), "lr": 0.01, "weight_decay": 0.1}], clip=1.0)
    _train(model, optimiser, [torch.tensor([1, 2]), torch.tensor([2, 2, 7])], None)
    moved = (model[0].weight != before).any(dim=1).nonzero().flatten().tolist()
    assert moved == [1, 2, 7]


def test_a_reloaded_state_goes_on_as_if_nothing_had_happened() -> None:
    batches = [torch.randint(0, 50, (6,)) for _ in range(6)]
    straight, halted = _model(True), _model(True)
    groups = [{"lr": 0.01, "weight_decay": 0.1}]
    one = LazyAdamW([{"params": straight.parameters(), **groups[0]}], clip=1.0)
    _train(straight, one, batches, None)
    two = LazyAdamW([{"params": halted.parameters(), **groups[0]}], clip=1.0)
    _train(halted, two, batches[:3], None)
    three = LazyAdamW([{"params": halted.parameters(), **groups[0]}], clip=1.0)
    three.load_state_dict(two.state_dict())
    _train(halted, three, batches[3:], None)
    for left, right in zip(straight.parameters(), halted.parameters(), strict=True):
        torch.testing.assert_close(left, right)


def test_sparse_and_dense_gradients_are_clipped_together() -> None:
    model = _model(True)
    optimiser = LazyAdamW([{"params": model.parameters(), "lr": 0.0, "weight_decay": 0.0}], clip=0.5)
    model(torch.arange(10)).pow(2).sum().backward()
    dense = _model(False)
    dense(torch.arange(10)).pow(2).sum().backward()
    expected = nn.utils.clip_grad_norm_(dense.parameters(), 0.5)
    optimiser.step()
    assert optimiser.gradient_norm == float(expected) or abs(optimiser.gradient_norm - float(expected)) < 1e-5
    torch.testing.assert_close(model[1].weight.grad, dense[1].weight.grad, rtol=1e-4, atol=1e-6)


def test_the_head_has_its_own_rate_and_vectors_do_not_decay() -> None:
    model = _model(False)
    groups = group_parameters(model, model[0], 1e-5, 1e-3, 0.01)
    assert {(group["lr"], group["weight_decay"]) for group in groups} == {(1e-5, 0.01), (1e-3, 0.01), (1e-3, 0.0)}
    assert sum(len(group["params"]) for group in groups) == 3
