"""Every experiment composes to a checked configuration; mistakes are refused by the real command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore

from trainer.cli.hydra import to_dataclass
from trainer.core.errors import ConfigError
from trainer.core.paths import configuration_directory
from trainer.learning.config import TrainConfig, TrainingConfig
from trainer.learning.model_config import ModelKind, ShapeConfig

CONFIGS = configuration_directory()
EXPERIMENTS = sorted(path.stem for path in (CONFIGS / "exp").glob("*.yaml"))
PRETRAINING = {"adapt", "compact_encoder"}


def compose_experiment(*overrides: str) -> TrainConfig:
    ConfigStore.instance().store(name="train_schema", node=TrainConfig)
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config: TrainConfig = to_dataclass(compose("train", [*overrides, "directory=models/x"]))
    return config


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name not in PRETRAINING])
def test_every_experiment_composes_and_bears_its_own_name(name: str) -> None:
    config = compose_experiment(f"+exp={name}")
    assert config.name == name
    assert isinstance(config.training, TrainingConfig)


def test_the_promised_experiments_exist() -> None:
    promised = "arabert arabert_large camelbert conflibert marbert xlmr compact smoke"
    assert set(promised.split()) <= set(EXPERIMENTS)


def test_arabert_means_the_unsegmented_checkpoint() -> None:
    config = compose_experiment("+exp=arabert")
    assert config.model.encoder == "aubmindlab/bert-base-arabertv02"
    assert config.model.kind is ModelKind.encoder
    assert config.model.shape is None


def test_an_override_beats_the_experiment() -> None:
    assert compose_experiment("+exp=smoke", "training.epochs=7").training.epochs == 7


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("training.learning_rate=-1", "training.learning_rate"),
        ("training.epochs=0", "training.epochs"),
        ("training.warmup=1.5", "training.warmup"),
        ("training.max_length=40", "training.max_length"),
        ("training.label_smoothing=1", "training.label_smoothing"),
        ("data.annotations=[]", "data.annotations"),
        ("name=a/b", "name"),
        ("seed=-1", "seed"),
        ("model.shape.hidden=65", "model.shape.hidden"),
        ("model.crf.c1=-1", "model.crf.c1"),
    ],
)
def test_a_value_out_of_range_is_refused_by_key(override: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose_experiment("+exp=smoke", override)
    assert caught.value.record == key


def test_neither_encoder_nor_shape_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.encoder"):
        compose_experiment("+exp=compact", "model.encoder=null", "model.shape=null")
    assert compose_experiment("+exp=compact", "model.encoder=null").model.shape == ShapeConfig(**vars(_compact_shape()))


def _compact_shape() -> ShapeConfig:
    shape = compose_experiment("+exp=compact").model.shape
    assert shape is not None
    return shape


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["+exp=smoke", "training.lerning_rate=1e-4"], "lerning_rate"),
        (["+exp=smoke", "seed=abc"], "abc"),
        (["+exp=nonesuch"], "nonesuch"),
        (["+exp=smoke", "training.epochs=0"], "training.epochs"),
    ],
)
def test_a_mistake_ends_with_code_2_before_anything_loads(arguments: list[str], said: str, tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "trainer", "train", *arguments]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    errors = "\n".join(line for line in result.stderr.splitlines() if not line.startswith("import time:"))
    assert result.returncode == 2, errors
    assert said in errors
    assert "Traceback" not in errors
    assert not any(line.endswith(" torch") for line in result.stderr.splitlines())
    assert not list(tmp_path.glob("models/*/run.json"))
