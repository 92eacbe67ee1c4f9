"""Tag scores from an exported graph in ONNX Runtime."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from trainer.core.errors import ArtifactError
from trainer.runtime.batching import score_in_batches, usable_cores
from trainer.runtime.reading import EncodedWindow
from trainer.runtime.tagging import Floats

TOKEN_BUDGET = 1024
_SHORT = 128  # tokens: fewer are not worth dividing over threads
# The fused kernel takes several times as long as the addition and the normalisation that it stands for.
_DISABLED = ("SkipLayerNormFusion",)


class OnnxScorer:
    """Scores windows with a graph of inputs ``input_ids`` and ``attention_mask`` and output ``logits``.

    A graph of a run with an event head has a second output, ``states``: the last hidden state of each token.

    Many windows go through as batches side by side, one thread each: nothing waits at the end of every operation, as
    it does where the threads share one batch. That is left to a few long windows, by a second session that is opened
    when it is first wanted.

    Args:
        path: The graph.
        threads: Threads in all; by default every core the process may use.
        padding_id: Token that fills short rows.
        token_budget: Most tokens (rows times longest) of one pass.

    Raises:
        ArtifactError: The file is not a graph that ONNX Runtime can load.
    """

    def __init__(
        self, path: Path, threads: int | None = None, padding_id: int = 0, token_budget: int = TOKEN_BUDGET
    ) -> None:
        self.token_budget = token_budget
        self._path = path
        self._threads = threads or usable_cores()
        self._padding_id = padding_id
        self._session = _open_session(path, 1)
        self._wide: onnxruntime.InferenceSession | None = self._session if self._threads == 1 else None
        self._executor: Executor | None = None
        self._opening = threading.Lock()

    @property
    def has_states(self) -> bool:
        """Whether the graph gives the states of words."""
        return any(output.name == "states" for output in self._session.get_outputs())

    def score_windows(self, windows: Sequence[EncodedWindow]) -> list[Floats]:
        """For each window ``(words, tags)`` logits of its words, in the order given."""
        return self._score(windows, ("logits",))

    def score_with_states(self, windows: Sequence[EncodedWindow]) -> list[Floats]:
        """For each window ``(words, tags + width)``: logits, then states, of its words."""
        return self._score(windows, ("logits", "states"))

    def _score(self, windows: Sequence[EncodedWindow], outputs: Sequence[str]) -> list[Floats]:
        tokens = sum(len(window.ids) for window in windows)
        if self._threads == 1 or tokens <= _SHORT:
            run = partial(_run, self._session, outputs)
            return score_in_batches(windows, run, self.token_budget, self._padding_id)
        if len(windows) < self._threads:
            with self._opening:
                self._wide = self._wide or _open_session(self._path, self._threads)
            run = partial(_run, self._wide, outputs)
            return score_in_batches(windows, run, self.token_budget, self._padding_id)
        with self._opening:
            self._executor = self._executor or ThreadPoolExecutor(self._threads, thread_name_prefix="encode")
        budget = min(self.token_budget, -(-tokens // self._threads))
        run = partial(_run, self._session, outputs)
        return score_in_batches(windows, run, budget, self._padding_id, self._executor)


def _open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that wait must not spin: beside a busy neighbour (an HTTP server, another job) that halves the speed.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False  # it keeps a plan for each shape of a batch, and hardly two are alike
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=list(_DISABLED)
        )
    except Exception as error:  # the binding raises its own exceptions, derived from Exception alone
        raise ArtifactError(
            f"not a graph that ONNX Runtime can load: {error}", file=path, remedy="export the run again"
        ) from error


def _run(
    session: onnxruntime.InferenceSession, outputs: Sequence[str], ids: NDArray[np.int64], mask: NDArray[np.int64]
) -> Floats:
    found = session.run(list(outputs), {"input_ids": ids, "attention_mask": mask})
    scores: Floats = found[0] if len(found) == 1 else np.concatenate(found, axis=-1)
    return scores
