"""Live curves of a run in Trackio, an optional package; off unless ``tracking=trackio`` asks for them.

A tracker is a convenience: whatever happens to it, training goes on. Its first failure is said, and
it is left alone from there on.
"""

from __future__ import annotations

import importlib.util
import io
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from trainer.core.errors import ConfigError
from trainer.learning.config import TrainConfig
from trainer.learning.run import to_plain

logger = logging.getLogger(__name__)

PROJECT = "arabic-event-extraction"
_ELSEWHERE = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")  # Trackio's own ways to send curves to another machine


def check_tracker(config: TrainConfig) -> None:
    """Refuse a tracker that is not installed, before anything is trained.

    Raises:
        ConfigError: The package is missing.
    """
    if config.tracking is not None and importlib.util.find_spec(config.tracking.value) is None:
        raise ConfigError(
            f"the package {config.tracking.value!r} is not installed",
            record="tracking",
            remedy="pip install 'arabic-event-extraction[tracking]', or leave tracking=… out",
        )


class Curves:
    """The curves of one run: named after its directory, with its configuration.

    Args:
        config: Of the run; nothing is tracked when ``config.tracking`` is None.
        main_process: False on the other processes of a distributed run, which track nothing.
    """

    def __init__(self, config: TrainConfig, main_process: bool = True) -> None:
        self.alive = config.tracking is not None and main_process
        self._config = config
        self._run: Any = None

    def start(self, resumed: bool = False) -> None:
        """Open a run of that name; go on with the newest one where training was resumed."""
        if self.alive:
            self._try("start", lambda: self._open(resumed))

    def add(self, values: Mapping[str, float], step: int) -> None:
        """One point on each curve."""
        run = self._run
        if self.alive and run is not None:
            self._try("write", lambda: run.log(dict(values), step=step))

    def finish(self) -> None:
        """Write what is left; Trackio gives up after 30 seconds."""
        if self._run is not None:
            self._run = None
            self._try("finish", _finish)

    def _open(self, resumed: bool) -> None:
        import trackio

        name = self._config.directory.name
        plain = {key: value for key, value in to_plain(self._config).items() if key != "directory"}
        with _without_the_hub():
            self._run = trackio.init(
                project=PROJECT,
                name=name,
                config={**plain, "run": name},
                resume="allow" if resumed else "never",
                auto_log_cpu=False,
                auto_log_gpu=False,
                embed=False,
            )
        logger.info("live curves of %s: trackio show --project %s", name, PROJECT)

    def _try(self, what: str, act: Callable[[], Any]) -> None:
        """Trackio tells its own news on standard output, which belongs to the command."""
        try:
            with redirect_stdout(io.StringIO()):
                act()
        except Exception as error:  # of whatever kind: no curve is worth a run
            if self.alive:
                logger.warning("Trackio could not %s (%s); training goes on without live curves", what, _tell(error))
            self.alive = False


class CurveWriter(TrainerCallback):  # type: ignore[misc]
    """Writes loss, rate and speed of each update, and the dev scores of each epoch.

    Args:
        curves: Where to.
        speed: Tokens and seconds of the newest update; None before it is known.
    """

    def __init__(self, curves: Curves, speed: Callable[[], float | None]) -> None:
        self._curves, self._speed = curves, speed
        self._losses: list[Any] = []

    def count_loss(self, loss: Any) -> None:
        """The loss of one batch of the update, still a tensor: reading it at once would stall a GPU."""
        if self._curves.alive:
            self._losses.append(loss)

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Open the run."""
        self._curves.start(resumed=state.global_step > 0)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **named: Any) -> None:
        """A point of each update's curve."""
        if not self._curves.alive:
            return
        values = {"train/loss": float(sum(self._losses))}
        self._losses.clear()
        scheduler, speed = named.get("lr_scheduler"), self._speed()
        if scheduler is not None:
            values["train/learning_rate"] = float(scheduler.get_last_lr()[0])
        if speed is not None:
            values["train/tokens_per_second"] = speed
        self._curves.add(values, state.global_step)

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: Any = None, **_: Any
    ) -> None:
        """A point of each epoch's curve."""
        found = {key.removeprefix("eval_"): value for key, value in (metrics or {}).items() if key.startswith("eval_")}
        self._curves.add({f"dev/{key}": float(value) for key, value in found.items()}, state.global_step)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Close the run."""
        self._curves.finish()


@contextmanager
def _without_the_hub() -> Iterator[None]:
    """Keep Trackio from asking the Hub who the owner of a stored token is, unless its user sends curves there."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not any(os.environ.get(name) for name in _ELSEWHERE)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _finish() -> None:
    import trackio

    trackio.finish()  # not the run's own method, after which Trackio would finish it once more at exit


def _tell(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
