"""What a person sees while a model trains: log lines and one progress bar."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

console = Console(stderr=True)
if not console.is_terminal:
    console = Console(stderr=True, width=160)  # a log file has no 80 columns


def start_logging(main_process: bool = True) -> None:
    """Send log lines through Rich; keep other libraries to their errors."""
    handler = RichHandler(console=console, show_path=False, log_time_format="%H:%M:%S", omit_repeated_times=False)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler], force=True)
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("trainer").setLevel(logging.INFO if main_process else logging.ERROR)
    from datasets.utils.logging import disable_progress_bar as disable_datasets_bar
    from transformers.utils import logging as transformers_logging

    disable_datasets_bar()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    warnings.filterwarnings("ignore", module=r"torch\..*|transformers\..*|accelerate\..*")


class TrainingBar:
    """A progress bar over all updates, with loss and dev score beside it.

    Args:
        shown: False on processes that are not the main one.
    """

    def __init__(self, shown: bool = True) -> None:
        self._progress = Progress(
            TextColumn("[bold]training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("updates"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[scores]}"),
            console=console,
            disable=not shown,
        )
        self._task: TaskID | None = None
        self._scores: dict[str, str] = {}

    def start(self, total: int, done: int = 0) -> None:
        """Show the bar."""
        self._progress.start()
        self._task = self._progress.add_task("training", total=total, completed=done, scores="")

    def advance(self, done: int) -> None:
        """Move the bar to that update."""
        if self._task is not None:
            self._progress.update(self._task, completed=done)

    def show(self, values: Mapping[str, Any]) -> None:
        """Show values beside the bar."""
        self._scores |= {key: str(value) for key, value in values.items()}
        if self._task is not None:
            text = " · ".join(f"{key} {value}" for key, value in self._scores.items())
            self._progress.update(self._task, scores=text)

    def stop(self) -> None:
        """Leave the bar as it stands."""
        self._progress.stop()
