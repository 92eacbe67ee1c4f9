"""The masked-language-model loss, computed at hidden places only."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

NO_LABEL = -100


class MaskedLoss(nn.Module):  # type: ignore[misc]
    """An encoder with its output layer; a 24,000-piece output at every place would cost as much as the encoder."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        # BERT and its like call the output layer ``cls``, RoBERTa and its like ``lm_head``; for a model that
        # spreads it over several modules the whole output is computed.
        heads = (getattr(model, name, None) for name in ("cls", "lm_head"))
        self.head = next((head for head in heads if isinstance(head, nn.Module)), None)

    def forward(
        self, ids: torch.Tensor, positions: torch.Tensor | None, places: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean cross entropy and, outside training, the number of right guesses.

        Args:
            ids: Shape (sequences, length).
            positions: Position of each token, or none for the encoder's own; shape (sequences, length).
            places: Flat indexes of hidden tokens; shape (hidden,).
            labels: Their true ids, `NO_LABEL` where a place only fills up a fixed number; shape (hidden,).
        """
        extra = {} if positions is None else {"position_ids": positions}
        if self.head is None:
            scores = self.model(input_ids=ids, **extra).logits.flatten(0, 1)[places]
        else:
            states = self.model.base_model(input_ids=ids, **extra).last_hidden_state
            scores = self.head(states.flatten(0, 1)[places])
        loss = functional.cross_entropy(scores.float(), labels, ignore_index=NO_LABEL)
        hits = labels.new_zeros(()) if self.training else (scores.argmax(-1) == labels).sum()
        return loss, hits
