"""What a person sees while an encoder is pretrained: a bar on a terminal, a line a minute in a log."""

from __future__ import annotations

import logging
import math
import time

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from trainer.learning.pretraining.loop import Report
from trainer.learning.progress import console

logger = logging.getLogger(__name__)
_SECONDS_BETWEEN_LINES = 60.0


class PretrainingBar:
    """A bar over the budget, with speed, time left, loss and held-out accuracy.

    Args:
        shown: False on processes that are not the main one.
        minutes: Time budget of the whole run.
    """

    def __init__(self, shown: bool, minutes: float) -> None:
        self._shown = shown
        self._minutes = minutes
        self._terminal = console.is_terminal
        self._progress = Progress(
            TextColumn("[bold]pretraining"), BarColumn(), TextColumn("{task.percentage:>4.1f} %"),
            TextColumn("{task.fields[state]}"), console=console, disable=not (shown and self._terminal),
        )  # fmt: skip
        self._task: TaskID | None = None
        self._accuracy: float | None = None
        self._said = -math.inf

    def __enter__(self) -> PretrainingBar:
        self._progress.start()
        self._task = self._progress.add_task("", total=1.0, state="starting")
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, report: Report) -> None:
        """Shows the newest figures."""
        if not self._shown:
            return
        if report.held_out_accuracy is not None:
            self._accuracy = report.held_out_accuracy
        state = describe(report, self._accuracy)
        if self._terminal:
            if self._task is not None:
                self._progress.update(self._task, completed=report.progress, state=state)
        elif report.held_out_accuracy is not None or time.monotonic() - self._said >= _SECONDS_BETWEEN_LINES:
            self._said = time.monotonic()
            logger.info("%5.1f %% · %s", 100 * report.progress, state)


def describe(report: Report, accuracy: float | None) -> str:
    """One line: speed, tokens, time left at this speed, loss, held-out accuracy."""
    left = report.seconds * (1 / report.progress - 1) if report.progress > 0 else math.nan
    parts = [
        f"{report.tokens_per_second:,.0f} tokens/s",
        f"{report.tokens / 1e6:.1f} M tokens",
        f"{left / 60:.0f} min left" if math.isfinite(left) else "",
        f"loss {report.loss:.3f}" if report.loss is not None else "",
        f"held-out accuracy {accuracy:.1%}" if accuracy is not None else "",
    ]
    return " · ".join(part for part in parts if part)
