"""A pulled task, sorted into what is sound and what somebody must mend on the server first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.annotation.faults import Fault, Kind, Place, Severity
from trainer.annotation.labelstudio import AnnotatedArticle, read_task
from trainer.annotation.server.layout import lay_out_annotation, lay_out_task
from trainer.annotation.server.projects import Project
from trainer.core.schema import EventSchema


@dataclass(frozen=True, slots=True)
class SortedTask:
    """A task as it is stored: its sound annotations and those set aside; None where there is none."""

    sound: dict[str, Any] | None
    aside: dict[str, Any] | None


def sort_task(
    task: Mapping[str, Any], number: int, project: Project, schema: EventSchema, holders: dict[str, int]
) -> SortedTask:
    """Check a task as training will and keep its faulty annotations apart.

    Args:
        task: As the server exported it.
        number: Its place in the export, from 1.
        project: For the link under which it is mended.
        schema: Labels, types and roles to check against.
        holders: Task id of each article met so far; a second task of an article is set aside whole.

    Returns:
        Both parts. The one set aside has a ``link`` and ``faults`` with annotation, region,
        message, value and remedy.
    """
    raw = [item for item in task.get("annotations") or () if isinstance(item, Mapping)]
    if not raw:
        return SortedTask(None, None)
    file = f"project {project.title}"
    article, findings = read_task(task, number, file, schema)
    faults = [fault for fault in findings if fault.severity is Severity.FAULT]
    if article is not None and holders.setdefault(article.id, int(task["id"])) != int(task["id"]):
        place = Place(file, task=str(task["id"]), article=article.id)
        faults.append(place.report(Kind.DUPLICATE_ARTICLE, f"task {holders[article.id]} holds this article already"))
    faulty = _faulty_ids(raw, article, faults)
    sound = [item for item in raw if str(item["id"]) not in faulty]
    read = {} if article is None else {annotation.id: annotation for annotation in article.annotations}
    text = "" if article is None else article.text
    laid_out = {str(item["id"]): lay_out_annotation(item, read.get(str(item["id"])), text) for item in raw}
    return SortedTask(
        sound=lay_out_task(task, [laid_out[str(item["id"])] for item in sound]) if sound else None,
        aside=_set_aside(task, [item for item in raw if str(item["id"]) in faulty], faults, project),
    )


def _faulty_ids(
    raw: Sequence[Mapping[str, Any]], article: AnnotatedArticle | None, faults: Sequence[Fault]
) -> set[str]:
    """Annotations with a fault of their own, those that could not be read, or all where the task has the fault."""
    every = {str(item["id"]) for item in raw}
    if article is None:
        return every
    unread = every - {annotation.id for annotation in article.annotations}
    own = {fault.annotation for fault in faults if fault.annotation is not None}
    of_task = [fault for fault in faults if fault.annotation is None]
    return every if of_task and not unread else (own & every) | unread


def _set_aside(
    task: Mapping[str, Any], faulty: Sequence[Mapping[str, Any]], faults: Sequence[Fault], project: Project
) -> dict[str, Any] | None:
    if not faulty:
        return None
    keys = ("annotation", "region", "kind", "message", "value", "remedy")
    listed = [{key: value for key in keys if (value := fault.to_dict()[key]) is not None} for fault in faults]
    head = {"link": project.link(task["id"]), "faults": listed}
    return {**lay_out_task(task, [lay_out_annotation(item, None, "") for item in faulty]), **head}
