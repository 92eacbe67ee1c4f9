"""AdamW for models with a large embedding table, of which a batch touches few rows.

AraBERT's embedding table is a third of its parameters, and a batch holds a few hundred of its
64,000 rows. Plain AdamW rewrites all of them in every update, because momentum moves a row on
after its word has passed. Here a row is left alone until its word comes back (or until
`LazyAdamW.catch_up`), and then makes up for the updates it missed in one step: between two
occurrences the moments only decay, so the sum of the missed steps is the last moment times a
factor that is the same for all rows of that age.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

_NO_DECAY = ("bias", "norm.weight", "layernorm.weight")
_MEMORY = 160  # updates after which momentum has faded (0.9 ** 160 = 5e-8)
_GROWTH = 1024

Group = dict[str, Any]


class LazyAdamW(torch.optim.AdamW):  # type: ignore[misc]
    """AdamW (Loshchilov and Hutter 2019) with gradient clipping and late updates of sparse rows.

    Parameters with dense gradients are treated as by ``torch.optim.AdamW``. Those with sparse
    gradients do not decay, and are up to date only after `catch_up`.

    Args:
        groups: Parameter groups with ``lr`` and ``weight_decay``.
        clip: Longest gradient over all parameters, as an L2 norm.
    """

    def __init__(self, groups: Iterable[Group], clip: float) -> None:
        super().__init__(list(groups), fused=True)
        self.clip = clip
        self.gradient_norm = 0.0

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Clip all gradients together, then update."""
        sparse = self._take_sparse()
        self._clip([gradient for _, _, gradient in sparse])
        super().step()
        touched = {id(parameter) for parameter, _, _ in sparse}
        for parameter, group, gradient in sparse:
            self._update_rows(parameter, group, gradient)
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state.get(parameter, {})
                if id(parameter) not in touched and "row_updates" in state and parameter.requires_grad:
                    _age(state, group)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def catch_up(self, rows: torch.Tensor | None = None) -> None:
        """Bring rows of the sparse parameters up to date; call it before these weights are read.

        Args:
            rows: Distinct indices of the rows that a batch will read; None for all.
        """
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state.get(parameter, {})
                if "row_updates" in state:
                    last = state["row_updates"]
                    among = torch.arange(len(last), device=last.device) if rows is None else rows.to(last.device)
                    late = (last[among] > 0) & (last[among] < state["step"].to(last.device))
                    _make_up(parameter, state, group, among[late])

    def _take_sparse(self) -> list[tuple[torch.Tensor, Group, torch.Tensor]]:
        """Parameters with sparse gradients; the fused update skips them, their gradients being taken away."""
        taken = []
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and parameter.grad.is_sparse:
                    taken.append((parameter, group, parameter.grad.coalesce()))
                    parameter.grad = None
        return taken

    def _clip(self, sparse: list[torch.Tensor]) -> None:
        dense = [p.grad for group in self.param_groups for p in group["params"] if p.grad is not None]
        values = [*dense, *(gradient.values() for gradient in sparse)]
        if not values:
            return
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(values)))
        self.gradient_norm = float(norm)
        if self.gradient_norm > self.clip:
            torch._foreach_mul_(values, self.clip / (self.gradient_norm + 1e-6))

    def _update_rows(self, parameter: torch.Tensor, group: Group, gradient: torch.Tensor) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
            state["row_updates"] = torch.zeros(len(parameter), device=parameter.device)  # number of a row's last update
            state["factors"] = torch.zeros(_GROWTH)
        first_rate, second_rate = group["betas"]
        rows, values = gradient.indices()[0], gradient.values().to(parameter.dtype)
        _make_up(parameter, state, group, rows)
        count = _age(state, group)
        mean = state["exp_avg"][rows].lerp_(values, 1 - first_rate)
        square = state["exp_avg_sq"][rows].mul_(second_rate).addcmul_(values, values, value=1 - second_rate)
        state["exp_avg"][rows], state["exp_avg_sq"][rows] = mean, square
        state["row_updates"][rows] = float(count)
        spread = (square / (1 - second_rate**count)).sqrt_().add_(group["eps"])
        parameter[rows] = parameter[rows].addcdiv_(mean, spread, value=-group["lr"] / (1 - first_rate**count))


def _age(state: dict[str, torch.Tensor], group: Group) -> int:
    """Count an update; note in ``factors`` how far it moves rows whose last update lies one, two, … back."""
    state["step"] += 1
    count = int(state["step"])
    if count >= len(state["factors"]):
        state["factors"] = torch.cat((state["factors"], torch.zeros(_GROWTH)))
    first_rate, second_rate = group["betas"]
    ages = torch.arange(min(count, _MEMORY), 0, -1, device=state["factors"].device)
    length = group["lr"] * (1 - second_rate**count) ** 0.5 / (1 - first_rate**count)
    state["factors"][count - len(ages) : count] += length * (first_rate / second_rate**0.5) ** ages
    return count


def _make_up(parameter: torch.Tensor, state: dict[str, torch.Tensor], group: Group, rows: torch.Tensor) -> None:
    """The updates that rows have missed since their last one, their moments decaying."""
    first_rate, second_rate = group["betas"]
    last = state["row_updates"][rows]
    missed = (state["step"].to(last.device) - last).unsqueeze(1)
    factors = state["factors"].to(last.device)[last.long()].unsqueeze(1) * (missed > 0)
    mean, square = state["exp_avg"][rows], state["exp_avg_sq"][rows]
    parameter[rows] = parameter[rows] - factors * mean / (square.sqrt() + group["eps"])
    state["exp_avg"][rows] = mean * first_rate**missed
    state["exp_avg_sq"][rows] = square * second_rate**missed
    state["row_updates"][rows] = state["step"].to(last.device).expand(len(rows))


def group_parameters(model: nn.Module, encoder: nn.Module, rate: float, head_rate: float, decay: float) -> list[Group]:
    """Parameter groups: encoder and head, each with and without weight decay (vectors do not decay).

    Args:
        model: The tagger.
        encoder: The part of it that learns at ``rate``; the rest learns at ``head_rate``.
        rate: Learning rate.
        head_rate: The same for the head.
        decay: Weight decay of matrices.
    """
    inner = {id(parameter) for parameter in encoder.parameters()}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            plain = name.lower().endswith(_NO_DECAY) or parameter.ndim < 2
            key = (rate if id(parameter) in inner else head_rate, 0.0 if plain else decay)
            groups.setdefault(key, []).append(parameter)
    return [{"params": members, "lr": lr, "weight_decay": decays} for (lr, decays), members in groups.items()]
