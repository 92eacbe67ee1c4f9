"""Which article is which task: read from the server itself, so that nothing local can go stale."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.annotation.server.client import Server
from trainer.annotation.server.projects import Project
from trainer.annotation.tasks import ARTICLE_KEY, TEXT_KEY
from trainer.core.files import hash_texts

_PAGE = 200


@dataclass(frozen=True, slots=True)
class ServerTask:
    """A task, without its annotations.

    Attributes:
        id: Label Studio's id.
        article: Article id; empty where somebody imported the task without one.
        text: The article's text.
        annotated: Submitted annotations, skipped ones included.
    """

    id: int
    article: str
    text: str
    annotated: int

    @property
    def text_hash(self) -> str:
        """Hash of the text, as in `TaskMap`."""
        return hash_texts([self.text])


@dataclass(frozen=True, slots=True)
class TaskMap:
    """Tasks by article id and by hash of their text."""

    tasks: tuple[ServerTask, ...]
    by_article: Mapping[str, ServerTask]
    by_text: Mapping[str, ServerTask]

    def repeated(self) -> tuple[tuple[ServerTask, ServerTask], ...]:
        """Pairs of tasks that hold the same article."""
        first: dict[str, ServerTask] = {}
        return tuple(
            (first[task.article], task)
            for task in self.tasks
            if task.article and first.setdefault(task.article, task) is not task
        )


def read_task_map(server: Server, project: Project) -> TaskMap:
    """Every task of a project. The earliest task of an article or text stands for it."""
    tasks = tuple(map(_parse_task, iterate_tasks(server, project)))
    by_article: dict[str, ServerTask] = {}
    by_text: dict[str, ServerTask] = {}
    for task in tasks:
        by_text.setdefault(task.text_hash, task)
        if task.article:
            by_article.setdefault(task.article, task)
    return TaskMap(tasks, by_article, by_text)


def find_predicted(server: Server, project: Project, version: str) -> frozenset[int]:
    """Ids of the tasks that hold a prediction of this model version."""
    filters = [("predictions_model_versions", "contains", "List", [version])]
    return frozenset(int(task["id"]) for task in iterate_tasks(server, project, filters))


def iterate_tasks(
    server: Server, project: Project, filters: Sequence[tuple[str, str, str, Any]] = ()
) -> Iterator[Mapping[str, Any]]:
    """Tasks in order of id, each page asked for by the id before it: deletions meanwhile skip nothing."""
    last = 0
    while True:
        query = make_query([*filters, ("id", "greater", "Number", last)], ["tasks:id"])
        tasks = server.get("api/tasks", project=project.id, page_size=_PAGE, query=query)["tasks"]
        yield from tasks
        if len(tasks) < _PAGE:
            return
        last = int(tasks[-1]["id"])


def make_query(filters: Sequence[tuple[str, str, str, Any]], ordering: Sequence[str] = ()) -> str:
    """The data manager's query: columns compared with values, all of them, and an order."""
    items = [
        {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}
        for column, operator, kind, value in filters
    ]
    return json.dumps({"filters": {"conjunction": "and", "items": items}, "ordering": list(ordering)})


def _parse_task(task: Mapping[str, Any]) -> ServerTask:
    data = task["data"]
    article = data.get(ARTICLE_KEY)
    return ServerTask(
        id=int(task["id"]),
        article="" if article is None else str(article),
        text=str(data.get(TEXT_KEY, "")),
        annotated=int(task.get("total_annotations") or 0) + int(task.get("cancelled_annotations") or 0),
    )
