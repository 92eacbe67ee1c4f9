"""What background training remembers: annotations since the last run, and the runs. One JSON file.

Several workers may share it, so every change is made under a file lock, and the file is replaced
as a whole.
"""

from __future__ import annotations

import fcntl
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.core.files import write_json

_log = logging.getLogger(__name__)
_KEPT_RUNS = 50


@dataclass(slots=True)
class TrainingState:
    """The content of the file.

    Attributes:
        pending: For each project, annotations made or changed since its last run began.
        runs: Runs in the order they began: name, project, began, ended, outcome.
    """

    pending: dict[str, list[str]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)


class StateFile:
    """Reads and changes the state.

    Args:
        directory: Where it lies; made when first written.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._path = directory / "state.json"

    def read(self) -> TrainingState:
        """The state; empty where there is none yet or it is damaged."""
        try:
            value = json.loads(self._path.read_text(encoding="utf-8"))
            return TrainingState(dict(value["pending"]), list(value["runs"]))
        except FileNotFoundError:
            return TrainingState()
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("%s cannot be read (%s): counting begins anew", self._path, type(error).__name__)
            return TrainingState()

    @contextmanager
    def change(self) -> Iterator[TrainingState]:
        """The state, to be changed in place; written at the end, unless an error came."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "state.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = self.read()
            yield state
            del state.runs[:-_KEPT_RUNS]
            write_json(self._path, {"pending": state.pending, "runs": state.runs})

    @contextmanager
    def reserve(self) -> Iterator[bool]:
        """Whether this process may train now: at most one run at a time over all workers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "training.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
