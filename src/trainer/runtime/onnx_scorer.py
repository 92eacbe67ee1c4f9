"""Tag scores from an exported graph in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from trainer.core.errors import ArtifactError
from trainer.runtime.batching import score_in_batches, usable_cores
from trainer.runtime.reading import EncodedWindow
from trainer.runtime.tagging import Floats

TOKEN_BUDGET = 1024


class OnnxScorer:
    """Scores windows with a graph of inputs ``input_ids`` and ``attention_mask`` and output ``logits``.

    A graph of a run with an event head has a second output, ``states``: the last hidden state of each token.

    Args:
        path: The graph.
        threads: Threads of one pass; by default every core the process may use.
        padding_id: Token that fills short rows.
        token_budget: Most tokens (rows times longest) of one pass.

    Raises:
        ArtifactError: The file is not a graph that ONNX Runtime can load.
    """

    def __init__(
        self, path: Path, threads: int | None = None, padding_id: int = 0, token_budget: int = TOKEN_BUDGET
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or usable_cores()
        # Threads that wait must not spin: beside a busy neighbour (an HTTP server, another job) that halves the speed.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self.token_budget = token_budget
        self._padding_id = padding_id
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the binding raises its own exceptions, derived from Exception alone
            raise ArtifactError(
                f"not a graph that ONNX Runtime can load: {error}", file=path, remedy="export the run again"
            ) from error

    def score_windows(self, windows: Sequence[EncodedWindow]) -> list[Floats]:
        """For each window ``(words, tags)`` logits of its words, in the order given."""
        return score_in_batches(windows, self._run, self.token_budget, self._padding_id)

    @property
    def has_states(self) -> bool:
        """Whether the graph gives the states of words."""
        return any(output.name == "states" for output in self._session.get_outputs())

    def score_with_states(self, windows: Sequence[EncodedWindow]) -> list[Floats]:
        """For each window ``(words, tags + width)``: logits, then states, of its words."""
        return score_in_batches(windows, self._run_with_states, self.token_budget, self._padding_id)

    def _run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Floats:
        logits: Floats = self._session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]
        return logits

    def _run_with_states(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Floats:
        outputs = self._session.run(["logits", "states"], {"input_ids": ids, "attention_mask": mask})
        return np.concatenate(outputs, axis=-1)
