"""Tag scores from an exported graph in OpenVINO (extra ``openvino``)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from trainer.core.errors import ArtifactError
from trainer.runtime.batching import score_in_batches, usable_cores
from trainer.runtime.reading import EncodedWindow
from trainer.runtime.tagging import Floats

TOKEN_BUDGET = 1024


class OpenvinoScorer:
    """Scores windows with the same graph that ONNX Runtime reads.

    Args:
        path: The graph.
        threads: Threads of one pass; by default every core the process may use.
        padding_id: Token that fills short rows.
        token_budget: Most tokens (rows times longest) of one pass.

    Raises:
        ArtifactError: The file is not a graph that OpenVINO can load.
    """

    def __init__(
        self, path: Path, threads: int | None = None, padding_id: int = 0, token_budget: int = TOKEN_BUDGET
    ) -> None:
        settings = {"INFERENCE_NUM_THREADS": threads or usable_cores(), "PERFORMANCE_HINT": "LATENCY"}
        self.token_budget = token_budget
        self._padding_id = padding_id
        self._turn = threading.Lock()  # a request has one set of output buffers
        try:
            core = openvino.Core()
            self._request = core.compile_model(core.read_model(path), "CPU", settings).create_infer_request()
        except RuntimeError as error:
            raise ArtifactError(
                f"not a graph that OpenVINO can load: {error}", file=path, remedy="export the run again"
            ) from error

    def score_windows(self, windows: Sequence[EncodedWindow]) -> list[Floats]:
        """For each window ``(words, tags)`` logits of its words, in the order given."""
        with self._turn:
            return score_in_batches(windows, self._run, self.token_budget, self._padding_id)

    @property
    def has_states(self) -> bool:
        """Whether the graph gives the states of words, as its second output."""
        return len(self._request.model_outputs) > 1

    def score_with_states(self, windows: Sequence[EncodedWindow]) -> list[Floats]:
        """For each window ``(words, tags + width)``: logits, then states, of its words."""
        with self._turn:
            return score_in_batches(windows, self._run_with_states, self.token_budget, self._padding_id)

    def _run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Floats:
        self._request.infer({"input_ids": ids, "attention_mask": mask}, share_inputs=True)
        logits: Floats = self._request.get_output_tensor(0).data
        return logits

    def _run_with_states(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Floats:
        logits = self._run(ids, mask)
        return np.concatenate((logits, self._request.get_output_tensor(1).data), axis=-1)
