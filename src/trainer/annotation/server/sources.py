"""Articles that wait for annotation: text files, JSON Lines, CSV, and folders of these."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.annotation.faults import shorten
from trainer.annotation.records import iterate_records
from trainer.core.errors import AnnotationError
from trainer.core.files import hash_texts
from trainer.core.types import Article
from trainer.core.words import covers_letters

SUFFIXES = (".txt", ".jsonl", ".csv")
_ID_FIELDS = ("doc_id", "id")
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
_CSV_FIELD_LIMIT = 1 << 27


@dataclass(frozen=True, slots=True)
class RawArticles:
    """What was read.

    Attributes:
        articles: In order of reading, each id once.
        relined: Ids of articles whose CRLF or CR line ends became LF (Label Studio would show two breaks).
        repeated: How many records repeated an article word for word under the same id.
    """

    articles: tuple[Article, ...]
    relined: tuple[str, ...]
    repeated: int


def read_articles(paths: Sequence[Path]) -> RawArticles:
    """Read articles from files and folders (folders recursively, in order of their paths).

    A text file's name without suffix is its id; a record's id is ``doc_id`` or ``id``, else made
    from its text. Every other field of a record is kept as ``meta``.

    Raises:
        AnnotationError: A file cannot be read, a record has no text, or one id has two texts.
    """
    articles: dict[str, Article] = {}
    relined: list[str] = []
    repeated = 0
    for place, article in _iterate_articles(paths):
        text = article.text.replace("\r\n", "\n").replace("\r", "\n")
        if text != article.text:
            relined.append(article.id)
            article = Article(article.id, text, meta=article.meta)
        if (earlier := articles.setdefault(article.id, article)) is article:
            continue
        if earlier.text != text:
            raise AnnotationError(
                f"article id {article.id!r} stands for two different texts", file=place, remedy="give each its own id"
            )
        repeated += 1
    return RawArticles(tuple(articles.values()), tuple(dict.fromkeys(relined)), repeated)


def _iterate_articles(paths: Sequence[Path]) -> Iterator[tuple[Path, Article]]:
    for path in paths:
        for file in _list_files(path):
            for number, record in _iterate_records(file):
                yield file, _make_article(record, file, number)


def _list_files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
        if not found:
            raise AnnotationError(
                f"no {', '.join(SUFFIXES)} file inside", file=path, remedy="name a folder that holds articles"
            )
        return found
    if path.suffix.lower() not in SUFFIXES:
        raise AnnotationError(
            f"articles are read from {', '.join(SUFFIXES)}, not from {path.suffix or 'a name without suffix'}",
            file=path,
            remedy="`python -m trainer annotations convert` turns other formats into JSON Lines",
        )
    return [path]


def _iterate_records(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if file.suffix.lower() == ".txt":
        yield 1, {"doc_id": file.stem, "text": _read_text(file)}
    elif file.suffix.lower() == ".csv":
        csv.field_size_limit(_CSV_FIELD_LIMIT)
        reader = csv.DictReader(io.StringIO(_read_text(file), newline=""))
        try:
            for number, row in enumerate(reader, start=1):
                yield number, {key: value for key, value in row.items() if key and value}
        except csv.Error as error:
            line = f"line {reader.line_num}"
            raise AnnotationError(f"not readable as CSV: {error}", file=file, record=line) from error
    else:
        for number, record in enumerate(iterate_records(file), start=1):
            if not isinstance(record, Mapping):
                raise AnnotationError("expected an object", file=file, record=f"record {number}")
            yield number, record


def _read_text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise AnnotationError(f"cannot be read: {error.strerror}", file=file, remedy="name a readable file") from error
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f"not {encoding}: {error.reason} at byte {error.start + 1}",
            file=file,
            remedy="save the file as UTF-8 (`iconv -f WINDOWS-1256 -t UTF-8` for old Arabic files)",
        ) from error


def _make_article(record: Mapping[str, Any], file: Path, number: int) -> Article:
    place = f"record {number}"
    text = record.get("text")
    if not isinstance(text, str) or not covers_letters(text):
        found = "nothing" if text is None else shorten(text)
        raise AnnotationError(
            f"no text in field 'text' (found {found})", file=file, record=place, remedy="name the field 'text'"
        )
    if unsendable := _UNSENDABLE.search(text):
        raise AnnotationError(
            f"character U+{ord(unsendable.group()):04X} at position {unsendable.start()} cannot be sent",
            file=file,
            record=place,
            remedy="remove it",
        )
    given = next((record[key] for key in _ID_FIELDS if record.get(key) not in (None, "")), None)
    meta = record["meta"] if isinstance(record.get("meta"), Mapping) else {}
    own = {key: value for key, value in record.items() if key not in (*_ID_FIELDS, "text", "meta", "spans", "links")}
    return Article(str(given) if given is not None else f"text-{hash_texts([text])[:16]}", text, meta={**meta, **own})
