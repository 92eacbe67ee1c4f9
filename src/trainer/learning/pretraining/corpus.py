"""Raw text for pretraining: one paragraph a line, a blank line between documents.

Files are streamed: plain, ``.gz``, ``.xz`` or ``.zst``, or a folder of such files in name order.
"""

from __future__ import annotations

import gzip
import io
import lzma
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from trainer.core.errors import InputError

_SUFFIXES = (".txt", ".gz", ".xz", ".zst")


def find_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The text files that some paths name; a folder stands for every text file below it, in name order.

    Raises:
        InputError: A path does not exist, or nothing to read is found.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.rglob("*") if file.is_file() and file.suffix in _SUFFIXES)
        elif path.is_file():
            found.append(path)
        else:
            raise InputError("no such file or folder", file=path, remedy="name raw text with corpus=[FILE,FOLDER,…]")
    if not found:
        raise InputError(
            f"no raw text in {', '.join(map(str, paths)) or 'an empty list of paths'}",
            remedy=f"name files, or a folder that holds files ending in {', '.join(_SUFFIXES)}",
        )
    return tuple(found)


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Opens a plain or compressed file as UTF-8 text, decompressing as it is read."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as text:
            yield text
    elif path.suffix == ".xz":
        with lzma.open(path, "rt", encoding="utf-8") as text:
            yield text
    elif path.suffix == ".zst":
        import zstandard

        try:
            with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
                yield io.TextIOWrapper(stream, encoding="utf-8")
        except zstandard.ZstdError as error:
            raise OSError(str(error)) from error  # as the other formats tell of damage
    else:
        with path.open(encoding="utf-8") as text:
            yield text


def read_documents(files: Sequence[Path]) -> Iterator[tuple[str, ...]]:
    """Streams documents as tuples of paragraphs.

    Raises:
        InputError: A file is not UTF-8 or its compression is damaged.
    """
    for path in files:
        paragraphs: list[str] = []
        try:
            with open_text(path) as text:
                for line in text:
                    if line := line.strip():
                        paragraphs.append(line)
                    elif paragraphs:
                        yield tuple(paragraphs)
                        paragraphs = []
        except (UnicodeDecodeError, lzma.LZMAError, EOFError, OSError) as error:
            raise InputError(
                f"cannot be read as UTF-8 text: {error}", file=path, remedy="convert it, or unpack it again"
            ) from error
        if paragraphs:
            yield tuple(paragraphs)


def read_batches(files: Sequence[Path], size: int = 400) -> Iterator[list[tuple[str, ...]]]:
    """Documents in lists of ``size``, what one worker handles at a time."""
    batch: list[tuple[str, ...]] = []
    for document in read_documents(files):
        batch.append(document)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
