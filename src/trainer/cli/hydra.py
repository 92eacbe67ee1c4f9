"""The bridge to Hydra: configuration files and overrides in, a checked dataclass out.

``hydra.main`` owns ``sys.argv``; it is rewritten so that Hydra sees the arguments behind the
command's name. Hydra's own errors become `ConfigError`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import hydra
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from trainer.core.errors import ConfigError, TrainerError
from trainer.core.paths import configuration_directory

Config = TypeVar("Config")


def run_hydra(name: str, schema: type[Config], start: Callable[[Config], None], arguments: Sequence[str]) -> None:
    """Compose ``configs/<name>.yaml`` with the overrides and start the command once a run.

    Args:
        name: Primary configuration file, without suffix.
        schema: Dataclass of all its keys; stored as ``<name>_schema`` for the file's defaults list.
        start: Called with the checked configuration of each run.
        arguments: What followed the command on the command line.

    Raises:
        ConfigError: A key is misspelt, a value is of the wrong type or out of range.
    """
    ConfigStore.instance().store(name=f"{name}_schema", node=schema)
    directory = configuration_directory()

    failures: list[TrainerError] = []

    def job(config: DictConfig) -> None:
        try:
            start(to_dataclass(config))
        except TrainerError as error:  # kept from Hydra, which would print its own words on it
            failures.append(error)

    os.environ["HYDRA_FULL_ERROR"] = "1"  # let exceptions through: this module turns them into messages
    sys.argv = [f"trainer {name}", *arguments]
    try:
        hydra.main(version_base="1.3", config_path=str(directory), config_name=name)(job)()
    except TrainerError:
        raise
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(
            _reason(error), file=_shown(directory / f"{name}.yaml"), remedy=f"see `trainer {name} --help`"
        ) from error
    if failures:
        raise failures[0]


def to_dataclass(config: DictConfig) -> Any:
    """The composed configuration as its dataclass, with ranges checked in ``__post_init__``."""
    try:
        return OmegaConf.to_object(config)
    except OmegaConfBaseException as error:
        raise ConfigError(_reason(error), remedy="give the key a value of its type") from error


def _reason(error: BaseException) -> str:
    """The first line that says what is wrong, of the innermost error."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    keys = [line for line in lines[1:] if line.startswith("full_key:")]
    return " ".join([*lines[:1], *keys]) or type(error).__name__


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
