"""Where articles come from: text files, folders, JSON Lines, CSV, Parquet, standard input.

Sources are read as streams: one record is in memory at a time, however large the file.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from trainer.core.errors import InputError
from trainer.runtime.records import Fields, Incoming, Reject, check_record, check_text

STDIN = "-"
LINES = (".jsonl", ".ndjson")
_TABLES = (".csv", ".tsv")
PARQUET = (".parquet",)
_TEXTS = (".txt", ".text", ".md")
_BYTES_A_CHARACTER = 12  # JSON may write one character as two escapes of six bytes
_PARQUET_ROWS = 64


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or a part of one.

    Attributes:
        path: The file; ``-`` is standard input.
        start: First byte of a part of a file of lines, first row group of a part of a Parquet file.
        end: One past the last; None is the end of the file.
        before: Lines or rows before the part, so that records keep their numbers.
    """

    path: str
    start: int = 0
    end: int | None = None
    before: int = 0

    @property
    def suffix(self) -> str:
        """What the file's name ends with, in lower case."""
        return Path(self.path).suffix.lower()


Item = tuple[Incoming | Reject, int]
"""A record, and how many bytes of its source have been read up to it."""


def find_sources(paths: Sequence[str]) -> list[str]:
    """Files in order; a folder stands for all its files of a known kind, sorted, however deep.

    Raises:
        InputError: A path does not exist, or a folder holds nothing.
    """
    found: list[str] = []
    for name in paths:
        path = Path(name)
        if name != STDIN and path.is_dir():
            known = (*LINES, *_TABLES, *PARQUET, *_TEXTS)
            inside = sorted(str(file) for file in path.rglob("*") if file.suffix.lower() in known and file.is_file())
            if not inside:
                raise InputError(
                    "no file of a known kind in the folder", file=path, remedy=f"known: {', '.join(known)}"
                )
            found.extend(inside)
        elif name == STDIN or path.exists():
            found.append(name)
        else:
            raise InputError("no such file or folder", file=path, remedy="check the path")
    return found


def read_source(source: Source, fields: Fields) -> Iterator[Item]:
    """Articles and rejects of one source, in order; a file that cannot be read is one reject."""
    try:
        if source.path == STDIN:
            yield from _read_stdin(fields)
        elif source.suffix in PARQUET:
            yield from _read_parquet(source, fields)
        else:
            with Path(source.path).open("rb") as stream:
                if source.suffix in LINES:
                    stream.seek(source.start)
                    yield from _read_lines(stream, source, fields)
                elif source.suffix in _TABLES:
                    yield from _read_table(stream, source.path, fields)
                else:
                    yield from _read_text(stream, source.path, fields)
    except OSError as error:
        yield Reject(source.path, "", f"cannot be read: {error.strerror or error}"), 0


def _read_stdin(fields: Fields) -> Iterator[Item]:
    """JSON Lines where the first character is ``{``, else one article."""
    stream = io.BufferedReader(sys.stdin.buffer)  # type: ignore[type-var]
    if stream.peek(1)[:1] == b"{":
        yield from _read_lines(stream, Source(STDIN), fields)
    else:
        yield from _read_text(stream, STDIN, fields)


def _read_text(stream: IO[bytes], source: str, fields: Fields) -> Iterator[Item]:
    limit = fields.most_characters * 4
    content = stream.read(limit + 1)
    if len(content) > limit:
        yield Reject(source, "", f"more than {fields.most_characters} characters"), len(content)
        return
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield Reject(source, "", f"not UTF-8 at byte {error.start}"), len(content)
        return
    name = "stdin" if source == STDIN else source
    yield check_text(name, text, fields, source, ""), len(content)


def _read_lines(stream: IO[bytes], source: Source, fields: Fields) -> Iterator[Item]:
    limit = fields.most_characters * _BYTES_A_CHARACTER
    length = None if source.end is None else source.end - source.start
    done = 0
    for number, (line, size) in enumerate(_bounded_lines(stream, limit), source.before + 1):
        done += size
        if line is None:
            yield Reject(source.path, str(number), f"line of {size} bytes, more than {limit}"), done
        elif line.strip():
            yield _parse_line(line, fields, source.path, str(number)), done
        if length is not None and done >= length:
            return


def _bounded_lines(stream: IO[bytes], limit: int) -> Iterator[tuple[bytes | None, int]]:
    """Lines with their sizes; None for one beyond the limit, which is passed over without being held."""
    while line := stream.readline(limit):
        size = len(line)
        if line.endswith(b"\n") or size < limit:
            yield line, size
            continue
        while rest := stream.readline(limit):
            size += len(rest)
            if rest.endswith(b"\n"):
                break
        yield None, size


def _parse_line(line: bytes, fields: Fields, source: str, record: str) -> Incoming | Reject:
    try:
        return check_record(json.loads(line.decode("utf-8-sig")), fields, source, record)
    except UnicodeDecodeError as error:
        return Reject(source, record, f"not UTF-8 at byte {error.start}")
    except json.JSONDecodeError as error:
        return Reject(source, record, f"not JSON: {error.msg} at character {error.pos}")
    except RecursionError:
        return Reject(source, record, "JSON is nested too deep")
    except ValueError as error:  # an integer of thousands of digits
        return Reject(source, record, f"not JSON: {error}")


def _read_table(stream: IO[bytes], source: str, fields: Fields) -> Iterator[Item]:
    csv.field_size_limit(min(fields.most_characters * 4, 2**31 - 1))
    dialect: type[csv.Dialect] = csv.excel_tab if Path(source).suffix.lower() == ".tsv" else csv.excel
    lines = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    rows = csv.reader(lines, dialect)
    header: list[str] | None = None
    while True:
        place = str(rows.line_num + 1)
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Reject(source, place, f"not CSV: {error}"), stream.tell()
            continue
        if header is None:
            header = row
        elif row:
            yield check_record(dict(zip(header, row, strict=False)), fields, source, place), stream.tell()


def _read_parquet(source: Source, fields: Fields) -> Iterator[Item]:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(source.path)
        groups = list(range(source.start, source.end if source.end is not None else file.num_row_groups))
        rows, size = max(file.metadata.num_rows, 1), Path(source.path).stat().st_size
        columns = [name for name in (fields.text, fields.id) if name in file.schema_arrow.names]
        number = source.before
        for batch in file.iter_batches(batch_size=_PARQUET_ROWS, columns=columns, row_groups=groups):
            for value in batch.to_pylist():
                number += 1
                yield check_record(value, fields, source.path, str(number)), size * (number - source.before) // rows
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        yield Reject(source.path, "", f"not Parquet: {str(error).splitlines()[0]}"), 0
