"""Checkpoints inside a run while it trains: the newest to resume from, the best to end with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import nn

from trainer.core.errors import ArtifactError
from trainer.core.files import write_text
from trainer.learning.run import COMPLETE
from trainer.runtime.checkpoint import read_json

_STATE = "trainer_state.json"
HISTORY = "history.jsonl"


@dataclass(frozen=True, slots=True)
class BestSoFar:
    """The best dev score of a history, and how many evaluations have passed since."""

    score: float
    step: int
    since: int

    @classmethod
    def of_history(cls, history: Iterable[Mapping[str, Any]], key: str) -> BestSoFar:
        """Of the log entries that hold ``key``; the first of equal scores is the best."""
        entries = [(float(entry[key]), int(entry["step"])) for entry in history if key in entry]
        if not entries:
            return cls(0.0, 0, 0)
        index = max(range(len(entries)), key=lambda i: (entries[i][0], -i))
        return cls(*entries[index], since=len(entries) - 1 - index)

    def exhausted(self, patience: int | None) -> bool:
        """Whether training should stop."""
        return patience is not None and self.since >= patience


def close_checkpoint(folder: Path, step: int, best_step: int | None) -> None:
    """Mark the checkpoint of an update as whole, then remove all but it and the best."""
    newest = folder / f"checkpoint-{step}"
    write_text(newest / COMPLETE, f"{step}\n")
    keep = {newest.name, f"checkpoint-{best_step}"}
    for path in folder.glob("checkpoint-*"):
        if path.name not in keep:
            (path / COMPLETE).unlink(missing_ok=True)
            shutil.rmtree(path)


def is_finished(checkpoint: Path, patience: int | None, key: str) -> bool:
    """Whether a checkpoint is the end of its training, by updates or by patience."""
    state = read_json(checkpoint / _STATE)
    best = BestSoFar.of_history(state["log_history"], key)
    return int(state["global_step"]) >= int(state["max_steps"]) or best.exhausted(patience)


def read_history(checkpoint: Path) -> list[dict[str, Any]]:
    """The log entries up to a checkpoint."""
    history: list[dict[str, Any]] = read_json(checkpoint / _STATE)["log_history"]
    return history


def write_history(directory: Path, history: Iterable[Mapping[str, Any]]) -> None:
    """Write ``history.jsonl``: one line a log entry."""
    write_text(directory / HISTORY, "".join(json.dumps(entry) + "\n" for entry in history))


def restore_weights(model: nn.Module, checkpoint: Path) -> None:
    """Give a model the weights of a checkpoint.

    Raises:
        ArtifactError: The weights do not fit.
    """
    path = checkpoint / "model.safetensors"
    try:
        model.load_state_dict(load_file(path))
    except (OSError, RuntimeError) as error:
        raise ArtifactError(f"the weights do not fit: {error}", file=path, remedy="overwrite=true") from error
