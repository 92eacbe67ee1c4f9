"""Annotations out of a project: complete or only what changed, faults set aside, files whole or untouched."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.annotation.server.client import Server
from trainer.annotation.server.export import count_annotated, export_all, export_changed
from trainer.annotation.server.layout import VANISHED, Stored, project_paths, read_stored, write_tasks
from trainer.annotation.server.projects import Project, check_config, require_project
from trainer.annotation.server.sorting import sort_task
from trainer.annotation.tasks import ARTICLE_KEY
from trainer.core.schema import EventSchema


@dataclass(frozen=True, slots=True)
class Aside:
    """A task of which something was set aside: where to mend it, and what is wrong (see `sort_task`)."""

    article: str
    link: str
    faults: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class PullReport:
    """What a pull did.

    Attributes:
        project: The project.
        file: The annotations; those set aside lie in ``set-aside/`` beside it.
        complete: Whether every task was read, or only those that changed.
        read: Tasks read from the server.
        articles: Articles in the file now.
        annotations: Submitted annotations in the file now, skipped ones not counted.
        skipped: Skipped annotations in the file now.
        drafts: Tasks among those read with unsubmitted work.
        several: Articles with annotations by more than one annotator.
        aside: Tasks of which something is set aside, by this pull and earlier ones.
        vanished: Articles whose task the server no longer has; they stay in the file.
        changed: Whether the file changed.
    """

    project: Project
    file: Path
    complete: bool
    read: int
    articles: int
    annotations: int
    skipped: int
    drafts: int
    several: int
    aside: tuple[Aside, ...]
    vanished: tuple[str, ...]
    changed: bool


def pull_annotations(
    server: Server, title: str, schema: EventSchema, directory: Path, complete: bool = False
) -> PullReport:
    """Bring the file of a project up to date.

    Only tasks that changed since the last pull are read, unless ``complete`` is set or the
    counts do not add up (tasks were deleted). What is set aside is written first: a pull that is
    cut off between the two files reads the tasks concerned again.

    Raises:
        ServerError: The server fails or refuses, or the project's labelling config does not fit.
        AnnotationError: A file of that name exists that no pull wrote.
    """
    project = require_project(server, title)
    check_config(project, schema)
    file, aside_file = project_paths(directory, title)
    stored = read_stored(file, aside_file)
    complete = complete or not stored.times()
    read = export_all(server, project) if complete else export_changed(server, project, stored.times())
    merged = _merge(stored, read, project, schema, complete)
    if not complete and len(merged.stored.times()) != count_annotated(server, project):
        complete = True
        read = export_all(server, project)
        merged = _merge(stored, read, project, schema, complete)
    if merged.stored.aside or aside_file.is_file():
        write_tasks(aside_file, merged.stored.aside.values())
    changed = write_tasks(file, merged.stored.tasks.values())
    return _report(project, file, complete, merged, changed)


@dataclass(frozen=True, slots=True)
class _Merged:
    """What the files will hold, how many tasks were read for it, and how many of those hold a draft."""

    stored: Stored
    read: int
    drafts: int


def _merge(
    stored: Stored, read: Iterable[Mapping[str, Any]], project: Project, schema: EventSchema, complete: bool
) -> _Merged:
    """What earlier pulls left, with the tasks that are read in place of their older selves."""
    tasks, aside = dict(stored.tasks), dict(stored.aside)
    if complete and (tasks or aside):
        read = list(read)
        _mark_vanished(tasks, aside, read)
    holders = {str(task["data"].get(ARTICLE_KEY)): identifier for identifier, task in tasks.items()}
    number = drafts = 0
    for number, task in enumerate(read, start=1):
        identifier = int(task["id"])
        drafts += bool(task.get("drafts"))
        tasks.pop(identifier, None)
        aside.pop(identifier, None)
        sorted_task = sort_task(task, number, project, schema, holders)
        if sorted_task.sound is not None:
            tasks[identifier] = sorted_task.sound
        if sorted_task.aside is not None:
            aside[identifier] = sorted_task.aside
    return _Merged(Stored(tasks, aside), number, drafts)


def _mark_vanished(
    tasks: dict[int, dict[str, Any]], aside: dict[int, dict[str, Any]], read: Collection[Mapping[str, Any]]
) -> None:
    """Keep the work in tasks that the server no longer has, unless their article came back as another task."""
    there = {int(task["id"]) for task in read}
    articles = {str(task["data"].get(ARTICLE_KEY)) for task in read}
    for group in (tasks, aside):
        for identifier in [identifier for identifier in group if identifier not in there]:
            if str(group[identifier]["data"].get(ARTICLE_KEY)) in articles:
                del group[identifier]
            else:
                group[identifier] = {**group[identifier], VANISHED: True}


def _report(project: Project, file: Path, complete: bool, merged: _Merged, changed: bool) -> PullReport:
    tasks, aside = merged.stored.tasks.values(), merged.stored.aside.values()
    by_task = [[item for item in task["annotations"] if not item.get("was_cancelled")] for task in tasks]
    return PullReport(
        project=project,
        file=file,
        complete=complete,
        read=merged.read,
        articles=len(tasks),
        annotations=sum(map(len, by_task)),
        skipped=sum(len(task["annotations"]) for task in tasks) - sum(map(len, by_task)),
        drafts=merged.drafts,
        several=sum(len({item.get("completed_by") for item in submitted}) > 1 for submitted in by_task),
        aside=tuple(
            Aside(str(task["data"].get(ARTICLE_KEY, "")), str(task["link"]), tuple(task["faults"])) for task in aside
        ),
        vanished=tuple(str(task["data"].get(ARTICLE_KEY, "")) for task in tasks if task.get(VANISHED)),
        changed=changed,
    )
