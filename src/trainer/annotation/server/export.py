"""Tasks with everything submitted for them, as the server exports them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from trainer.annotation.server.client import Server
from trainer.annotation.server.projects import Project
from trainer.annotation.server.task_map import iterate_tasks, make_query
from trainer.core.errors import ServerError

_BATCH = 100
_SERVER_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"  # the one format in which filters take a time
_OVERLAP = timedelta(minutes=5)  # a change is dated before its transaction ends, so an earlier date can appear later


def export_all(server: Server, project: Project) -> list[dict[str, Any]]:
    """Every task of the project, those without annotations too (they may hold drafts)."""
    return _check(server.get(f"api/projects/{project.id}/export", exportType="JSON", download_all_tasks="true"), server)


def export_changed(server: Server, project: Project, known: Mapping[int, str]) -> list[dict[str, Any]]:
    """The tasks that changed since they became known.

    Args:
        server: The server.
        project: The project.
        known: When each known task was last changed, by the server's clock in ISO 8601.
    """
    since = datetime.fromisoformat(max(known.values())) - _OVERLAP
    filters = [("updated_at", "greater", "Datetime", since.astimezone(UTC).strftime(_SERVER_TIME))]
    found = iterate_tasks(server, project, filters)
    changed = [int(task["id"]) for task in found if known.get(task["id"]) != task["updated_at"]]
    return export_tasks(server, project, changed)


def export_tasks(server: Server, project: Project, tasks: Sequence[int]) -> list[dict[str, Any]]:
    """Some tasks by their ids."""
    found: list[dict[str, Any]] = []
    for start in range(0, len(tasks), _BATCH):
        parameters: dict[str, Any] = {"ids[]": list(tasks[start : start + _BATCH])}
        answer = server.get(
            f"api/projects/{project.id}/export", exportType="JSON", download_all_tasks="true", **parameters
        )
        found += _check(answer, server)
    return found


def count_annotated(server: Server, project: Project) -> int:
    """How many tasks have an annotation, skipped or not."""
    submitted = _count(server, project, [("total_annotations", "greater", "Number", 0)])
    skipped_only = [("total_annotations", "equal", "Number", 0), ("cancelled_annotations", "greater", "Number", 0)]
    return submitted + _count(server, project, skipped_only)


def _count(server: Server, project: Project, filters: Sequence[tuple[str, str, str, Any]]) -> int:
    return int(server.get("api/tasks", project=project.id, page_size=1, query=make_query(filters))["total"])


def _check(answer: Any, server: Server) -> list[dict[str, Any]]:
    if not isinstance(answer, list) or not all(isinstance(task, dict) and "id" in task for task in answer):
        raise ServerError(
            "the export is no list of tasks", file=server.url, remedy="check that the server is a tested version"
        )
    return answer
