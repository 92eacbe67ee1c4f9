"""Errors that speak: each says where, what and how to mend it.

The command line prints these without a traceback and exits with 2.
"""

from __future__ import annotations

from pathlib import Path


class TrainerError(Exception):
    """Base of every error that a user can mend.

    Args:
        message: What is wrong, with the offending value.
        file: File in which it was found.
        record: Record inside the file (task id, article id, line, config key).
        remedy: What to do about it.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | Path | None = None,
        record: str | int | None = None,
        remedy: str | None = None,
    ) -> None:
        self.message = message
        self.file = None if file is None else str(file)
        self.record = None if record is None else str(record)
        self.remedy = remedy
        super().__init__(self.describe())

    def describe(self) -> str:
        """One readable paragraph: place, fault, remedy."""
        place = ", ".join(part for part in (self.file, self.record) if part)
        text = f"{place}: {self.message}" if place else self.message
        return f"{text}\n  remedy: {self.remedy}" if self.remedy else text


class AnnotationError(TrainerError):
    """An annotated article, or a file of them, is not what it must be."""


class SchemaError(TrainerError):
    """The event schema is inconsistent, or something does not follow it."""


class ConfigError(TrainerError):
    """A setting is misspelt, out of range, or contradicts another."""


class ArtifactError(TrainerError):
    """A run directory, encoder or exported graph is missing, incomplete or altered."""


class HubError(TrainerError):
    """A model hub was needed and could not be reached."""


class LeakageError(TrainerError):
    """Training text repeats held-out gold text."""


class InputError(TrainerError):
    """A text or file handed in for extraction cannot be used."""


class OutputError(TrainerError):
    """Results cannot be written where they were asked for."""


class ServerError(TrainerError):
    """A Label Studio server refused, failed or answered something unknown."""
