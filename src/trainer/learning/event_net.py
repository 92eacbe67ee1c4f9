"""The event head as torch fits it; `trainer.runtime.event_head` computes the same in numpy."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from trainer.core.candidates import STRUCTURE

NO_LINK = 0  # output 0 of a pair; roles follow in the order of the schema


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Candidate pairs of spans as tensors.

    Attributes:
        operations: ``(pairs,)`` rows of the pooled spans.
        arguments: ``(pairs,)`` rows of the pooled spans.
        between: ``(pairs, width)`` mean state of the words between.
        structure: ``(pairs, STRUCTURE)``.
        allowed: ``(pairs, roles)``.
    """

    operations: torch.Tensor
    arguments: torch.Tensor
    between: torch.Tensor
    structure: torch.Tensor
    allowed: torch.Tensor

    def take(self, rows: torch.Tensor) -> Pairs:
        """Some of the pairs."""
        return Pairs(
            self.operations[rows], self.arguments[rows], self.between[rows], self.structure[rows], self.allowed[rows]
        )


class EventNet(nn.Module):  # type: ignore[misc]
    """Types of operations and roles of pairs.

    Args:
        width: Numbers in a word's state.
        types: How many types.
        roles: How many roles.
        hidden: Units of each hidden layer.
        dropout: Of pooled states and hidden units.
    """

    def __init__(self, width: int, types: int, roles: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.types, self.roles = types, roles
        self.dropout = nn.Dropout(dropout)
        if types:
            self.type_hidden = nn.Linear(2 * width, hidden)
            self.type_output = nn.Linear(hidden, types)
        if roles:
            self.link_operation = nn.Linear(2 * width, hidden)
            self.link_argument = nn.Linear(2 * width, hidden, bias=False)
            self.link_left = nn.Linear(2 * width, hidden // 2, bias=False)
            self.link_right = nn.Linear(2 * width, hidden // 2, bias=False)
            self.link_product = nn.Linear(hidden // 2, hidden, bias=False)
            self.link_between = nn.Linear(width, hidden, bias=False)
            self.link_structure = nn.Linear(STRUCTURE, hidden, bias=False)
            self.link_output = nn.Linear(hidden, 1 + roles)

    def score_types(self, pooled: torch.Tensor) -> torch.Tensor:
        """``(operations, types)`` logits of operations given as ``(operations, 2 x width)``."""
        hidden = self.dropout(torch.relu(self.type_hidden(self.dropout(pooled))))
        logits: torch.Tensor = self.type_output(hidden)
        return logits

    def score_links(self, pooled: torch.Tensor, pairs: Pairs) -> torch.Tensor:
        """``(pairs, 1 + roles)`` logits: no link, then each role; minus infinity where the labels rule it out."""
        operations, arguments = self.dropout(pooled[pairs.operations]), self.dropout(pooled[pairs.arguments])
        hidden = (
            self.link_operation(operations)
            + self.link_argument(arguments)
            + self.link_product(self.link_left(operations) * self.link_right(arguments))
            + self.link_between(self.dropout(pairs.between))
            + self.link_structure(pairs.structure)
        )
        logits: torch.Tensor = self.link_output(self.dropout(torch.relu(hidden)))
        closed = torch.cat((torch.zeros_like(pairs.allowed[:, :1]), ~pairs.allowed), dim=1)
        return logits.masked_fill(closed, -torch.inf)
