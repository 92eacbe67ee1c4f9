"""Pulled tasks on disk: one file a project, laid out so that a change of one span is a diff of one line.

Tasks are in order of article id, annotations in order of their ids, results in order of the text,
one result a line. What the server counts, caches or derives is left out, and annotators are kept
by number only.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.annotation.labelstudio import Annotation
from trainer.annotation.records import iterate_records
from trainer.annotation.tasks import ARTICLE_KEY
from trainer.core.errors import AnnotationError
from trainer.core.files import write_text

SET_ASIDE = "set-aside"
VANISHED = "deleted_on_server"
_TASK_KEYS = ("id", "data", "meta", "updated_at")
_ANNOTATION_KEYS = (
    "id",
    "completed_by",
    "ground_truth",
    "was_cancelled",
    "created_at",
    "updated_at",
    "lead_time",
    "parent_prediction",
    "parent_annotation",
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What earlier pulls left: tasks with sound annotations, and what was set aside, by task id."""

    tasks: Mapping[int, dict[str, Any]] = field(default_factory=dict)
    aside: Mapping[int, dict[str, Any]] = field(default_factory=dict)

    def times(self) -> dict[int, str]:
        """When each known task that the server still has was last changed, by the server's clock."""
        found = [*self.aside.items(), *self.tasks.items()]
        return {identifier: str(task["updated_at"]) for identifier, task in found if not task.get(VANISHED)}


def project_paths(directory: Path, title: str) -> tuple[Path, Path]:
    """The file of a project's annotations and that of what was set aside."""
    plain = unicodedata.normalize("NFKC", title).casefold()
    name = re.sub(r"[^\w]+", "-", plain).strip("-") or "project"
    return directory / f"{name}.json", directory / SET_ASIDE / f"{name}.json"


def read_stored(tasks: Path, aside: Path) -> Stored:
    """What earlier pulls wrote.

    Raises:
        AnnotationError: A file is there but no pull of ours wrote it.
    """
    return Stored(_read_tasks(tasks), _read_tasks(aside))


def write_tasks(path: Path, tasks: Iterable[Mapping[str, Any]]) -> bool:
    """Write tasks in order of article id; whether that changed the file."""
    ordered = sorted(tasks, key=lambda task: (str(task["data"].get(ARTICLE_KEY, "")), task["id"]))
    text = "[\n" + ",\n".join(map(render_task, ordered)) + "\n]\n"
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    write_text(path, text)
    return True


def render_task(task: Mapping[str, Any]) -> str:
    """A task as JSON: a line for each field, each field of its data, and each result of its annotations.

    (``json.dumps`` with an indent would take six lines a span, and ten times as long.)
    """
    fields = [f"{_json(key)}: {_json(value)}" for key, value in task.items() if key not in ("data", "annotations")]
    data = [f"{_json(key)}: {_json(value)}" for key, value in task["data"].items()]
    fields.insert(1, _lines("{", data, "}", '"data": '))
    fields.append(_lines("[", [_render_annotation(item) for item in task["annotations"]], "]", '"annotations": '))
    return _lines("{", fields, "}")


def _render_annotation(annotation: Mapping[str, Any]) -> str:
    head = ", ".join(f"{_json(key)}: {_json(value)}" for key, value in annotation.items() if key != "result")
    return _lines("{" + f"{head}, " + '"result": [', list(map(_json, annotation["result"])), "]}")


def _lines(opening: str, members: list[str], closing: str, key: str = "") -> str:
    return f"{key}{opening}\n" + ",\n".join(members) + f"\n{closing}" if members else f"{key}{opening}{closing}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def lay_out_task(task: Mapping[str, Any], annotations: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The stable form of a task with these annotations."""
    kept = {key: task[key] for key in _TASK_KEYS if task.get(key) not in (None, {})}
    return {**kept, "annotations": sorted(annotations, key=lambda annotation: int(annotation["id"]))}


def lay_out_annotation(raw: Mapping[str, Any], read: Annotation | None, text: str) -> dict[str, Any]:
    """The stable form of an annotation, offsets as they were read and every shown text cut from the article.

    Args:
        raw: As the server gave it.
        read: The same, read; None where it could not be (it is then kept as it is).
        text: The article's text.
    """
    kept = {key: raw[key] for key in _ANNOTATION_KEYS if raw.get(key) is not None}
    results = [dict(item) for item in raw.get("result") or ()]
    spans = {} if read is None else dict(zip(read.regions, read.spans, strict=True))
    for item in results:
        span = spans.get(str(item.get("id")))
        if span is not None:
            ends = {"start": span.start, "end": span.end, "text": text[span.start : span.end]}
            item["value"] = {**item["value"], **ends}
    return {**kept, "result": sorted(results, key=_result_order) if read is not None else results}


def _result_order(item: Mapping[str, Any]) -> tuple[bool, int, int, str, str, str, str]:
    value: Mapping[str, Any] = item.get("value") or {}
    return (
        item.get("type") == "relation",
        int(value.get("start") or 0),
        int(value.get("end") or 0),
        str(item.get("id", "")),
        "" if item.get("type") == "labels" else str(item.get("type")),
        str(item.get("from_id", "")),
        str(item.get("to_id", "")),
    )


def _read_tasks(path: Path) -> dict[int, dict[str, Any]]:
    if not path.is_file():
        return {}
    tasks: dict[int, dict[str, Any]] = {}
    for number, task in enumerate(iterate_records(path), start=1):
        sound = isinstance(task, dict) and isinstance(task.get("id"), int) and isinstance(task.get("data"), dict)
        if not sound or not isinstance(task.get("updated_at"), str):
            raise AnnotationError(
                "this file was not written by `annotations pull`, which would replace it",
                file=path,
                record=f"record {number}",
                remedy="pull into another directory (--out), or move the file away",
            )
        tasks[task["id"]] = task
    return tasks
