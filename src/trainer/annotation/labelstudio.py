"""Label Studio exports, read with every fault named, and written.

>>> from pathlib import Path
>>> export = read_export(Path("data/annotations/civil.json"))
>>> len(export.articles), [fault for fault in export.faults if fault.severity.value == "fault"]
(26, [])
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.annotation.faults import Fault, Kind, Place
from trainer.annotation.records import detect_encoding, iterate_records
from trainer.annotation.regions import lay_out, resolve_annotation
from trainer.annotation.tasks import ARTICLE_KEY, SPAN_CONTROL, TEXT_KEY, TYPE_CONTROL, Task, parse_task
from trainer.core.errors import AnnotationError
from trainer.core.schema import EventSchema
from trainer.core.types import Article, Link, Span


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one annotator submitted.

    Attributes:
        id: Label Studio's annotation id.
        annotator: User id or e-mail; empty where unknown.
        ground_truth: Marked as the adjudicated one.
        cancelled: Skipped; its spans are empty.
        updated: Time of the last change in ISO 8601, or empty.
        spans: In text order.
        links: Between spans, by index.
        regions: Region id of each span.
    """

    id: str
    annotator: str
    ground_truth: bool
    cancelled: bool
    updated: str
    spans: tuple[Span, ...] = ()
    links: tuple[Link, ...] = ()
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnnotatedArticle:
    """An article with all its annotations."""

    id: str
    text: str
    annotations: tuple[Annotation, ...]
    meta: Mapping[str, Any] = field(default_factory=dict, hash=False)
    file: str = ""
    task: str = ""

    def to_article(self, annotation: Annotation) -> Article:
        """The article as one annotator sees it."""
        return Article(self.id, self.text, annotation.spans, annotation.links, self.meta)


@dataclass(frozen=True, slots=True)
class Export:
    """A file's articles and everything found wrong or noteworthy in it."""

    file: str
    articles: tuple[AnnotatedArticle, ...]
    faults: tuple[Fault, ...]


def read_export(path: Path, schema: EventSchema | None = None) -> Export:
    """Read an export: a JSON list of tasks, a single task, or JSON Lines of tasks.

    Never raises for what the file holds; pass the faults to `trainer.annotation.faults.refuse_faults`
    to be strict.

    Args:
        path: The export.
        schema: Labels, types and roles to check against; None checks everything else.
    """
    faults: list[Fault] = []
    articles: list[AnnotatedArticle] = []
    file = str(path)
    try:
        encoding = detect_encoding(path)
        if encoding != "utf-8":
            faults.append(Place(file).report(Kind.ENCODING, f"the file is {encoding}"))
        for number, record in enumerate(iterate_records(path), start=1):
            article, found = read_task(record, number, file, schema)
            faults.extend(found)
            if article is not None:
                articles.append(article)
    except AnnotationError as error:
        message = f"{error.message}; {error.remedy}" if error.remedy else error.message
        faults.append(Place(file).report(Kind.UNREADABLE, message))
    return Export(file, tuple(articles), tuple(faults))


def read_task(
    record: Any, number: int, file: str, schema: EventSchema | None
) -> tuple[AnnotatedArticle | None, tuple[Fault, ...]]:
    """One task and what was found in it; None where even its text cannot be had.

    Args:
        record: The task's JSON.
        number: Its place in the export, from 1; names a task without an id.
        file: Named in the findings.
        schema: Labels, types and roles to check against; None checks everything else.
    """
    faults: list[Fault] = []
    task = parse_task(record, number, file, faults)
    article = None if task is None else _resolve_task(task, file, schema, faults)
    return article, tuple(faults)


def find_repeated_articles(exports: Sequence[Export]) -> tuple[Fault, ...]:
    """A fault for each article whose id or text came before, within a file or across files."""
    seen: dict[str, str] = {}
    faults: list[Fault] = []
    for article in (article for export in exports for article in export.articles):
        place = Place(article.file, task=article.task, article=article.id)
        here = f"{article.file}, task {article.task}"
        text = hashlib.sha256(article.text.encode("utf-8")).hexdigest()
        keys = {f"id {article.id}": "the article id is used by another task", text: "the text is that of another task"}
        repeated = next((key for key in keys if key in seen), None)
        if repeated is not None:
            faults.append(place.report(Kind.DUPLICATE_ARTICLE, f"{keys[repeated]}: {seen[repeated]}"))
        for key in keys:
            seen.setdefault(key, here)
    return tuple(faults)


def build_task(article: Article) -> dict[str, Any]:
    """An article as a task that Label Studio imports, its annotation included."""
    return {
        "data": {**article.meta, TEXT_KEY: article.text, ARTICLE_KEY: article.id},
        "annotations": [{"result": build_results(article), "was_cancelled": False, "ground_truth": False}],
    }


def build_results(article: Article) -> list[dict[str, Any]]:
    """Spans, types and links as a list of results (an annotation's or a prediction's)."""
    regions = [_region_id(article.id, span) for span in article.spans]
    results: list[dict[str, Any]] = []
    for region, span in zip(regions, article.spans, strict=True):
        value = {"start": span.start, "end": span.end, "text": article.surface(span)}
        head = {"id": region, "to_name": TEXT_KEY}
        score = {} if span.score is None else {"score": span.score}
        label = {**value, "labels": [span.label]}
        results.append({**head, "from_name": SPAN_CONTROL, "type": "labels", "value": label, **score})
        if span.type is not None:
            choice = {**value, "choices": [span.type]}
            results.append({**head, "from_name": TYPE_CONTROL, "type": "choices", "value": choice})
    for link in article.links:
        ends = {"from_id": regions[link.operation], "to_id": regions[link.argument]}
        results.append({"type": "relation", **ends, "direction": "right", "labels": [link.role]})
    return results


def render_export(articles: Iterable[Article]) -> str:
    """Articles as an export, one space of indent as Label Studio's own."""
    return json.dumps([build_task(article) for article in articles], ensure_ascii=False, indent=1) + "\n"


def _resolve_task(task: Task, file: str, schema: EventSchema | None, faults: list[Fault]) -> AnnotatedArticle:
    place = Place(file, task=task.id, article=task.article_id)
    layout = lay_out(task.text)
    annotations: list[Annotation] = []
    for found in task.annotations:
        here = place.at(annotation=found.id)
        head = (found.id, found.annotator, found.ground_truth, found.cancelled, found.updated)
        if found.cancelled:
            faults.append(here.report(Kind.CANCELLED, f"skipped, with {len(found.regions)} regions"))
            annotations.append(Annotation(*head))
            continue
        if not found.regions:
            faults.append(here.report(Kind.EMPTY_ANNOTATION, "no region"))
        resolved = resolve_annotation(found, layout, here, schema)
        faults.extend(resolved.faults)
        annotations.append(Annotation(*head, resolved.spans, resolved.links, resolved.regions))
    return AnnotatedArticle(task.article_id, task.text, tuple(annotations), task.meta, file, task.id)


def _region_id(article_id: str, span: Span) -> str:
    """Ten hex digits that stay the same when the same span is written again."""
    return hashlib.sha256(f"{article_id}:{span.start}:{span.end}:{span.label}".encode()).hexdigest()[:10]
