"""The ``teacher`` and ``distil`` keys of ``python -m trainer train``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from trainer.core.errors import ConfigError


@dataclass
class DistilConfig:
    """What a student learns from its teachers.

    Attributes:
        articles: Raw articles: files and folders as ``extract`` reads them, or compressed text with a blank line
            between documents as ``pretrain`` reads it.
        text_field: Field or column of the text, in JSON Lines, CSV and Parquet.
        limit: Most articles that are used, the first ones; null uses all.
        weight: Of a word of a raw article beside an annotated one.
        temperature: Softens the teachers' and the student's distributions alike (Hinton et al. 2015).
    """

    articles: list[Path] = field(default_factory=list)
    text_field: str = "text"
    limit: int | None = None
    weight: float = 1.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        _require(self.limit is None or self.limit > 0, "distil.limit", self.limit, "give a positive number")
        for key in ("weight", "temperature"):
            _require(getattr(self, key) > 0, f"distil.{key}", getattr(self, key), "give a positive number")
        _require(bool(self.text_field), "distil.text_field", self.text_field, "name a field")


def read_teachers(value: object) -> tuple[Path, ...]:
    """The run directories that ``teacher`` names: none, one, or a list whose distributions are averaged.

    Raises:
        ConfigError: It is neither a path nor a list of paths.
    """
    if value is None:
        return ()
    names = [value] if isinstance(value, str | Path) else list(value) if isinstance(value, Iterable) else []
    plain = bool(names) and all(isinstance(name, str | Path) and str(name) for name in names)
    _require(plain, "teacher", value, "name a run directory, or several: teacher=[models/a,models/b]")
    return tuple(Path(name) for name in names)


def _require(holds: bool, key: str, value: object, remedy: str) -> None:
    if not holds:
        raise ConfigError(f"{value!r} is not allowed", record=key, remedy=remedy)
