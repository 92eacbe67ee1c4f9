"""A run's directory while it is being trained: started, resumed, refused or already complete.

``run.json`` holds what the run is (configuration, data, encoder), so the same command finds its
own work after a kill and never continues another run's.
"""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig

from trainer.core.errors import ConfigError
from trainer.core.files import write_json, write_text
from trainer.learning.config import TrainConfig
from trainer.runtime.checkpoint import is_complete, read_json

logger = logging.getLogger(__name__)

IDENTITY = "run.json"
CHECKPOINTS = "checkpoints"
COMPLETE = "complete"  # marker inside a checkpoint: every file of it is there
_NOT_IDENTITY = (("overwrite",), ("tracking",), ("directory",), ("training", "threads"))


def open_run(config: TrainConfig, data_hash: str) -> bool:
    """Prepare the run's directory.

    Args:
        config: What is asked for.
        data_hash: Of the annotated articles.

    Returns:
        Whether there is anything to train: False when this very run is complete already.

    Raises:
        ConfigError: Another run lies there.
    """
    directory = config.directory
    if config.overwrite and directory.exists():
        logger.info("overwriting %s", directory)
        clear_run(directory)
    identity = {"configuration": _identify(config), "data": data_hash}
    path = directory / IDENTITY
    if path.is_file():
        _refuse_other(directory, identity, read_json(path))
        if is_complete(directory):
            remove_checkpoints(directory)  # a kill may have come just before
            logger.info("%s is complete already; overwrite=true trains it anew", directory)
            return False
        logger.info("resuming %s", directory)
    elif is_complete(directory) or (directory / CHECKPOINTS).exists():
        raise ConfigError(
            "the directory holds a run of unknown configuration",
            file=directory,
            remedy="choose another name=…, or train anew with overwrite=true",
        )
    else:
        write_json(path, identity)
        _write_hydra_record(config)
    return True


def _write_hydra_record(config: TrainConfig) -> None:
    """Write ``.hydra/`` as Hydra does, but only once the directory is known to be this run's."""
    overrides = list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []
    plain = {key: value for key, value in to_plain(config).items() if key != "directory"}
    write_text(config.directory / ".hydra" / "config.yaml", yaml.safe_dump(plain, sort_keys=False))
    write_text(config.directory / ".hydra" / "overrides.yaml", yaml.safe_dump(overrides))


def pin_source(directory: Path, kind: str, fingerprint: Any) -> None:
    """Note which weights a run starts or learns from; a resumed run must go on with the same.

    Args:
        directory: The run.
        kind: ``encoder`` or ``teacher``.
        fingerprint: Of its weights, as JSON values.

    Raises:
        ConfigError: They have changed since the run began.
    """
    identity = read_json(directory / IDENTITY)
    if identity.setdefault(kind, fingerprint) != fingerprint:
        raise ConfigError(
            f"the {kind}'s weights have changed since this run began",
            file=directory,
            remedy="restore them, choose another name=…, or train anew with overwrite=true",
        )
    write_json(directory / IDENTITY, identity)


def find_checkpoint(directory: Path) -> Path | None:
    """The newest whole checkpoint of a run; half-written ones are removed."""
    found: list[tuple[int, Path]] = []
    for path in (directory / CHECKPOINTS).glob("checkpoint-*"):
        if (path / COMPLETE).is_file():
            found.append((int(path.name.rpartition("-")[2]), path))
        else:
            shutil.rmtree(path)
    return max(found)[1] if found else None


def remove_checkpoints(directory: Path) -> None:
    """Remove what only a resumed run needs."""
    shutil.rmtree(directory / CHECKPOINTS, ignore_errors=True)


def clear_run(directory: Path) -> None:
    """Remove everything of a run, its proof of completeness first."""
    for name in ("provenance.json", IDENTITY):
        (directory / name).unlink(missing_ok=True)
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def to_plain(value: Any) -> Any:
    """A configuration as JSON values."""
    if hasattr(value, "__dataclass_fields__"):
        return to_plain(asdict(value))
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def _identify(config: TrainConfig) -> Any:
    plain = to_plain(config)
    for *parents, key in _NOT_IDENTITY:
        holder = plain
        for parent in parents:
            holder = holder[parent]
        del holder[key]
    return json.loads(json.dumps(plain))


def _refuse_other(directory: Path, wanted: dict[str, Any], found: dict[str, Any]) -> None:
    remedy = "choose another name=…, or train anew with overwrite=true"
    known = _complete_settings(found.get("configuration"), _identify(TrainConfig()))
    differing = _differences(wanted["configuration"], known)
    if differing:
        state = "a complete" if is_complete(directory) else "an unfinished"
        shown = "; ".join(f"{key} is {old!r} there, {new!r} here" for key, old, new in differing[:5])
        raise ConfigError(f"{state} run of another configuration lies there: {shown}", file=directory, remedy=remedy)
    if wanted["data"] != found.get("data"):
        raise ConfigError("the annotated articles have changed since this run began", file=directory, remedy=remedy)


def _complete_settings(found: Any, defaults: Any) -> Any:
    """The record of an older version, with the settings that it did not know at their defaults: it ran with those."""
    if not isinstance(found, dict) or not isinstance(defaults, dict):
        return found
    known = {key: _complete_settings(value, defaults.get(key)) for key, value in found.items()}
    return {**{key: value for key, value in defaults.items() if key not in found}, **known}


def _differences(wanted: Any, found: Any, prefix: str = "") -> list[tuple[str, Any, Any]]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        keys = [*wanted, *(key for key in found if key not in wanted)]
        return [item for key in keys for item in _differences(wanted.get(key), found.get(key), f"{prefix}{key}.")]
    return [] if wanted == found else [(prefix.rstrip("."), found, wanted)]
