"""Training that annotators set off: count their annotations, train above a threshold, promote through the gate.

The steps are the documented commands (pull, train, export, ensemble, promote), run as niced subprocesses, so that
a failure cannot harm the service and everything can be repeated by hand. Promotion replaces the
default checkpoint only if the gate agrees; the service then notices the new checkpoint by itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trainer.core.errors import ConfigError
from trainer.runtime.checkpoint import PROVENANCE, is_complete, read_json
from trainer.runtime.crf import CRF_MODEL
from trainer.runtime.ensemble import ENSEMBLE
from trainer.serving.extractor import now
from trainer.serving.training_state import StateFile, TrainingState

_log = logging.getLogger(__name__)
_PATIENCE = 10.0  # seconds between the polite and the final signal
_PAUSE = 600.0  # seconds after a failure in which only an explicit request starts a run
GATE_REFUSED = 1


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a run; exit code 1 of a ``gate`` is a refusal, not a failure."""

    command: Sequence[str]
    gate: bool = False


Steps = Callable[[str, str], Iterable[Step]]


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """When and what to train.

    Attributes:
        threshold: Annotations of a project since its last run that set off the next; 0 never trains.
        experiment: Name of the experiment configuration.
        models: Directory of the runs, inside the directory that the commands run in.
        pull: Whether to fetch the project's annotations from Label Studio first.
    """

    threshold: int = 0
    experiment: str = "compact"
    models: Path = Path("models")
    pull: bool = True

    def __post_init__(self) -> None:
        if self.threshold < 0:
            raise ConfigError(f"a threshold of {self.threshold} annotations", remedy="give 0 (never) or more")

    def steps(self, title: str, run: str) -> Iterator[Step]:
        """The commands of a run for the project of a title; each is made when the one before has ended."""
        trainer = (sys.executable, "-m", "trainer")
        directory = self.models / run
        if self.pull:
            yield Step((*trainer, "annotations", "pull", f"--project={title}"))
        # An experiment may train on dev too (the CRF's does); the gate could not judge such a run.
        held_out = "data.use_dev_for_training=false"
        yield Step((*trainer, "train", f"+exp={self.experiment}", f"name={run}", held_out))
        if not (directory / CRF_MODEL).is_file():  # a CRF serves as it is
            yield Step((*trainer, "export", str(directory)))
            if self._serves_ensemble():  # a single run would hardly ever beat one
                crf = self.models / f"{run}-crf"
                yield Step((*trainer, "train", "+exp=crf", f"name={crf.name}", "event_head.enabled=false", held_out))
                whole = f"{run}-ensemble"
                models = ("--name", whole, "--models", str(self.models))
                yield Step((*trainer, "ensemble", str(directory), str(crf), *models))
                directory = self.models / whole
        yield Step((*trainer, "promote", str(directory)), gate=True)

    def _serves_ensemble(self) -> bool:
        default = self.models / "default"
        return is_complete(default) and read_json(default / PROVENANCE).get("kind") == ENSEMBLE


class BackgroundTraining:
    """Counts events of Label Studio and trains in the background.

    Args:
        plan: When and what to train.
        state: Where counts and runs are kept; they outlive a restart.
        steps: The commands of a run; the plan's by default.
    """

    def __init__(self, plan: TrainingPlan, state: StateFile, steps: Steps | None = None) -> None:
        self.plan = plan
        self._state = state
        self._steps = steps or plan.steps
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._failed_at = -_PAUSE

    def count(self, project: str, made: Sequence[str], removed: Sequence[str] = ()) -> int:
        """Note annotations that were made or changed and ones that were removed; the number pending."""
        with self._state.change() as state:
            pending = dict.fromkeys(state.pending.get(project, []))
            pending.update(dict.fromkeys(made))
            for annotation in removed:
                pending.pop(annotation, None)
            state.pending[project] = list(pending)
        return len(pending)

    def start_if_due(self, project: str, title: str, *, asked: bool = False) -> bool:
        """Begin a run if enough is pending, or if it was asked for; whether one began."""
        if self.plan.threshold == 0 or self._stopping:
            return False
        if self._task is not None and not self._task.done():
            return False  # looked at again when the run ends
        if not asked and not self._is_due(project):
            return False
        self._task = asyncio.get_running_loop().create_task(self._run(project, title), name="training")
        return True

    def _is_due(self, project: str) -> bool:
        if time.monotonic() - self._failed_at < _PAUSE:
            return False
        return len(self._state.read().pending.get(project, [])) >= self.plan.threshold

    def start(self) -> None:
        """Be ready for runs; again after `stop`, too."""
        self._stopping = False

    async def stop(self) -> None:
        """End a run in progress; its annotations count again, and its training resumes by name."""
        self._stopping = True
        if self._process is not None:
            await _end(self._process)
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def describe(self) -> dict[str, Any]:
        """Threshold, counts and the last run, as JSON values."""
        state = self._state.read()
        return {
            "threshold": self.plan.threshold,
            "pending": {project: len(annotations) for project, annotations in state.pending.items()},
            "last_run": state.runs[-1] if state.runs else None,
        }

    async def _run(self, project: str, title: str) -> None:
        with self._state.reserve() as mine:
            if not mine:
                return
            with self._state.change() as state:
                name = _free_name({run["name"] for run in state.runs})
                taken = state.pending.pop(project, [])
                state.runs.append({"name": name, "project": project, "annotations": len(taken), "began": now()})
            _log.info("training %s on %d new annotations of project %s", name, len(taken), project)
            outcome = "failed"
            try:
                outcome = await self._run_steps(title, name)
            finally:
                with self._state.change() as state:
                    self._conclude(state, name, project, taken, outcome)
            _log.info("training %s ended: %s", name, outcome)
        if outcome == "failed":
            self._failed_at = time.monotonic()
        if outcome in ("promoted", "refused"):
            asyncio.get_running_loop().call_soon(self._continue, project, title)

    def _continue(self, project: str, title: str) -> None:
        self.start_if_due(project, title)

    def _conclude(self, state: TrainingState, name: str, project: str, taken: list[str], outcome: str) -> None:
        if outcome not in ("promoted", "refused"):  # nothing was learnt from them
            state.pending[project] = list(dict.fromkeys([*taken, *state.pending.get(project, [])]))
        for run in state.runs:
            if run["name"] == name:
                run.update(ended=now(), outcome=outcome)

    async def _run_steps(self, title: str, name: str) -> str:
        with (self._state.directory / f"{name}.log").open("wb") as log:
            for step in self._steps(title, name):
                code = await self._run_step(step.command, log.fileno())
                if code is None:
                    return "stopped"
                if step.gate and code == GATE_REFUSED:
                    return "refused"
                if code != 0:
                    _log.error("exit code %d of %s; see %s", code, " ".join(step.command[:4]), log.name)
                    return "failed"
        return "promoted"

    async def _run_step(self, command: Sequence[str], log: int) -> int | None:
        """Exit code of a command; None if the service ends meanwhile."""
        if self._stopping:
            return None
        nice = shutil.which("nice")
        self._process = await asyncio.create_subprocess_exec(
            *((nice, "-n", "10") if nice else ()),
            *command,
            cwd=self.plan.models.parent,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            code = await self._process.wait()
            return None if self._stopping else code
        finally:
            self._process = None


def _free_name(taken: Collection[str]) -> str:
    """A name for a run: the time, and a number where that is taken."""
    stem = f"background-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    names = (stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process and its children: politely, then for certain."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sent)
        except ProcessLookupError:
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                await process.wait()
                return
        except TimeoutError:
            continue
