"""The order in which a project offers its tasks.

Label Studio's labelling stream shows the task whose prediction scores lowest first when a
project samples by uncertainty, so the queue is set through prediction scores: the place in the
queue, as a share of its length. A tab of the data manager shows the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainer.annotation.queue import Queued
from trainer.annotation.server.client import Server
from trainer.annotation.server.predictions import PreAnnotator, build_prediction, prefer_version, send_predictions
from trainer.annotation.server.projects import Project
from trainer.annotation.server.task_map import ServerTask
from trainer.core.types import Article

QUEUE_TAB = "Queue"
AUDIT_TAB = "Audit"


def set_order(
    server: Server, project: Project, queue: Sequence[Queued], tasks: Sequence[ServerTask], model: PreAnnotator
) -> int:
    """Put the queue into a project: pre-annotations anew, scored by their place; how many tasks were queued.

    Cut off in the middle it leaves a shorter queue, which the next run replaces.

    Args:
        server: The server.
        project: The project.
        queue: The articles, first to annotate first.
        tasks: Their tasks, in any order.
        model: What pre-annotates them.
    """
    by_article = {task.article: task for task in tasks}
    chosen = [by_article[queued.article] for queued in queue]
    articles = model.predict([Article(task.article, task.text) for task in chosen])
    predictions = [
        build_prediction(article, task.id, model.version, score=(place + 1) / len(chosen))
        for place, (article, task) in enumerate(zip(articles, chosen, strict=True))
    ]
    if not predictions:
        return 0
    selected = {"all": False, "included": [task.id for task in chosen]}
    _act(server, project, "delete_tasks_predictions", selected)
    send_predictions(server, project, predictions)
    prefer_version(server, project, model.version)
    server.patch(f"api/projects/{project.id}/", {"sampling": "Uncertainty sampling"})
    show_tab(server, project, QUEUE_TAB, ordering=["tasks:predictions_score"])
    return len(predictions)


def show_tab(
    server: Server, project: Project, title: str, ordering: Sequence[str] = (), tasks: Sequence[int] = ()
) -> None:
    """Make, or renew, a tab of the data manager.

    Args:
        server: The server.
        project: The project.
        title: The tab's title.
        ordering: Column that it sorts by; a minus before it reverses.
        tasks: Ids of the tasks that it shows; all by default.
    """
    data: dict[str, Any] = {"title": title, "ordering": list(ordering)}
    if tasks:
        items = [{"filter": "filter:tasks:id", "operator": "equal", "type": "Number", "value": task} for task in tasks]
        data["filters"] = {"conjunction": "or", "items": items}
    body = {"project": project.id, "data": data}
    tabs = server.get("api/dm/views/", project=project.id)
    existing = next((tab for tab in tabs if tab["data"].get("title") == title), None)
    if existing is None:
        server.post("api/dm/views/", body)
    else:
        server.patch(f"api/dm/views/{existing['id']}/", body)


def _act(server: Server, project: Project, action: str, selected: dict[str, Any]) -> None:
    body = {"project": project.id, "selectedItems": selected}
    server.post("api/dm/actions", body, id=action, project=project.id)
