"""Extraction over files: any number of articles, in blocks, in the order of the input."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from trainer.core.files import hash_texts
from trainer.runtime.formats import Format
from trainer.runtime.journal import Journal
from trainer.runtime.records import Fields, Incoming, Reject
from trainer.runtime.result import Extraction
from trainer.runtime.sources import STDIN, Item, Source, read_source

BLOCK_CHARACTERS = 200_000
BLOCK_RECORDS = 512


class Extractor(Protocol):
    """What a job needs of a model."""

    def predict(self, texts: list[str], ids: list[str] | None = None) -> list[Extraction]:
        """One extraction a text."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """What to read and how to write it.

    Attributes:
        sources: Files in order.
        fields: Names of fields, and the longest text.
        format: How extractions are written.
        min_score: Spans below it are left out.
    """

    sources: tuple[Source, ...]
    fields: Fields
    format: Format
    min_score: float = 0.0

    def fingerprint(self, model: str) -> dict[str, Any]:
        """What must not change between a start and its resumption."""
        sizes = [(source.path, source.start, source.end, *_stat(source)) for source in self.sources]
        options = [self.fields.text, self.fields.id, str(self.fields.most_characters), str(self.min_score)]
        return {
            "inputs": hash_texts(str(entry) for entry in sizes),
            "model": model,
            "options": hash_texts([*options, self.format.name]),
        }


@dataclass(slots=True)
class Progress:
    """How far a job is.

    Attributes:
        total_bytes: Of all sources; 0 for standard input.
        bytes: Read so far.
        written: Articles extracted, those of a former start included.
        rejected: Records that could not be used.
        resumed: Records that a former start had done.
        started: Clock at the start.
    """

    total_bytes: int
    bytes: int = 0
    written: int = 0
    rejected: int = 0
    resumed: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Records a second since this start."""
        seconds = time.monotonic() - self.started
        return (self.written + self.rejected - self.resumed) / seconds if seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Block:
    """Records that are done together, in order, and the bytes read up to the last."""

    records: tuple[Incoming | Reject, ...]
    bytes: int


Report = Callable[[Progress], None]


def extract_to_file(
    model: Extractor,
    job: Job,
    out: Path,
    rejects: Path,
    *,
    name: str = "",
    overwrite: bool = False,
    report: Report = lambda progress: None,
) -> Progress:
    """Run a job into a file; a killed job started again goes on where its journal stopped.

    Args:
        model: A loaded model.
        job: See `Job`.
        out: Appears when the job is complete.
        rejects: Appears then too, if there are any.
        name: Name and weights of the model, part of the job's fingerprint.
        overwrite: Begin anew, whatever is there.
        report: Called after each block.

    Raises:
        ConfigError: The output exists, or is another job's.
        OutputError: The disk is full or gone.
    """
    journal = Journal(out, rejects, job.fingerprint(name), overwrite)
    progress = Progress(
        sum(_stat(source)[0] for source in job.sources), 0, journal.written, journal.rejected, journal.done
    )
    try:
        blocks = () if journal.is_finished else read_blocks(job, skip=journal.done)
        for block in blocks:
            results, faults, written = extract_block(model, block, job, first=journal.written == 0)
            head = job.format.head if journal.is_fresh else ""
            journal.append(head + results, faults, len(block.records), written, len(block.records) - written)
            progress.bytes, progress.written, progress.rejected = block.bytes, journal.written, journal.rejected
            report(progress)
        head = job.format.head if journal.is_fresh and not journal.is_finished else ""
        journal.finish(head + job.format.foot)
    finally:
        journal.close()
    return progress


def extract_to_stream(
    model: Extractor, job: Job, out: IO[str], rejects: IO[str], report: Report = lambda progress: None
) -> Progress:
    """Run a job into open streams; nothing to resume."""
    progress = Progress(sum(_stat(source)[0] for source in job.sources))
    out.write(job.format.head)
    for block in read_blocks(job):
        results, faults, written = extract_block(model, block, job, first=progress.written == 0)
        out.write(results)
        out.flush()
        rejects.write(faults)
        progress.bytes = block.bytes
        progress.written += written
        progress.rejected += len(block.records) - written
        report(progress)
    out.write(job.format.foot)
    return progress


def read_blocks(job: Job, skip: int = 0) -> Iterator[Block]:
    """Blocks of a bounded number of characters, after so many records."""
    records: list[Incoming | Reject] = []
    characters = end = 0
    for number, (record, end) in enumerate(_read_all(job)):
        if number < skip:
            continue
        records.append(record)
        characters += len(record.text) if isinstance(record, Incoming) else 0
        if characters >= BLOCK_CHARACTERS or len(records) >= BLOCK_RECORDS:
            yield Block(tuple(records), end)
            records, characters = [], 0
    if records:
        yield Block(tuple(records), end)


def _read_all(job: Job) -> Iterator[Item]:
    before = 0
    for source in job.sources:
        for record, done in read_source(source, job.fields):
            yield record, before + done
        before += _stat(source)[0]


def extract_block(model: Extractor, block: Block, job: Job, first: bool = True) -> tuple[str, str, int]:
    """Rendered extractions, lines of rejects, and how many articles were extracted.

    Args:
        model: A loaded model.
        block: Records.
        job: The format and the least score.
        first: Whether nothing was written before, so that no separator is due.
    """
    rejects = [record for record in block.records if isinstance(record, Reject)]
    rendered: list[str] = []
    for record, result in _predict(model, [record for record in block.records if isinstance(record, Incoming)]):
        if isinstance(result, Extraction):
            rendered.append(job.format.render(result.above(job.min_score)))
        else:
            rejects.append(record.refuse(f"extraction failed: {result}"))
    results = job.format.separator.join(rendered)
    if rendered and not first:
        results = job.format.separator + results
    return results, "".join(reject.to_json() + "\n" for reject in rejects), len(rendered)


def _predict(model: Extractor, articles: list[Incoming]) -> Iterable[tuple[Incoming, Extraction | str]]:
    """All at once; should that fail, one by one, so that a bad article fails alone."""
    if not articles:
        return []
    try:
        results = model.predict([article.text for article in articles], [article.id for article in articles])
        return zip(articles, results, strict=True)
    except Exception as error:  # whatever an article provokes must not stop the rest
        if len(articles) == 1:
            return [(articles[0], f"{type(error).__name__}: {error}")]
    return [pair for article in articles for pair in _predict(model, [article])]


def _stat(source: Source) -> tuple[int, int]:
    """Size and time of change of a source; zeros where it has none."""
    if source.path == STDIN:
        return 0, 0
    try:
        found = Path(source.path).stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
