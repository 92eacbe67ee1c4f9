"""CoNLL files: one token and its tag a line, a blank line after each sentence.

Tokens are joined with one space and sentences with one line break, so that every sentence is a
paragraph; offsets then count code points of that text. Our words may be finer than the file's
tokens (`(د` is two words): an annotated boundary stays expressible either way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.annotation.repair import trim_edges
from trainer.core.bio import OUTSIDE, spans_to_tags, tag_ranges
from trainer.core.errors import AnnotationError
from trainer.core.types import Article, Span
from trainer.core.words import covers_letters, split_paragraphs, split_words

_COLUMNS = re.compile(r"[ \t]+")
_TAG = re.compile(r"(O|[BIES]-\S+)\Z")
_DOCUMENT = "-DOCSTART-"
_LONG_SENTENCE = 200  # tokens; a stretch longer than this without a blank line is divided at full stops
_SENTENCES = 20


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    token: str
    tag: str


def read_conll(path: Path, sentences: int = _SENTENCES) -> tuple[Article, ...]:
    """All articles of a file: its documents (`-DOCSTART-` lines), or runs of some sentences.

    Tags follow BIO or BIOES; an ``I-`` that continues nothing opens a span, as in conlleval.

    Args:
        path: The file, UTF-8.
        sentences: Sentences an article where the file does not mark documents.

    Raises:
        AnnotationError: A line has no token and tag, or no such tag; names the line.
    """
    lines = _read_lines(path)
    documents = list(_split_documents(lines, path))
    marked = any(name is not None for name, _ in documents)
    articles: list[Article] = []
    for name, found in documents:
        size = max(len(found), 1) if marked else sentences
        found = found if marked else [part for sentence in found for part in _divide_sentence(sentence)]
        for first in range(0, len(found), size):
            identifier = name or f"{path.stem}-{len(articles) + 1:04d}"
            articles.append(_build_article(identifier, found[first : first + size], path))
    return tuple(articles)


def render_conll(articles: Iterable[Article]) -> str:
    """Articles as CoNLL: one of our words and its BIO tag a line. Types and links are lost."""
    lines: list[str] = []
    for article in articles:
        lines += [f"{_DOCUMENT} {_COLUMNS.sub('_', article.id)} {OUTSIDE}", ""]
        words = split_words(article.text)
        tags = spans_to_tags(words, article.spans)
        for paragraph in split_paragraphs(article.text, words):
            inside = range(paragraph.first_word, paragraph.last_word)
            lines += [f"{words[index].surface} {tags[index]}" for index in inside]
            lines.append("")
    return "\n".join(lines) + "\n" if lines else ""


def _read_lines(path: Path) -> list[str]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise AnnotationError(f"cannot be read: {error.strerror}", file=path, remedy="name an existing file") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise AnnotationError(
            f"not UTF-8 ({error.reason})", file=path, record=f"line {line}", remedy="save the file as UTF-8"
        ) from error
    return text.replace("\r\n", "\n").split("\n")


def _split_documents(lines: Sequence[str], path: Path) -> Iterator[tuple[str | None, list[list[_Line]]]]:
    """``(id or None, sentences)`` of each document; without marks the whole file is one."""
    name: str | None = None
    document: list[list[_Line]] = []
    sentence: list[_Line] = []
    for number, raw in enumerate([*lines, ""], start=1):
        stripped = raw.strip(" \t\r")
        columns = _COLUMNS.split(stripped) if stripped else []
        if columns and columns[0] != _DOCUMENT:
            sentence.append(_parse_line(columns, number, path))
            continue
        if sentence:
            document.append(sentence)
            sentence = []
        if columns:
            if document or name is not None:
                yield name, document
            document, name = [], _document_name(columns, path, number)
    if document or name is not None:
        yield name, document


def _document_name(columns: Sequence[str], path: Path, number: int) -> str:
    """The id that `render_conll` writes, else one from the line."""
    named = len(columns) == 3 and columns[1] not in ("-X-", OUTSIDE)
    return columns[1] if named else f"{path.stem}-line{number}"


def _parse_line(columns: Sequence[str], number: int, path: Path) -> _Line:
    tag = columns[-1]
    broken = "".join(columns[0].splitlines()) != columns[0]
    if len(columns) < 2 or broken or not _TAG.match(tag):
        found = "one column" if len(columns) < 2 else "a line break in the token" if broken else f"tag {tag[:40]!r}"
        raise AnnotationError(
            f"expected a token and a tag (O, B-LABEL, I-LABEL), found {found}",
            file=path,
            record=f"line {number}",
            remedy="write one token, a space and its tag a line",
        )
    return _Line(number, columns[0], tag.replace("S-", "B-", 1).replace("E-", "I-", 1) if tag[0] in "SE" else tag)


def _divide_sentence(sentence: list[_Line]) -> list[list[_Line]]:
    """The sentence, or its parts up to each full stop outside of spans where it is very long."""
    if len(sentence) <= _LONG_SENTENCE:
        return [sentence]
    parts: list[list[_Line]] = [[]]
    for line in sentence:
        parts[-1].append(line)
        if line.token == "." and line.tag == OUTSIDE:
            parts.append([])
    return [part for part in parts if part]


def _build_article(identifier: str, sentences: Sequence[Sequence[_Line]], path: Path) -> Article:
    pieces: list[str] = []
    spans: list[Span] = []
    position = 0
    for sentence in sentences:
        starts: list[int] = []
        for line in sentence:
            starts.append(position)
            position += len(line.token) + 1
        text = " ".join(line.token for line in sentence)
        offset = starts[0]
        for first, last, label in tag_ranges([line.tag for line in sentence]):
            start, end = starts[first] - offset, starts[last - 1] + len(sentence[last - 1].token) - offset
            start, end = trim_edges(text, start, end)
            if not covers_letters(text[start:end]):
                raise AnnotationError(
                    f"a {label} span that holds no word",
                    file=path,
                    record=f"line {sentence[first].number}",
                    remedy="tag the line O",
                )
            spans.append(Span(start + offset, end + offset, label))
        pieces.append(text)
    return Article(identifier, "\n".join(pieces), tuple(spans))
