"""A killed run goes on where it stopped and ends where the unkilled one ends."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainer.learning.run import CHECKPOINTS, find_checkpoint
from trainer.runtime.checkpoint import is_complete

ROOT = Path(__file__).resolve().parents[2]
EPOCHS = 8


def command(
    folder: Path,
    name: str,
    annotations: Path,
    split: Path,
    encoder: Path | None,
    lower_layers_until: float = 1.0,
    dropout: float = 0.1,
) -> list[str]:
    settings: dict[str, object] = {
        "name": name,
        "hydra.run.dir": folder / name,
        "data.annotations": f"[{annotations}]",
        "data.split": split,
        "data.gold_manifest": "null",
        "training.lower_layers_until": lower_layers_until,
        "training.dropout": dropout,
        "training.epochs": EPOCHS,
        "training.patience": "null",
        "training.learning_rate": 3e-3,
        "training.batch_tokens": 128,
        "training.max_length": 64,
        "training.overlap": 8,
        "training.threads": 1,
    }
    return [
        sys.executable,
        "-m",
        "trainer",
        "train",
        "+exp=smoke",
        *(f"{key}={value}" for key, value in settings.items()),
    ]


def start(arguments: list[str]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        arguments,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for_checkpoint(process: subprocess.Popen[bytes], run: Path, after: int) -> None:
    """Until a whole checkpoint later than that update exists."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        steps = [int(path.parent.name.rpartition("-")[2]) for path in (run / CHECKPOINTS).glob("*/complete")]
        if steps and max(steps) > after:
            return
        time.sleep(0.02)
    pytest.fail("no checkpoint appeared before the run ended")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("until", [1.0, 0.5])
def test_a_run_killed_twice_ends_with_the_scores_of_one_never_killed(
    tmp_path: Path, annotations_path: Path, split_path: Path, tiny_encoder: Path, until: float
) -> None:
    straight = start(command(tmp_path, "straight", annotations_path, split_path, tiny_encoder, until))
    assert straight.wait(300) == 0
    chance = random.Random(time.time_ns())
    run, arguments, reached = (
        tmp_path / "killed",
        command(tmp_path, "killed", annotations_path, split_path, tiny_encoder, until),
        0,
    )
    for _ in range(2):
        process = start(arguments)
        wait_for_checkpoint(process, run, reached)
        time.sleep(chance.uniform(0, 0.3))
        kill(process)
        assert not is_complete(run)
        checkpoint = find_checkpoint(run)
        assert checkpoint is not None
        reached = int(checkpoint.name.rpartition("-")[2])
    assert start(arguments).wait(300) == 0
    one, two = (json.loads((tmp_path / name / "metrics.json").read_text("utf-8")) for name in ("straight", "killed"))
    assert two["updates"] == one["updates"]
    assert two["dev"]["strict"] == one["dev"]["strict"]
    histories = [(tmp_path / name / "history.jsonl").read_text("utf-8") for name in ("straight", "killed")]
    assert histories[0] == histories[1]
    assert not (run / CHECKPOINTS).exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_from_random_weights_killed_at_random_moments_always_ends_complete(
    tmp_path: Path, annotations_path: Path, split_path: Path
) -> None:
    run, arguments = tmp_path / "random", command(tmp_path, "random", annotations_path, split_path, None)
    chance = random.Random(time.time_ns())
    for _ in range(5):
        process = start(arguments)
        time.sleep(chance.uniform(3, 14))
        if process.poll() is None:
            kill(process)
    assert start(arguments).wait(300) == 0
    assert is_complete(run)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("until", [1.0, 0.5])
def test_two_processes_reach_the_score_of_one(  # without dropout, whose masks differ from process to process
    tmp_path: Path, annotations_path: Path, split_path: Path, tiny_encoder: Path, until: float
) -> None:
    alone = start(command(tmp_path, "alone", annotations_path, split_path, tiny_encoder, until, 0.0))
    assert alone.wait(300) == 0
    arguments = command(tmp_path, "pair", annotations_path, split_path, tiny_encoder, until, 0.0)
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node=2",
        "--master-port=29517",
        *arguments[1:],
    ]
    result = subprocess.run(
        launcher,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    one, two = (json.loads((tmp_path / name / "metrics.json").read_text("utf-8")) for name in ("alone", "pair"))
    assert two["updates"] == one["updates"]
    assert two["dev"]["strict"]["f1"] == pytest.approx(one["dev"]["strict"]["f1"], abs=0.03)
