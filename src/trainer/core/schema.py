"""The event schema: labels, operation types and roles, read from one YAML file.

A schema of labels alone (another data set's) has no typed label, no types and no roles.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from trainer.core.bio import tag_names
from trainer.core.errors import SchemaError
from trainer.core.files import write_text


@dataclass(frozen=True, slots=True)
class Label:
    """A span label and how annotators see it."""

    name: str
    hotkey: str = ""
    colour: str = "#7f7f7f"
    arabic: str = ""


@dataclass(frozen=True, slots=True)
class OperationType:
    """A type of operation."""

    name: str
    hotkey: str = ""
    arabic: str = ""


@dataclass(frozen=True, slots=True)
class Role:
    """A role: which label it starts from and which label may fill it."""

    name: str
    source: str
    filler: str
    colour: str = "#7f7f7f"
    arabic: str = ""


@dataclass(frozen=True, slots=True)
class EventSchema:
    """Labels, types and roles in the order of the file.

    Raises:
        SchemaError: The parts contradict each other.
    """

    labels: tuple[Label, ...]
    types: tuple[OperationType, ...] = ()
    roles: tuple[Role, ...] = ()
    typed_label: str | None = None
    name: str = "labels"
    version: str = "1.0"

    def __post_init__(self) -> None:
        names = self.label_names
        if not names:
            raise SchemaError("a schema needs at least one label", record=self.name)
        for group in (names, self.type_names, tuple(role.name for role in self.roles)):
            repeated = {name for name in group if group.count(name) > 1}
            if repeated:
                raise SchemaError(f"named twice: {', '.join(sorted(repeated))}", record=self.name)
        used = {label for role in self.roles for label in (role.source, role.filler)}
        unknown = (used | ({self.typed_label} if self.typed_label else set())) - set(names)
        if unknown:
            raise SchemaError(f"labels that do not exist: {', '.join(sorted(unknown))}", record=self.name)
        if self.types and not self.typed_label:
            raise SchemaError("types without a typed_label", record=self.name)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels."""
        return tuple(label.name for label in self.labels)

    @property
    def type_names(self) -> tuple[str, ...]:
        """Names of the operation types."""
        return tuple(kind.name for kind in self.types)

    @property
    def tags(self) -> tuple[str, ...]:
        """BIO tags in the order of the classifier's outputs."""
        return tag_names(self.label_names)

    def role(self, name: str) -> Role | None:
        """The role of that name."""
        return next((role for role in self.roles if role.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """The form of the YAML file."""
        return {
            "name": self.name,
            "version": self.version,
            "labels": {x.name: {"hotkey": x.hotkey, "colour": x.colour, "arabic": x.arabic} for x in self.labels},
            "typed_label": self.typed_label,
            "types": {x.name: {"hotkey": x.hotkey, "arabic": x.arabic} for x in self.types},
            "roles": {
                x.name: {"from": x.source, "to": x.filler, "colour": x.colour, "arabic": x.arabic} for x in self.roles
            },
        }

    def fingerprint(self) -> str:
        """A hash over everything that changes what a model predicts (colours and hotkeys do not)."""
        parts = [self.tags, self.type_names, [(r.name, r.source, r.filler) for r in self.roles], self.typed_label]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def save(self, path: Path) -> None:
        """Write the YAML file."""
        write_text(path, yaml.safe_dump(self.to_dict(), allow_unicode=True, sort_keys=False))


def load_schema(path: Path) -> EventSchema:
    """Read a schema file.

    Raises:
        SchemaError: The file is missing, not YAML, or inconsistent; names the key.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SchemaError("no such schema file", file=path, remedy="name an existing file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SchemaError(f"not readable as YAML: {error}", file=path) from error
    try:
        return parse_schema(raw)
    except SchemaError as error:
        raise SchemaError(error.message, file=path, record=error.record, remedy=error.remedy) from error


def parse_schema(raw: Any) -> EventSchema:
    """A schema from the parsed form of its file."""
    top = _mapping(raw, "schema")
    labels = _mapping(top.get("labels"), "labels")
    types = _mapping(top.get("types") or {}, "types")
    roles = _mapping(top.get("roles") or {}, "roles")
    typed = top.get("typed_label")
    return EventSchema(
        labels=tuple(
            Label(str(name), **_strings(value, ("hotkey", "colour", "arabic"))) for name, value in labels.items()
        ),
        types=tuple(OperationType(str(name), **_strings(value, ("hotkey", "arabic"))) for name, value in types.items()),
        roles=tuple(_role(str(name), _mapping(value, f"roles.{name}")) for name, value in roles.items()),
        typed_label=None if typed is None else str(typed),
        name=str(top.get("name", "labels")),
        version=str(top.get("version", "1.0")),
    )


def schema_of_labels(labels: Iterable[str], name: str = "labels") -> EventSchema:
    """A schema of bare labels, for data sets that have no types or roles."""
    return EventSchema(labels=tuple(Label(label) for label in labels), name=name)


def _role(name: str, value: Mapping[str, Any]) -> Role:
    missing = {"from", "to"} - set(value)
    if missing:
        raise SchemaError(f"role without {', '.join(sorted(missing))}", record=f"roles.{name}")
    return Role(name, str(value["from"]), str(value["to"]), **_strings(value, ("colour", "arabic")))


def _mapping(value: Any, key: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SchemaError(f"expected a mapping, found {type(value).__name__}", record=key)
    return value


def _strings(value: Any, keys: tuple[str, ...]) -> dict[str, str]:
    return {key: str(value[key]) for key in keys if isinstance(value, Mapping) and key in value}
