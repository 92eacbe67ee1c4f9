"""Label Studio's task JSON, parsed into typed values. The names of its keys are known here only.

Offsets are code points. ``value.text`` is kept for comparison but never used as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.annotation.faults import Fault, Kind, Place
from trainer.annotation.shapes import Node
from trainer.core.errors import AnnotationError

TEXT_KEY = "text"
ARTICLE_KEY = "doc_id"
SPAN_CONTROL = "label"
TYPE_CONTROL = "operation_type"


@dataclass(frozen=True, slots=True)
class Region:
    """A marked stretch as exported."""

    id: str
    start: int
    end: int
    labels: tuple[str, ...]
    text: str | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """An arrow between regions as exported."""

    source: str
    target: str
    roles: tuple[str, ...]
    direction: str


@dataclass(frozen=True, slots=True)
class TaskAnnotation:
    """What one annotator submitted for a task.

    Attributes:
        types: Region id and type, one for each choice made.
        updated: Time of the last change in ISO 8601, empty where the export has none.
    """

    id: str
    annotator: str
    ground_truth: bool
    cancelled: bool
    updated: str
    regions: tuple[Region, ...]
    types: tuple[tuple[str, str], ...]
    relations: tuple[Relation, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """An article with everything submitted for it."""

    id: str
    article_id: str
    text: str
    meta: Mapping[str, Any]
    annotations: tuple[TaskAnnotation, ...]


def parse_task(record: Any, number: int, file: str, faults: list[Fault]) -> Task | None:
    """A task of an export, or None where even its text cannot be had; findings go to ``faults``."""
    place = Place(file, task=f"#{number}")
    try:
        node = Node(record)
        identifier = node.get("id")
        task_id = f"#{number}" if identifier.absent else identifier.identifier()
        place = place.at(task=task_id)
        data = node.get("data")
        if data.absent:
            raise AnnotationError("no data: not a task of a JSON export (JSON_MIN, CSV and CoNLL lose relations)")
        text, meta = data.get(TEXT_KEY).text(), dict(data.mapping())
        article_id = _article_id(data, task_id, place, faults)
        place = place.at(article=article_id)
        faults.extend(_check_text(text, place))
        for key in (TEXT_KEY, ARTICLE_KEY):
            meta.pop(key, None)
        annotations = tuple(_parse_annotations(node.get("annotations"), place, faults))
        drafts = len(list(node.get("drafts").items()))
    except AnnotationError as error:
        faults.append(_shape_fault(place, error))
        return None
    if drafts:
        faults.append(place.report(Kind.DRAFTS, f"{drafts} unsubmitted drafts"))
    if not annotations:
        faults.append(place.report(Kind.NO_ANNOTATION, "no annotation"))
    return Task(task_id, article_id, text, meta, annotations)


def parse_results(results: Node, place: Place, faults: list[Fault]) -> TaskAnnotation:
    """A bare list of results (a prediction, a draft) as an annotation of nobody."""
    return _parse_results(results, place, faults, ("", "", False, False, ""))


def _article_id(data: Node, task_id: str, place: Place, faults: list[Fault]) -> str:
    named = data.get(ARTICLE_KEY)
    if not named.absent:
        return named.identifier()
    faults.append(place.report(Kind.NO_ARTICLE_ID, "the task names no article id"))
    return f"{Path(place.file).stem}-{task_id.lstrip('#')}"


def _check_text(text: str, place: Place) -> Iterator[Fault]:
    if "\x00" in text:
        yield place.report(Kind.TEXT_CHARACTER, f"NUL character at position {text.index(chr(0))} of the text")
    if not text.strip():
        yield place.report(Kind.SHAPE, "the text is empty")
    if "\r\n" in text:
        yield place.report(Kind.CRLF, f"the text has {text.count(chr(13) + chr(10))} CRLF line breaks")


def _parse_annotations(nodes: Node, place: Place, faults: list[Fault]) -> Iterator[TaskAnnotation]:
    for node in nodes.items():
        try:
            identifier = node.get("id")
            name = node.path if identifier.absent else identifier.identifier()
            times = (node.get("updated_at"), node.get("created_at"))
            updated = next((time.text() for time in times if not time.absent), "")
            head = (
                name,
                _annotator(node.get("completed_by")),
                node.get("ground_truth").flag(),
                node.get("was_cancelled").flag(),
                updated,
            )
            yield _parse_results(node.get("result"), place.at(annotation=name), faults, head)
        except AnnotationError as error:
            faults.append(_shape_fault(place, error))


def _annotator(node: Node) -> str:
    """User id, or the e-mail where a snapshot gives the whole user; empty where unknown."""
    if node.absent:
        return ""
    if isinstance(node.value, dict):
        return next((node.get(key).identifier() for key in ("email", "id") if not node.get(key).absent), "")
    return node.identifier()


def _parse_results(
    results: Node, place: Place, faults: list[Fault], head: tuple[str, str, bool, bool, str]
) -> TaskAnnotation:
    regions: list[Region] = []
    types: list[tuple[str, str]] = []
    relations: list[Relation] = []
    cancelled = head[3]
    for item in results.items():
        try:
            kind = item.get("type").text()
            if kind == "relation":
                relations.append(_parse_relation(item))
            elif kind == "labels":
                regions.append(_parse_region(item))
            elif kind == "choices":
                types.extend(_parse_types(item))
            elif not cancelled:
                faults.append(_unknown_kind(item, kind, place))
        except AnnotationError as error:
            if not cancelled:
                faults.append(_shape_fault(place, error, item))
    return TaskAnnotation(*head, tuple(regions), tuple(types), tuple(relations))


def _parse_region(item: Node) -> Region:
    value, score = item.get("value"), item.get("score")
    shown = value.get("text")
    return Region(
        id=item.get("id").identifier(),
        start=value.get("start").integer(),
        end=value.get("end").integer(),
        labels=tuple(label.text() for label in value.get("labels").items()),
        text=None if shown.absent else shown.text(),
        score=None if score.absent else score.number(),
    )


def _parse_types(item: Node) -> list[tuple[str, str]]:
    region = item.get("id").identifier()
    return [(region, choice.text()) for choice in item.get("value").get("choices").items()]


def _parse_relation(item: Node) -> Relation:
    direction = item.get("direction")
    return Relation(
        source=item.get("from_id").identifier(),
        target=item.get("to_id").identifier(),
        roles=tuple(role.text() for role in item.get("labels").items()),
        direction="right" if direction.absent else direction.text(),
    )


def _unknown_kind(item: Node, kind: str, place: Place) -> Fault:
    value = item.value.get("value")
    region = item.value.get("id")
    if isinstance(value, dict) and "start" in value:
        return place.at(region=None if region is None else str(region)).report(
            Kind.UNKNOWN_REGION_KIND, "a region of a kind that is not read", kind
        )
    return place.report(Kind.IGNORED_RESULT, "a result that is no span, type or relation", kind)


def _shape_fault(place: Place, error: AnnotationError, item: Node | None = None) -> Fault:
    region = item.value.get("id") if item is not None and isinstance(item.value, dict) else None
    where = f"{error.record}: " if error.record else ""
    kind = Kind.TEXT_CHARACTER if "surrogate" in error.message else Kind.SHAPE
    return place.at(region=None if region is None else str(region)).report(kind, where + error.message)
