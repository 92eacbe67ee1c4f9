"""A job's inputs cut into pieces of like size that can be read on their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from trainer.runtime.sources import LINES, PARQUET, Source

SHARD_BYTES = 4 << 20
LEAST_SHARD_BYTES = 64 << 10
_READ = 1 << 20

Shard = tuple[Source, ...]


def plan_shards(sources: Sequence[Source], size: int = SHARD_BYTES) -> list[Shard]:
    """Shards in the order of the input.

    Files of lines are cut at line ends, Parquet files between row groups; small files are put
    together; a CSV file stays whole, since a quoted field may hold line ends.
    """
    shards: list[Shard] = []
    small: list[Source] = []
    held = 0
    for source in sources:
        length = _length(source)
        if length > size and source.suffix in (*LINES, *PARQUET):
            shards += [tuple(small)] * bool(small)
            shards += [(piece,) for piece in (_cut_lines if source.suffix in LINES else _cut_groups)(source, size)]
            small, held = [], 0
            continue
        if small and held + length > size:
            shards.append(tuple(small))
            small, held = [], 0
        small.append(source)
        held += length
    return [*shards, tuple(small)] if small else shards


def _cut_lines(source: Source, size: int) -> Iterator[Source]:
    """Pieces of at least ``size`` bytes, each ending with a line; counts lines on the way."""
    with Path(source.path).open("rb") as stream:
        start = lines = 0
        while True:
            before = lines
            left = size
            while left > 0 and (content := stream.read(min(left, _READ))):
                lines += content.count(b"\n")
                left -= len(content)
            while (rest := stream.readline(_READ)) and not rest.endswith(b"\n"):
                continue
            lines += rest.endswith(b"\n")
            end = stream.tell()
            if end == start:
                return
            yield Source(source.path, start, end, before)
            start = end


def _cut_groups(source: Source, size: int) -> Iterator[Source]:
    from pyarrow import ArrowException, parquet

    try:
        metadata = parquet.ParquetFile(source.path).metadata
    except (ArrowException, OSError):
        yield source  # reading it says what is wrong
        return
    start = rows = held = before = 0
    for group in range(metadata.num_row_groups):
        held += metadata.row_group(group).total_byte_size
        rows += metadata.row_group(group).num_rows
        if held >= size or group + 1 == metadata.num_row_groups:
            yield Source(source.path, start, group + 1, before)
            start, held, before = group + 1, 0, rows


def _length(source: Source) -> int:
    try:
        return Path(source.path).stat().st_size
    except OSError:
        return 0
