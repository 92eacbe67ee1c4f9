"""Tasks with everything submitted for them, as the server exports them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from trainer.annotation.server.client import Server
from trainer.annotation.server.projects import Project
from trainer.annotation.server.task_map import iterate_tasks, make_query
from trainer.core.errors import ServerError

_BATCH = 100  # tasks of one request: one batch is worked on while the server makes the next
_SPARSE = 4  # a project whose ids lie further apart than this on average is listed first
_SERVER_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"  # the one format in which filters take a time
_OVERLAP = timedelta(minutes=5)  # a change is dated before its transaction ends, so an earlier date can appear later


def export_all(server: Server, project: Project) -> Iterator[dict[str, Any]]:
    """Every task of the project in order of id, those without annotations too (they may hold drafts).

    The next tasks are read from the server while the caller works on those before.
    """
    return export_tasks(server, project, _find_ids(server, project))


def export_changed(server: Server, project: Project, known: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    """The tasks that changed since they became known, in order of id.

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


def export_tasks(server: Server, project: Project, tasks: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Those of some ids that are tasks of the project, in order of id.

    Args:
        server: The server; used from another thread until the iterator ends.
        project: The project.
        tasks: Ids in rising order.
    """
    rest = iter(tasks)

    def fetch_next() -> list[dict[str, Any]] | None:
        ids = list(islice(rest, _BATCH))
        if not ids:
            return None  # asked for no ids, the server would send every task
        parameters: dict[str, Any] = {"exportType": "JSON", "download_all_tasks": "true", "ids[]": ids}
        answer = _check(server.get(f"api/projects/{project.id}/export", **parameters), server)
        return sorted(answer, key=lambda task: int(task["id"]))

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(fetch_next)
        while (batch := coming.result()) is not None:
            coming = pool.submit(fetch_next)
            yield from batch


def _find_ids(server: Server, project: Project) -> Iterable[int]:
    """Ids among which all the project's tasks are, in rising order.

    The server takes longer to list a task than to export it, so where the ids of a project lie close
    together, their whole range is taken.
    """
    lowest, count = _outermost(server, project, "tasks:id")
    highest, _ = _outermost(server, project, "-tasks:id")
    if lowest is None or highest is None:
        return ()
    if highest - lowest < _SPARSE * (count + _BATCH):
        return range(lowest, highest + 1)
    return (int(task["id"]) for task in iterate_tasks(server, project))


def _outermost(server: Server, project: Project, order: str) -> tuple[int | None, int]:
    answer = server.get("api/tasks", project=project.id, page_size=1, query=make_query([], [order]))
    return (int(answer["tasks"][0]["id"]) if answer["tasks"] else None), int(answer["total"])


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
