"""What happens around the updates: progress, log lines, history, early stopping, checkpoints, speed."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from trainer.learning.checkpoints import BestSoFar, close_checkpoint, write_history
from trainer.learning.config import TrainConfig
from trainer.learning.progress import TrainingBar
from trainer.learning.run import CHECKPOINTS

logger = logging.getLogger(__name__)

DEV_F1 = "eval_f1"


@dataclass(slots=True)
class Speed:
    """Updates, tokens and seconds of a stretch of training; the first update warms up and is not counted.

    Attributes:
        tokens: Tokens of words in each counted update; padding and special tokens left out.
        durations: Seconds of each counted update.
    """

    tokens: list[int] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    _pending: int = 0
    _started: float = 0.0
    _warm: bool = False

    def begin(self) -> None:
        """An update begins."""
        self._started, self._pending = time.perf_counter(), 0

    def count(self, tokens: int) -> None:
        """Tokens of one batch of the update."""
        self._pending += tokens

    def end(self) -> None:
        """The update is done."""
        if self._warm:
            self.tokens.append(self._pending)
            self.durations.append(time.perf_counter() - self._started)
        self._warm = True

    def newest(self) -> float | None:
        """Tokens a second of the newest counted update."""
        return self.tokens[-1] / self.durations[-1] if self.durations else None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"updates": len(self.durations), "tokens": sum(self.tokens), "seconds": round(sum(self.durations), 3)}


class Observer(TrainerCallback):  # type: ignore[misc]
    """Progress bar, log lines, history, early stopping, and checkpoints that are whole or absent."""

    def __init__(self, config: TrainConfig, main_process: bool) -> None:
        self._directory, self._patience = config.directory, config.training.patience
        self._bar = TrainingBar(main_process)
        self._main = main_process
        self.speed = Speed()

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Show the bar."""
        self._bar.start(state.max_steps, state.global_step)

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """An update begins."""
        self.speed.begin()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Move the bar."""
        self.speed.end()
        self._bar.advance(state.global_step)

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Ask for an evaluation: dev is not a data set of windows."""
        control.should_evaluate = True

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any
    ) -> None:
        """Show the loss."""
        if logs and "loss" in logs:
            self._bar.show({"loss": f"{logs['loss']:.3f}"})

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Report the dev score; stop when patience is at its end."""
        best = BestSoFar.of_history(state.log_history, DEV_F1)
        score = state.log_history[-1][DEV_F1]
        self._bar.show({"dev F1": f"{100 * score:.1f}", "best": f"{100 * best.score:.1f}"})
        loss = next((entry["loss"] for entry in reversed(state.log_history) if "loss" in entry), float("nan"))
        logger.info(
            "epoch %d: loss %.4f, dev strict F1 %.1f (best %.1f)",
            round(state.epoch or 0),
            loss,
            100 * score,
            100 * best.score,
        )
        if best.exhausted(self._patience):
            logger.info("no better dev score in %s epochs: stopping early", self._patience)
            control.should_training_stop = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Write the history; keep the newest and the best checkpoint, marked as whole."""
        if self._main:
            write_history(self._directory, state.log_history)
            close_checkpoint(self._directory / CHECKPOINTS, state.global_step, state.best_global_step)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Leave the bar as it stands."""
        self._bar.stop()
