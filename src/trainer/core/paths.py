"""Where the repository keeps things: found from the working copy, or from the installed package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def repository_directory() -> Path:
    """The working copy that this package runs from, else the working directory."""
    root = _PACKAGE.parents[1]
    return root if (root / "configs" / "train.yaml").is_file() else Path.cwd()


def configuration_directory() -> Path:
    """``configs/`` of the working copy, else the copy inside the installed package."""
    local = _PACKAGE.parents[1] / "configs"
    return local if local.is_dir() else _PACKAGE / "configs"


def default_schema_path() -> Path:
    """The event schema that ships."""
    return configuration_directory() / "schema" / "events.yaml"
