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


def _lazy(model: nn.Module, decay: float = 0.0) -> LazyAdamW:
    table, *others = model.parameters()
    groups = [
        {"params": [table], "lr": 0.01, "weight_decay": 0.0},
        {"params": others, "lr": 0.01, "weight_decay": decay},
    ]
    return LazyAdamW(groups, clip=1.0)


def test_late_updates_add_up_to_those_of_plain_adamw() -> None:
    generator = torch.Generator().manual_seed(0)
    lazy, plain = nn.Embedding(50, 8, sparse=True), nn.Embedding(50, 8)
    lazy.load_state_dict(plain.state_dict())
    start = plain.weight.detach().clone()
    one = LazyAdamW([{"params": lazy.parameters(), "lr": 0.01, "weight_decay": 0.0}], clip=1e9)
    two = torch.optim.AdamW(plain.parameters(), lr=0.01, weight_decay=0.0)
    for _ in range(400):
        rows, slopes = torch.randint(0, 50, (3,), generator=generator), torch.randn(3, 8, generator=generator)
        for table, optimiser in ((lazy, one), (plain, two)):
            optimiser.zero_grad()
            (table(rows) * slopes).sum().backward()
            optimiser.step()
    one.catch_up()
    torch.testing.assert_close(lazy.weight, plain.weight, rtol=0, atol=2e-4 * (plain.weight - start).abs().max().item())


def test_rows_in_every_batch_move_exactly_as_in_plain_adamw() -> None:
    batches = [torch.randperm(50) for _ in range(5)]
    lazy, plain = _model(True), _model(False)
    _train(lazy, _lazy(lazy), batches, None)
    _train(plain, torch.optim.AdamW(plain.parameters(), lr=0.01, weight_decay=0.0), batches, 1.0)
    for left, right in zip(lazy.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-6)


def test_rows_that_never_occur_do_not_move_and_catching_up_twice_is_catching_up_once() -> None:
    model = _model(True)
    before = model[0].weight.detach().clone()
    optimiser = _lazy(model)
    _train(model, optimiser, [torch.tensor([1, 2]), torch.tensor([2, 2, 7])], None)
    late = model[0].weight.detach().clone()
    optimiser.catch_up()
    once = model[0].weight.detach().clone()
    optimiser.catch_up()
    assert (once != before).any(dim=1).nonzero().flatten().tolist() == [1, 2, 7]
    assert (once != late).any(dim=1).nonzero().flatten().tolist() == [1]
    assert torch.equal(model[0].weight, once)


def test_rows_brought_up_to_date_before_they_are_read_follow_plain_adamw_step_by_step() -> None:
    generator = torch.Generator().manual_seed(0)
    lazy, plain = _model(True), _model(False)
    one, two = _lazy(lazy), torch.optim.AdamW(plain.parameters(), lr=0.01, weight_decay=0.0)
    for _ in range(60):
        batch = torch.randint(0, 50, (6,), generator=generator)
        rows = batch.unique()
        one.catch_up(rows)
        torch.testing.assert_close(lazy[0].weight[rows], plain[0].weight[rows], rtol=0.01, atol=2e-3)
        _train(lazy, one, [batch], None)
        _train(plain, two, [batch], 1.0)


def test_the_learning_rate_of_the_missed_updates_counts_not_that_of_the_return() -> None:
    lazy, plain = _model(True), _model(False)
    batches = [torch.tensor([3, 4]), *[torch.tensor([4])] * 6]
    one, two = _lazy(lazy), torch.optim.AdamW(plain.parameters(), lr=0.01, weight_decay=0.0)
    for number, batch in enumerate(batches):
        for optimiser, model, clip in ((one, lazy, None), (two, plain, 1.0)):
            for group in optimiser.param_groups:
                group["lr"] = 0.01 / (number + 1)
            _train(model, optimiser, [batch], clip)
    one.catch_up()
    torch.testing.assert_close(lazy[0].weight, plain[0].weight, rtol=1e-3, atol=1e-4)


def test_a_reloaded_state_goes_on_as_if_nothing_had_happened() -> None:
    batches = [torch.randint(0, 50, (6,)) for _ in range(6)]
    straight, halted = _model(True), _model(True)
    _train(straight, _lazy(straight, 0.1), batches, None)
    two, three = _lazy(halted, 0.1), _lazy(halted, 0.1)
    _train(halted, two, batches[:3], None)
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
