"""The run directory: what a checkpoint holds, and the proof that it is whole.

``provenance.json`` is written last and lists the hash of every other file that matters, so its
presence means "complete". Loaders refuse a directory without it or whose hashes differ.

A *slim* run (`trainer.runtime.slim`) is the same without torch weights: its exported graph stands in for them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.core.errors import ArtifactError
from trainer.core.files import hash_file, write_json
from trainer.core.schema import EventSchema, load_schema
from trainer.runtime.calibration import Calibration
from trainer.runtime.packing import PACKED
from trainer.runtime.reading import ReadingSettings

PROVENANCE = "provenance.json"
SCHEMA = "schema.yaml"
READING = "reading.json"
CALIBRATION = "calibration.json"
WEIGHTS = "model.safetensors"
CRF_MODEL = "crf.crfsuite"
SLIM = "slim"
HASHED = (
    "config.json",
    WEIGHTS,
    CRF_MODEL,
    f"{CRF_MODEL}{PACKED}",
    "word_clusters.tsv",
    f"word_clusters.tsv{PACKED}",
    "event_head.safetensors",
    "tokenizer.json",
    SCHEMA,
    READING,
    CALIBRATION,
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A verified run directory.

    Attributes:
        directory: Where it lies.
        kind: ``encoder`` (transformers), ``crf`` or ``ensemble``.
        schema: Labels, types and roles it was trained on.
        reading: How it reads text.
        calibration: See `Calibration`.
        provenance: Commit, versions, data hash, article ids of each split, seed.
    """

    directory: Path
    kind: str
    schema: EventSchema
    reading: ReadingSettings
    calibration: Calibration
    provenance: Mapping[str, Any] = field(hash=False)

    @property
    def name(self) -> str:
        """The run's name."""
        return self.directory.name

    @property
    def is_slim(self) -> bool:
        """Whether it holds an exported graph in place of torch weights."""
        return SLIM in self.provenance

    @property
    def weights_hash(self) -> str | None:
        """SHA-256 of the torch weights, also where a slim run has left them behind; None for a run without any."""
        known = self.provenance.get("files", {}).get(WEIGHTS) or self.provenance.get(SLIM, {}).get("weights_sha256")
        return None if known is None else str(known)


def write_reading(directory: Path, settings: ReadingSettings) -> None:
    """Write ``reading.json``."""
    write_json(directory / READING, settings.to_dict())


def write_calibration(directory: Path, calibration: Calibration) -> None:
    """Write ``calibration.json``."""
    write_json(directory / CALIBRATION, calibration.to_dict())


def seal_checkpoint(directory: Path, kind: str, provenance: Mapping[str, Any], extra: Sequence[str] = ()) -> None:
    """Write ``provenance.json`` over everything that lies in the directory: the run is complete.

    Args:
        directory: The run directory.
        kind: ``encoder``, ``crf`` or ``ensemble``.
        provenance: What the run came from.
        extra: Further files whose hashes are recorded.
    """
    hashes = {name: hash_file(directory / name) for name in (*HASHED, *extra) if (directory / name).is_file()}
    write_json(directory / PROVENANCE, {"kind": kind, **provenance, "files": hashes})


def is_complete(directory: Path) -> bool:
    """Whether a run has been sealed."""
    return (directory / PROVENANCE).is_file()


def load_checkpoint(directory: Path) -> Checkpoint:
    """Verify a run directory and read its settings.

    Raises:
        ArtifactError: It is missing, incomplete, or a file differs from its recorded hash.
    """
    if not directory.is_dir():
        raise ArtifactError("no such run directory", file=directory, remedy="see `python -m trainer runs`")
    if not is_complete(directory):
        raise ArtifactError(
            f"the run is not complete: {PROVENANCE} is missing",
            file=directory,
            remedy="start the training command again; it resumes from the last checkpoint",
        )
    provenance = read_json(directory / PROVENANCE)
    _verify(directory, provenance)
    reading = read_json(directory / READING)
    calibration = read_json(directory / CALIBRATION) if (directory / CALIBRATION).is_file() else {}
    return Checkpoint(
        directory=directory,
        kind=str(provenance["kind"]),
        schema=load_schema(directory / SCHEMA),
        reading=ReadingSettings.from_dict(reading),
        calibration=Calibration.from_dict(calibration),
        provenance=provenance,
    )


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of a run directory.

    Raises:
        ArtifactError: The file is missing or not a JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError("file is missing", file=path, remedy="restore it or train again") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"not valid JSON: {error}", file=path, remedy="restore it or train again") from error
    if not isinstance(value, dict):
        raise ArtifactError(f"expected a JSON object, found {type(value).__name__}", file=path)
    return value


def _verify(directory: Path, provenance: Mapping[str, Any]) -> None:
    files = provenance.get("files")
    if "kind" not in provenance or not isinstance(files, dict):
        raise ArtifactError("lists no kind or no files", file=directory / PROVENANCE, remedy="train again")
    for name, expected in files.items():
        path = directory / name
        if not path.is_file():
            raise ArtifactError(f"{name} is missing", file=directory, remedy="restore it or train again")
        if hash_file(path) != expected:
            raise ArtifactError(
                f"{name} differs from the hash recorded when the run ended",
                file=path,
                remedy="restore the file or train again; a checkpoint is never edited in place",
            )
