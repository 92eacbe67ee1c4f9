from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainer.core.errors import ArtifactError, ConfigError
from trainer.core.files import write_json
from trainer.learning.checkpoints import BestSoFar, close_checkpoint, is_finished
from trainer.learning.config import TrainConfig
from trainer.learning.model_config import ModelConfig
from trainer.learning.run import CHECKPOINTS, COMPLETE, find_checkpoint, open_run, pin_source
from trainer.runtime.checkpoint import PROVENANCE


def make_config(directory: Path) -> TrainConfig:
    return TrainConfig(name=directory.name, directory=directory, model=ModelConfig(encoder="models/encoder"))


def make_checkpoint(directory: Path, step: int, whole: bool) -> Path:
    path = directory / CHECKPOINTS / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"weights")
    if whole:
        (path / COMPLETE).write_text("", "utf-8")
    return path


def test_a_new_run_notes_what_it_is_before_anything_else(tmp_path: Path) -> None:
    config = make_config(tmp_path / "new")
    assert open_run(config, "hash")
    identity = json.loads((tmp_path / "new" / "run.json").read_text("utf-8"))
    assert identity["data"] == "hash"
    assert identity["configuration"]["model"]["encoder"] == "models/encoder"
    assert (tmp_path / "new" / ".hydra" / "config.yaml").is_file()


def test_the_same_command_resumes_and_other_data_do_not(tmp_path: Path) -> None:
    config = make_config(tmp_path / "run")
    open_run(config, "hash")
    assert open_run(config, "hash")
    with pytest.raises(ConfigError, match="articles have changed"):
        open_run(config, "other")


def test_threads_and_overwrite_do_not_make_another_run(tmp_path: Path) -> None:
    open_run(make_config(tmp_path / "run"), "hash")
    config = make_config(tmp_path / "run")
    config.training.threads = 7
    assert open_run(config, "hash")


def test_a_run_of_a_version_that_knew_fewer_settings_is_resumed_where_the_new_ones_stand_at_their_defaults(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "run"
    open_run(make_config(directory), "hash")
    identity = json.loads((directory / "run.json").read_text("utf-8"))
    del identity["configuration"]["training"]["word_masking"], identity["configuration"]["distil"]
    write_json(directory / "run.json", identity)
    assert open_run(make_config(directory), "hash")
    config = make_config(directory)
    config.training.word_masking = 0.1
    with pytest.raises(ConfigError, match=r"word_masking is 0\.0 there, 0\.1 here"):
        open_run(config, "hash")


def test_an_unfinished_run_of_another_configuration_is_not_continued(tmp_path: Path) -> None:
    open_run(make_config(tmp_path / "run"), "hash")
    config = make_config(tmp_path / "run")
    config.seed = 2
    with pytest.raises(ConfigError, match=r"unfinished run .* seed is 1 there, 2 here"):
        open_run(config, "hash")


def test_a_complete_run_has_nothing_left_to_train(tmp_path: Path) -> None:
    config = make_config(tmp_path / "run")
    open_run(config, "hash")
    write_json(tmp_path / "run" / PROVENANCE, {})
    make_checkpoint(tmp_path / "run", 5, whole=True)
    assert not open_run(config, "hash")
    assert not (tmp_path / "run" / CHECKPOINTS).exists()


def test_overwrite_clears_what_lay_there(tmp_path: Path) -> None:
    config = make_config(tmp_path / "run")
    open_run(config, "hash")
    write_json(tmp_path / "run" / PROVENANCE, {})
    make_checkpoint(tmp_path / "run", 5, whole=True)
    config.overwrite, config.seed = True, 2
    assert open_run(config, "hash")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"run.json", ".hydra"}


def test_a_run_without_a_record_is_left_alone(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "run", 5, whole=True)
    with pytest.raises(ConfigError, match="unknown configuration"):
        open_run(make_config(tmp_path / "run"), "hash")


def test_a_half_written_checkpoint_is_never_resumed_from(tmp_path: Path) -> None:
    make_checkpoint(tmp_path, 10, whole=True)
    torn = make_checkpoint(tmp_path, 20, whole=False)
    found = find_checkpoint(tmp_path)
    assert found is not None and found.name == "checkpoint-10"
    assert not torn.exists()


def test_the_newest_and_the_best_checkpoint_are_kept(tmp_path: Path) -> None:
    for step in (10, 20, 30, 100):
        make_checkpoint(tmp_path, step, whole=step < 100)
    close_checkpoint(tmp_path / CHECKPOINTS, 100, 20)
    assert {path.name for path in (tmp_path / CHECKPOINTS).iterdir()} == {"checkpoint-20", "checkpoint-100"}
    found = find_checkpoint(tmp_path)
    assert found is not None and found.name == "checkpoint-100"


def test_an_encoder_that_changed_is_refused(tmp_path: Path) -> None:
    open_run(make_config(tmp_path / "run"), "hash")
    pin_source(tmp_path / "run", "encoder", "a")
    pin_source(tmp_path / "run", "encoder", "a")
    with pytest.raises(ConfigError, match="weights have changed"):
        pin_source(tmp_path / "run", "encoder", "b")


def test_a_damaged_record_is_an_error_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{", "utf-8")
    with pytest.raises(ArtifactError, match=r"run\.json"):
        open_run(make_config(tmp_path), "hash")


def test_the_first_of_equal_scores_is_the_best_and_patience_counts_from_it() -> None:
    history = [{"loss": 1.0, "step": 1}, *({"f1": f1, "step": step} for step, f1 in enumerate((0.1, 0.5, 0.5, 0.4), 1))]
    best = BestSoFar.of_history(history, "f1")
    assert (best.score, best.step, best.since) == (0.5, 2, 2)
    assert best.exhausted(2) and not best.exhausted(3) and not best.exhausted(None)


def test_a_checkpoint_knows_whether_training_was_over(tmp_path: Path) -> None:
    state = {"global_step": 40, "max_steps": 80, "log_history": [{"f1": 0.5, "step": 20}, {"f1": 0.4, "step": 40}]}
    write_json(tmp_path / "trainer_state.json", state)
    assert not is_finished(tmp_path, 2, "f1")
    assert is_finished(tmp_path, 1, "f1")
    write_json(tmp_path / "trainer_state.json", {**state, "global_step": 80})
    assert is_finished(tmp_path, None, "f1")
