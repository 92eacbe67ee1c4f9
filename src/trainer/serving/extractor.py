"""What serving needs of a model, and the model that is being served."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from trainer.core.schema import EventSchema
from trainer.runtime.result import Extraction


class Extractor(Protocol):
    """A loaded model."""

    def predict(self, texts: Sequence[str], /) -> Sequence[Extraction]:
        """Results in the order of the texts."""
        ...


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model in service.

    Attributes:
        name: The run directory's name.
        version: Name and hash of everything that decides what it predicts.
        schema: Its labels, types and roles.
        extractor: What does the work.
        loaded_at: ISO 8601, UTC.
    """

    name: str
    version: str
    schema: EventSchema
    extractor: Extractor
    loaded_at: str


Loader = Callable[[Path], ServedModel]


def now() -> str:
    """The time in ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
