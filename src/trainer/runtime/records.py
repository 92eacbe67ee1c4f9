"""What comes out of a source: articles, and rejects with their reasons."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

MOST_CHARACTERS = 2_000_000
_SHOWN = 80
_ESCAPED_BYTES = range(0xDC80, 0xDD00)  # how Python keeps a byte that is not UTF-8


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that could not be used.

    Attributes:
        source: File it came from.
        record: Line, row or id; empty for a whole file.
        reason: What is wrong with it.
    """

    source: str
    record: str
    reason: str

    def to_json(self) -> str:
        """One line of the rejects file."""
        return json.dumps({"source": self.source, "record": self.record, "reason": self.reason}, ensure_ascii=True)


@dataclass(frozen=True, slots=True)
class Incoming:
    """An article to read: its id, its text, and where it came from."""

    id: str
    text: str
    source: str
    record: str

    def refuse(self, reason: str) -> Reject:
        """The reject of this article."""
        return Reject(self.source, self.record, reason)


@dataclass(frozen=True, slots=True)
class Fields:
    """Names of the fields or columns that hold an article, and the longest text allowed."""

    text: str = "text"
    id: str = "id"
    most_characters: int = MOST_CHARACTERS


def check_record(value: Any, fields: Fields, source: str, record: str) -> Incoming | Reject:
    """An article from a parsed record.

    The text must be a string of whole Unicode characters without null bytes, not too long.
    """
    if not isinstance(value, dict):
        return Reject(source, record, f"expected an object, found {type(value).__name__}")
    text = value.get(fields.text)
    if not isinstance(text, str):
        known = ", ".join(sorted(map(str, value)))[:_SHOWN]
        fault = f"is {type(text).__name__}, not text" if fields.text in value else f"is missing; fields: {known}"
        return Reject(source, record, f"field {fields.text!r} {fault}")
    identifier = value.get(fields.id)
    name = str(identifier) if isinstance(identifier, str | int) and identifier != "" else f"{source}:{record}"
    return check_text(name, text, fields, source, record)


def check_text(id: str, text: str, fields: Fields, source: str, record: str) -> Incoming | Reject:
    """An article, or why its text cannot be used."""
    if len(text) > fields.most_characters:
        return Reject(source, record, f"{len(text)} characters, more than {fields.most_characters}")
    if "\x00" in text:
        return Reject(source, record, f"null byte at character {text.index(chr(0))}")
    for value in (text, id):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            point = ord(value[error.start])
            fault = "not UTF-8" if point in _ESCAPED_BYTES else f"lone surrogate U+{point:04X}"
            return Reject(source, record, f"{fault} at character {error.start}")
    return Incoming(id, text, source, record)
