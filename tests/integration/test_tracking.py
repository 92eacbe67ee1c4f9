"""Live curves in Trackio: what is written, and that a tracker's troubles never touch a run."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_train import make_config
from trainer.core.errors import ConfigError
from trainer.learning.config import Tracker, TrainConfig
from trainer.learning.model_config import CrfConfig, ModelConfig, ModelKind
from trainer.learning.tracking import PROJECT, Curves
from trainer.learning.train import train

_FOLDER = tempfile.TemporaryDirectory(prefix="trackio-")
os.environ["TRACKIO_DIR"] = _FOLDER.name  # Trackio reads it once, when it is imported
trackio = pytest.importorskip("trackio")
SQLiteStorage = trackio.SQLiteStorage


def configure(directory: Path, annotations: Path, split: Path, encoder: Path | None = None) -> TrainConfig:
    config = make_config(directory, annotations, split, encoder)
    config.tracking = Tracker.trackio
    config.training.epochs = 2
    config.event_head.enabled = False
    return config


def read_curves(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = SQLiteStorage.get_logs(PROJECT, name)
    return found


def test_each_update_and_each_epoch_leaves_a_point(
    tmp_path: Path, annotations_path: Path, split_path: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(configure(tmp_path / "curves", annotations_path, split_path, tiny_encoder))
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    points = read_curves("curves")
    updates = [point for point in points if "train/loss" in point]
    assert [point["step"] for point in updates] == list(range(1, metrics["updates"] + 1))
    history = [json.loads(line) for line in (run / "history.jsonl").read_text("utf-8").splitlines()]
    per_epoch = metrics["updates"] // 2
    first = [point["train/loss"] for point in updates[:per_epoch]]
    assert sum(first) / len(first) == pytest.approx(next(e["loss"] for e in history if "loss" in e), abs=1e-3)
    assert all(point["train/tokens_per_second"] > 0 for point in updates[1:])
    assert updates[-1]["train/learning_rate"] < max(point["train/learning_rate"] for point in updates)
    scores = [point["dev/f1"] for point in points if "dev/f1" in point]
    assert scores == pytest.approx([entry["eval_f1"] for entry in history if "eval_f1" in entry])
    stored = next(iter(trackio.Api().runs(PROJECT))).config
    assert stored is not None
    assert (stored["seed"], stored["run"], stored["training"]["epochs"]) == (1, "curves", 2)
    assert str(tmp_path / "curves") not in json.dumps(stored)
    assert "Trackio" not in capsys.readouterr().out


def test_a_crf_leaves_its_loss_and_its_dev_score(tmp_path: Path, annotations_path: Path, split_path: Path) -> None:
    config = configure(tmp_path / "crf-curves", annotations_path, split_path)
    config.model = ModelConfig(kind=ModelKind.crf, crf=CrfConfig(iterations=6))
    metrics = json.loads((train(config) / "metrics.json").read_text("utf-8"))
    points = read_curves("crf-curves")
    losses = [point["train/loss"] for point in points if "train/loss" in point]
    assert len(losses) == 6 and losses[-1] < losses[0]
    assert [p["dev/f1"] for p in points if "dev/f1" in p] == [pytest.approx(metrics["dev"]["strict"]["f1"])]


def test_a_resumed_run_goes_on_with_its_curves_and_a_new_one_starts_its_own() -> None:
    config = TrainConfig(name="again", directory=Path("models/again"), tracking=Tracker.trackio)
    for resumed, step in ((False, 1), (True, 2), (False, 1)):
        curves = Curves(config)
        curves.start(resumed)
        curves.add({"train/loss": 1.0}, step)
        curves.finish()
    runs = [run.id for run in trackio.Api().runs(PROJECT) if run.name == "again"]
    steps = sorted([point["step"] for point in SQLiteStorage.get_logs(PROJECT, "again", run_id=run)] for run in runs)
    assert steps == [[1], [1, 2]]


def test_a_tracker_that_fails_never_ends_a_run_and_says_so_once(
    tmp_path: Path,
    annotations_path: Path,
    split_path: Path,
    tiny_encoder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = []

    def fail(*_: Any, **__: Any) -> None:
        calls.append(1)
        raise OSError("no space left on device\nand more")

    monkeypatch.setattr(trackio.Run, "log", fail)
    monkeypatch.setattr("trainer.learning.train.start_logging", lambda *_: None)  # it would replace caplog's handler
    caplog.set_level(logging.INFO, "trainer")
    run = train(configure(tmp_path / "dead", annotations_path, split_path, tiny_encoder))
    assert (run / "provenance.json").is_file()
    warned = [record.getMessage() for record in caplog.records if "without live curves" in record.getMessage()]
    assert warned == ["Trackio could not write (no space left on device); training goes on without live curves"]
    assert len(calls) == 1
    assert "Trackio" not in capsys.readouterr().out


def test_a_storage_that_cannot_be_written_never_ends_a_run(
    tmp_path: Path, annotations_path: Path, split_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "a-file"
    blocked.write_text("in the way")
    monkeypatch.setattr("trackio.sqlite_storage.TRACKIO_DIR", blocked / "below")
    run = train(configure(tmp_path / "blocked", annotations_path, split_path, tiny_encoder))
    assert (run / "provenance.json").is_file()
    monkeypatch.undo()
    assert read_curves("blocked") == []


def test_a_package_that_is_missing_is_said_before_anything_is_written(
    tmp_path: Path, annotations_path: Path, split_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "trackio" else found(name))
    with pytest.raises(ConfigError, match=r"tracking: the package 'trackio' is not installed") as caught:
        train(configure(tmp_path / "missing", annotations_path, split_path))
    assert "[tracking]" in str(caught.value)
    assert not (tmp_path / "missing").exists()


def test_nobody_is_asked_over_the_network_whose_token_lies_here(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[Any] = []
    monkeypatch.setenv("HF_TOKEN", "hf_not_a_token")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, lambda self, address: reached.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *where, **_: reached.append(where) or [])
    curves = Curves(TrainConfig(directory=Path("models/quiet"), tracking=Tracker.trackio))
    curves.start()
    curves.finish()
    assert curves.alive
    assert reached == []


def test_tracking_is_no_part_of_what_a_run_is(
    tmp_path: Path, annotations_path: Path, split_path: Path, tiny_encoder: Path
) -> None:
    config = configure(tmp_path / "same", annotations_path, split_path, tiny_encoder)
    config.training.epochs, config.tracking = 1, None
    before = (train(config) / "provenance.json").stat().st_mtime_ns
    config.tracking = Tracker.trackio
    assert (train(config) / "provenance.json").stat().st_mtime_ns == before
    assert read_curves("same") == []
