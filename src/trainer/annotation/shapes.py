"""Parsed JSON read with its path in hand, so that a wrong type is named where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trainer.annotation.faults import shorten
from trainer.core.errors import AnnotationError

_NAMES = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a whole number"}


@dataclass(frozen=True, slots=True)
class Node:
    """A JSON value, the key that it stands under and the value that holds it.

    Every reading method raises AnnotationError, with the path as record, where the value is of
    another type.
    """

    value: Any
    key: str = ""
    parent: Node | None = None

    @property
    def path(self) -> str:
        """The way here from the top, as in ``annotations[0].result[3].value.start``."""
        above = self.parent.path if self.parent is not None else ""
        return f"{above}.{self.key}" if above and not self.key.startswith("[") else above + self.key

    @property
    def absent(self) -> bool:
        """Missing or null."""
        return self.value is None

    def get(self, key: str) -> Node:
        """The value of a key of this object; absent where there is none."""
        return Node(self.mapping().get(key), key, self)

    def items(self) -> Iterator[Node]:
        """The members of this list; none where it is absent."""
        if self.absent:
            return
        for index, member in enumerate(self._expect(list)):
            yield Node(member, f"[{index}]", self)

    def mapping(self) -> Mapping[str, Any]:
        """This object."""
        value: Mapping[str, Any] = self._expect(dict)
        return value

    def text(self) -> str:
        """This text."""
        value: str = self._expect(str)
        self._refuse_surrogates(value)
        return value

    def integer(self) -> int:
        """This whole number (true and false are none)."""
        if isinstance(self.value, bool):
            self._refuse(_NAMES[int])
        value: int = self._expect(int)
        return value

    def number(self) -> float:
        """This number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            self._refuse("a number")
        return float(self.value)

    def flag(self) -> bool:
        """This truth value; false where it is absent."""
        return False if self.absent else bool(self._expect(bool))

    def identifier(self) -> str:
        """This text or whole number, as text."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | str) or self.value == "":
            self._refuse("a text or a whole number")
        identifier = str(self.value)
        self._refuse_surrogates(identifier)
        return identifier

    def _expect(self, kind: type) -> Any:
        if not isinstance(self.value, kind):
            self._refuse(_NAMES[kind])
        return self.value

    def _refuse(self, wanted: str) -> None:
        found = "nothing" if self.absent else f"{_NAMES.get(type(self.value), 'a number')} {shorten(self.value)}"
        raise AnnotationError(f"expected {wanted}, found {found}", record=self.path or "top level")

    def _refuse_surrogates(self, value: str) -> None:
        """Half of a surrogate pair is no character: it cannot be written as UTF-8."""
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise AnnotationError(f"lone surrogate at position {error.start}", record=self.path) from error
