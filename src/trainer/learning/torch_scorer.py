"""Tag scores from torch: while training, and for runs that have not been exported."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForTokenClassification, PreTrainedModel

from trainer.core.errors import ArtifactError
from trainer.runtime.batching import Pass, score_in_batches
from trainer.runtime.reading import EncodedWindow
from trainer.runtime.tagging import Floats

TOKEN_BUDGET = 2048


class TorchScorer:
    """Scores windows with a token classifier.

    Args:
        model: Any ``AutoModelForTokenClassification``; the scorer keeps the object, so scores
            follow its weights while it is being trained.
        device: Where it runs; by default where its weights lie.
        token_budget: Most tokens (rows times longest) of one pass.
        autocast: Type that matrix products run in on hardware that has it; float32 when None.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        device: torch.device | str | None = None,
        token_budget: int = TOKEN_BUDGET,
        autocast: torch.dtype | None = None,
    ) -> None:
        self.model = model
        self.token_budget = token_budget
        self._device = torch.device(device) if device is not None else None
        self._autocast = autocast
        if self._device is not None:
            model.to(self._device)

    def score_windows(self, windows: Sequence[EncodedWindow]) -> list[Floats]:
        """For each window ``(words, tags)`` logits of its words, in the order given.

        The model is in evaluation mode meanwhile and back in its former mode afterwards.
        """
        return self._score(windows, self._run)

    @property
    def has_states(self) -> bool:
        """Always."""
        return True

    def score_with_states(self, windows: Sequence[EncodedWindow]) -> list[Floats]:
        """For each window ``(words, tags + width)``: logits, then the encoder's last hidden state, of its words."""
        return self._score(windows, partial(self._run, states=True))

    def _score(self, windows: Sequence[EncodedWindow], run: Pass) -> list[Floats]:
        padding_id = int(getattr(self.model.config, "pad_token_id", None) or 0)
        training = self.model.training
        self.model.eval()
        try:
            return score_in_batches(windows, run, self.token_budget, padding_id)
        finally:
            self.model.train(training)

    def _run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], states: bool = False) -> Floats:
        device = self._device or next(self.model.parameters()).device
        cast = torch.autocast(device.type, dtype=self._autocast, enabled=self._autocast is not None)
        with torch.inference_mode(), cast:
            output: Any = self.model(
                input_ids=torch.from_numpy(ids).to(device),
                attention_mask=torch.from_numpy(mask).to(device),
                output_hidden_states=states,
            )
        parts = (output.logits, output.hidden_states[-1]) if states else (output.logits,)
        scored: Floats = torch.cat([part.float() for part in parts], dim=-1).cpu().numpy()
        return scored


def load_torch_scorer(directory: Path, device: str | None = None) -> TorchScorer:
    """The scorer of a run directory's ``model.safetensors``, on a GPU where there is one.

    Raises:
        ArtifactError: The weights cannot be read.
    """
    try:
        model = AutoModelForTokenClassification.from_pretrained(directory, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise ArtifactError(
            f"the weights cannot be loaded: {error}", file=directory, remedy="restore the run or train again"
        ) from error
    return TorchScorer(model, device or ("cuda" if torch.cuda.is_available() else "cpu"))
