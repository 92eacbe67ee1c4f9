"""JSON records read one at a time from a file: a list of objects, one object, or JSON Lines.

A large export is never held whole: text is decoded in blocks, and each record is parsed as soon
as it is complete.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from trainer.core.errors import AnnotationError

_BLOCK = 1 << 20
_DIGITS = 100  # Python refuses to parse whole numbers of thousands of digits
_SPACE = re.compile(r"[ \t\r\n]*")


def detect_encoding(path: Path) -> str:
    """UTF-8, UTF-16 or UTF-32, with or without a byte order mark, from the first bytes."""
    try:
        with path.open("rb") as stream:
            return json.detect_encoding(stream.read(4))
    except OSError as error:
        raise AnnotationError(
            f"cannot be read: {error.strerror}", file=path, remedy="name an existing, readable file"
        ) from error


def iterate_records(path: Path) -> Iterator[Any]:
    """The records of a file in order.

    Raises:
        AnnotationError: The file cannot be read or decoded, or is not JSON; records before the
            fault have been given out.
    """
    encoding = detect_encoding(path)
    buffer = _Buffer(path, encoding)
    opening = buffer.peek()
    if opening == "":
        raise AnnotationError("the file is empty", file=path, remedy="export the project again as JSON")
    in_list = opening == "["
    if in_list:
        buffer.skip(1)
    count = 0
    while True:
        following = buffer.peek()
        if in_list and following == "]":
            buffer.skip(1)
            break
        if following == "" and not in_list:
            return
        if in_list and count:
            if following != ",":
                buffer.refuse(f"expected ',' or ']' after record {count}")
            buffer.skip(1)
        count += 1
        yield buffer.parse(count)
    if buffer.peek() != "":
        buffer.refuse("text after the end of the list")


class _Buffer:
    """Decoded text of which the front is parsed away."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.path = path
        self.text = ""
        self.position = 0
        self.passed = 0  # characters parsed away before self.text
        self._blocks = _decode_blocks(path, encoding)
        self._decoder = json.JSONDecoder(
            object_pairs_hook=_unique_keys, parse_constant=_refuse_constant, parse_int=_parse_integer
        )

    def peek(self) -> str:
        """The next character that is not white space; empty at the end."""
        while True:
            space = _SPACE.match(self.text, self.position)
            self.position = space.end() if space else self.position
            if self.position < len(self.text):
                return self.text[self.position]
            if not self._grow(_BLOCK):
                return ""

    def skip(self, characters: int) -> None:
        self.position += characters

    def parse(self, number: int) -> Any:
        """The value that begins here."""
        self.peek()
        self.passed, self.text, self.position = self.passed + self.position, self.text[self.position :], 0
        while True:
            try:
                value, end = self._decoder.raw_decode(self.text)
            except json.JSONDecodeError as error:
                # Perhaps only cut off by the end of the block: twice the text is cheap enough on the whole.
                if self._grow(len(self.text)):
                    continue
                self.position = error.pos
                self.refuse(f"record {number} is not JSON: {error.msg}")
            except RecursionError as error:
                raise AnnotationError(f"record {number} is nested too deeply", file=self.path) from error
            except AnnotationError as error:
                raise AnnotationError(
                    f"record {number}: {error.message}", file=self.path, remedy=error.remedy
                ) from error
            if end < len(self.text) or not self._grow(_BLOCK):
                self.position = end
                return value

    def refuse(self, message: str) -> NoReturn:
        raise AnnotationError(
            f"{message} (character {self.passed + self.position + 1})",
            file=self.path,
            remedy="the file is cut off or was edited: export the project again as JSON",
        )

    def _grow(self, characters: int) -> bool:
        wanted = len(self.text) + max(characters, _BLOCK)
        before = len(self.text)
        pieces = [self.text]
        size = before
        while size < wanted and (block := next(self._blocks, "")):
            pieces.append(block)
            size += len(block)
        self.text = "".join(pieces)
        return size > before


def _decode_blocks(path: Path, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)()
    passed = 0
    with path.open("rb") as stream:
        while True:
            block = stream.read(_BLOCK)
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raise AnnotationError(
                    f"not {encoding}: byte {shown_byte(error)} near byte {passed + error.start + 1} ({error.reason})",
                    file=path,
                    remedy="save the file as UTF-8 (`iconv -f WINDOWS-1256 -t UTF-8` for old Arabic files)",
                ) from error
            passed += len(block)
            if text:
                yield text
            if not block:
                return


def shown_byte(error: UnicodeDecodeError) -> str:
    """The offending byte in hex; nothing where the text ends in the middle of a character."""
    return f"0x{error.object[error.start]:02x}" if error.start < len(error.object) else "missing"


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise AnnotationError(f"key {repeated!r} stands twice in one object", remedy="keep one of the two")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise AnnotationError(f"{name} is not JSON", remedy="write a number or null")


def _parse_integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise AnnotationError(f"a whole number of {len(digits)} digits", remedy="write a plausible number")
    return int(digits)
