"""Exports, CoNLL and JSON Lines carry random annotated Arabic text without loss."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.annotation_samples import results_of, sample_task, shipped_schema
from tests.property.strategies import annotated_texts
from trainer.annotation.conll import read_conll, render_conll
from trainer.annotation.faults import Kind, Severity
from trainer.annotation.jsonl import read_jsonl, render_jsonl
from trainer.annotation.labelstudio import build_task, read_export, render_export
from trainer.annotation.regions import lay_out
from trainer.core.types import Article, Link, Span, Word
from trainer.core.words import split_words

TYPES = ("strike", "raid", "protest")
ARGUMENTS = {"agent": "ACTOR", "target": "ACTOR", "place": "LOCATION"}


@st.composite
def articles(draw: st.DrawFn) -> Article:
    """Word-aligned spans, types on operations, and links of the right kind within a paragraph."""
    text, _, bare = draw(annotated_texts())
    kinds = [draw(st.sampled_from(TYPES)) if span.label == "OPERATION" else None for span in bare]
    spans = tuple(Span(span.start, span.end, span.label, kind) for span, kind in zip(bare, kinds, strict=True))
    layout = lay_out(text)
    possible = [
        Link(operation, argument, role)
        for operation, source in enumerate(spans)
        for argument, target in enumerate(spans)
        for role, label in ARGUMENTS.items()
        if source.label == "OPERATION" and target.label == label
        if layout.paragraph_of(source.start) == layout.paragraph_of(target.start)
    ]
    links = draw(st.lists(st.sampled_from(possible), unique=True, max_size=5)) if possible else []
    return Article("random", text, spans, tuple(sorted(links)), {"style": "random"})


def written(content: str) -> Path:
    path = Path(tempfile.mkstemp(suffix=".json")[1])
    path.write_bytes(content.encode("utf-8"))
    return path


def read_back(content: str) -> tuple[list[Article], list[Kind]]:
    path = written(content)
    export = read_export(path, shipped_schema())
    path.unlink()
    found = [article.to_article(annotation) for article in export.articles for annotation in article.annotations]
    return found, [fault.kind for fault in export.faults if fault.severity is not Severity.NOTE]


@given(articles().filter(lambda article: article.text.strip()))
def test_an_article_comes_back_from_label_studio_as_it_went(article: Article) -> None:
    assert read_back(render_export([article])) == ([article], [])


@given(articles().filter(lambda article: article.text.strip()))
def test_offsets_counted_in_utf16_units_come_back_as_the_same_spans(article: Article) -> None:
    task = build_task(article)
    for item in task["annotations"][0]["result"]:
        for edge in ("start", "end") if "value" in item else ():
            item["value"][edge] = len(article.text[: item["value"][edge]].encode("utf-16-le")) // 2
    moved = task["annotations"] != build_task(article)["annotations"]
    found, kinds = read_back(json.dumps([task]))
    # Where a shifted slice happens to read alike, nothing tells that it was shifted.
    alike = all(
        article.text[item["value"]["start"] : item["value"]["end"]].split() == item["value"]["text"].split()
        for item in task["annotations"][0]["result"]
        if "value" in item
    )
    if not alike:
        assert (found, kinds) == ([article], [Kind.OFFSETS_UTF16])
    elif not moved:
        assert (found, kinds) == ([article], [])


def labelled_words(article: Article) -> list[tuple[str, ...]]:
    """Words of each span with its label: what CoNLL can hold."""
    words: tuple[Word, ...] = split_words(article.text)
    return [
        (span.label, *(word.surface for word in words if span.start <= word.start and word.end <= span.end))
        for span in article.spans
    ]


@given(st.lists(articles().filter(lambda article: split_words(article.text) != ()), max_size=3))
def test_conll_keeps_words_labels_and_the_order_of_articles(several: list[Article]) -> None:
    path = written(render_conll(several))
    found = read_conll(path)
    path.unlink()
    assert [labelled_words(article) for article in found] == [labelled_words(article) for article in several]
    assert [[word.surface for word in split_words(article.text)] for article in found] == [
        [word.surface for word in split_words(article.text)] for article in several
    ]
    path = written(render_conll(found))
    assert read_conll(path) == found
    path.unlink()


@given(st.lists(articles(), max_size=3))
def test_json_lines_keep_everything(several: list[Article]) -> None:
    path = written(render_jsonl(several))
    assert list(read_jsonl(path)) == several if several else True
    path.unlink()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, member in inner for place in places_of(member, (*path, key)))]


@given(st.data(), json_values)
def test_no_value_at_any_place_of_a_task_ends_in_a_traceback(data: st.DataObject, value: Any) -> None:
    tasks: list[Any] = [sample_task()]
    results_of(tasks[0])[0]["score"] = 0.5
    place = data.draw(st.sampled_from(places_of(tasks)[1:]))
    holder: Any = tasks
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    found, _ = read_back(json.dumps(tasks))
    for article in found:
        layout = lay_out(article.text)
        for span in article.spans:
            assert layout.paragraph_of(span.start) == layout.paragraph_of(span.end - 1)


@given(st.data())
def test_no_changed_byte_of_an_export_ends_in_a_traceback(data: st.DataObject) -> None:
    content = bytearray(json.dumps([sample_task()], ensure_ascii=False).encode("utf-8"))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = Path(tempfile.mkstemp(suffix=".json")[1])
    path.write_bytes(bytes(content))
    export = read_export(path, shipped_schema())
    path.unlink()
    assert export.articles or export.faults
