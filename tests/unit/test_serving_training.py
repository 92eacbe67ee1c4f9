"""Background training: when it begins, what becomes of the count, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from trainer.serving.background_training import BackgroundTraining, Step, TrainingPlan
from trainer.serving.training_state import StateFile


def python(code: str) -> Sequence[str]:
    return (sys.executable, "-c", code)


def build(tmp_path: Path, *codes: str, threshold: int = 3) -> BackgroundTraining:
    def steps(title: str, run: str) -> list[Step]:
        return [Step(python(code), gate=code == codes[-1]) for code in codes]

    plan = TrainingPlan(threshold, models=tmp_path / "models")
    return BackgroundTraining(plan, StateFile(tmp_path), steps)


async def finish(training: BackgroundTraining) -> None:
    async with asyncio.timeout(20):
        while training._task is not None and not training._task.done():
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.02)


def outcomes(tmp_path: Path) -> list[str]:
    return [run.get("outcome") for run in StateFile(tmp_path).read().runs]


def test_training_begins_at_the_threshold_and_the_count_starts_anew(tmp_path: Path) -> None:
    async def live() -> None:
        training = build(tmp_path, "", "")
        training.count("8", ["1", "2"])
        assert not training.start_if_due("8", "news")
        training.count("9", ["7"])
        training.count("8", ["3", "2"])
        assert training.start_if_due("8", "news")
        await finish(training)

    asyncio.run(live())
    assert outcomes(tmp_path) == ["promoted"]
    assert StateFile(tmp_path).read().pending == {"9": ["7"]}


def test_a_refusal_of_the_gate_is_an_outcome_and_a_failing_step_is_another(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def live() -> None:
        refused = build(tmp_path, "", "raise SystemExit(1)", threshold=1)
        refused.count("8", ["1"])
        refused.start_if_due("8", "news")
        await finish(refused)
        failed = build(tmp_path, "raise SystemExit(1)", f"open({str(tmp_path / 'reached')!r}, 'w')", threshold=1)
        failed.count("8", ["2"])
        failed.start_if_due("8", "news")
        await finish(failed)
        assert not failed.start_if_due("8", "news")  # not again at once for every further annotation
        assert failed.start_if_due("8", "news", asked=True)
        await finish(failed)

    asyncio.run(live())
    assert outcomes(tmp_path) == ["refused", "failed", "failed"]
    assert caplog.text.count("exit code 1 of") == 2
    assert not (tmp_path / "reached").exists()
    assert StateFile(tmp_path).read().pending == {"8": ["2"]}  # nothing was learnt from it yet


def test_annotations_that_arrive_during_a_run_set_off_the_next(tmp_path: Path) -> None:
    async def live() -> None:
        training = build(tmp_path, "import time; time.sleep(0.3)", threshold=2)
        training.count("8", ["1", "2"])
        assert training.start_if_due("8", "news")
        await asyncio.sleep(0.1)
        training.count("8", ["3", "4"])
        assert not training.start_if_due("8", "news")
        await finish(training)
        await finish(training)

    asyncio.run(live())
    assert outcomes(tmp_path) == ["promoted", "promoted"]


def test_without_a_threshold_nothing_ever_trains(tmp_path: Path) -> None:
    async def live() -> None:
        training = build(tmp_path, "", threshold=0)
        training.count("8", [str(index) for index in range(100)])
        assert not training.start_if_due("8", "news", asked=True)

    asyncio.run(live())
    assert outcomes(tmp_path) == []


def test_the_end_of_the_service_ends_the_run_and_its_children_and_counts_again(tmp_path: Path) -> None:
    child = (
        "import subprocess; p = subprocess.Popen(['sleep', '60']);"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(p.pid)); p.wait()"
    )

    async def live() -> None:
        training = build(tmp_path, child, threshold=1)
        training.count("8", ["1"])
        training.start_if_due("8", "news")
        async with asyncio.timeout(10):
            while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
                await asyncio.sleep(0.01)
        await training.stop()

    asyncio.run(live())
    assert outcomes(tmp_path) == ["stopped"]
    assert StateFile(tmp_path).read().pending == {"8": ["1"]}
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and is_running(pid):
        time.sleep(0.02)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_two_workers_train_one_run_between_them(tmp_path: Path) -> None:
    async def live() -> None:
        first = build(tmp_path, "import time; time.sleep(0.3)", threshold=1)
        second = build(tmp_path, "import time; time.sleep(0.3)", threshold=1)
        first.count("8", ["1"])
        first.start_if_due("8", "news")
        await asyncio.sleep(0.05)
        second.count("8", ["2"])
        second.start_if_due("8", "news")
        await finish(second)
        await finish(first)
        await finish(first)

    asyncio.run(live())
    assert outcomes(tmp_path) == ["promoted", "promoted"]  # one after the other, by the first


def test_a_damaged_state_file_starts_the_count_anew(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{", encoding="utf-8")
    training = build(tmp_path, "")
    assert training.count("8", ["1"]) == 1
    assert json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))["pending"] == {"8": ["1"]}


@pytest.mark.parametrize("pull", [True, False])
@pytest.mark.parametrize("kind", ["encoder", "crf"])
def test_the_steps_are_the_documented_commands(tmp_path: Path, pull: bool, kind: str) -> None:
    steps = TrainingPlan(5, "compact", tmp_path, pull).steps("--news", "run-1")
    commands = []
    for step in steps:
        commands.append(step.command[3])
        if step.command[3] == "annotations":
            assert "--project=--news" in step.command  # a title is never taken for an option
        if step.command[3] == "train" and kind == "crf":
            (tmp_path / "run-1").mkdir()
            (tmp_path / "run-1" / "crf.crfsuite").touch()
        assert step.gate == (step.command[3] == "promote")
    exported = ["export"] if kind == "encoder" else []
    assert commands == ["annotations"] * pull + ["train", *exported, "promote"]


def test_where_an_ensemble_serves_one_is_made_of_the_new_run_and_a_crf(tmp_path: Path) -> None:
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "provenance.json").write_text('{"kind": "ensemble"}', "utf-8")
    commands = [step.command[3:] for step in TrainingPlan(5, "compact", tmp_path, pull=False).steps("news", "run-1")]
    assert [command[0] for command in commands] == ["train", "export", "train", "ensemble", "promote"]
    assert "name=run-1-crf" in commands[2]
    assert commands[3][1:4] == (str(tmp_path / "run-1"), str(tmp_path / "run-1-crf"), "--name")
    assert commands[4][1] == str(tmp_path / "run-1-ensemble")
