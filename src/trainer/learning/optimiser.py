"""AdamW that leaves alone the rows of an embedding table that a batch does not touch.

AraBERT's embedding table is a third of its parameters, and a batch holds a few hundred of its
64,000 rows. With sparse gradients the others cost nothing (LazyAdam: moments of a row change
only when the row occurs; Kingma and Ba 2015, Loshchilov and Hutter 2019 for the decay).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

_NO_DECAY = ("bias", "norm.weight", "layernorm.weight")


class LazyAdamW(torch.optim.AdamW):  # type: ignore[misc]
    """AdamW with gradient clipping; parameters with sparse gradients are updated row by row.

    Args:
        groups: Parameter groups with ``lr`` and ``weight_decay``.
        clip: Longest gradient over all parameters, as an L2 norm.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], clip: float) -> None:
        super().__init__(list(groups), fused=True)
        self.clip = clip
        self.gradient_norm = 0.0

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Clip all gradients together, then update."""
        sparse = self._take_sparse()
        self._clip([gradient for _, _, gradient in sparse])
        super().step()
        for parameter, group, gradient in sparse:
            self._update_rows(parameter, group, gradient)

    def _take_sparse(self) -> list[tuple[torch.Tensor, dict[str, Any], torch.Tensor]]:
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

    def _update_rows(self, parameter: torch.Tensor, group: dict[str, Any], gradient: torch.Tensor) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        state["step"] += 1
        count = float(state["step"])
        first_rate, second_rate = group["betas"]
        rows, values = gradient.indices()[0], gradient.values().to(parameter.dtype)
        mean = state["exp_avg"][rows].lerp_(values, 1 - first_rate)
        square = state["exp_avg_sq"][rows].mul_(second_rate).addcmul_(values, values, value=1 - second_rate)
        state["exp_avg"][rows] = mean
        state["exp_avg_sq"][rows] = square
        spread = (square / (1 - second_rate**count)).sqrt_().add_(group["eps"])
        current = parameter[rows]
        current.mul_(1 - group["lr"] * group["weight_decay"])
        current.addcdiv_(mean, spread, value=-group["lr"] / (1 - first_rate**count))
        parameter[rows] = current


def group_parameters(
    model: nn.Module, encoder: nn.Module, rate: float, head_rate: float, decay: float
) -> list[dict[str, Any]]:
    """Parameter groups: encoder and head, each with and without weight decay (vectors do not decay)."""
    inner = {id(parameter) for parameter in encoder.parameters()}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            plain = name.lower().endswith(_NO_DECAY) or parameter.ndim < 2
            key = (rate if id(parameter) in inner else head_rate, 0.0 if plain else decay)
            groups.setdefault(key, []).append(parameter)
    return [{"params": members, "lr": lr, "weight_decay": decays} for (lr, decays), members in groups.items()]
