"""Articles into a project: each once, never a gold one, with pre-annotations where a model is given.

What is already there is asked from the server, so a push that was cut off is simply run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trainer.annotation.leakage import check_leakage
from trainer.annotation.server.client import Server
from trainer.annotation.server.predictions import PreAnnotator, build_prediction, prefer_version, send_predictions
from trainer.annotation.server.projects import Project, open_project
from trainer.annotation.server.task_map import ServerTask, TaskMap, find_predicted, read_task_map
from trainer.annotation.tasks import ARTICLE_KEY, TEXT_KEY
from trainer.core.errors import ServerError
from trainer.core.files import hash_texts
from trainer.core.schema import EventSchema
from trainer.core.types import Article

_BATCH = 100


@dataclass(frozen=True, slots=True)
class Refused:
    """An article that was not pushed, and why."""

    article: str
    reason: str


@dataclass(frozen=True, slots=True)
class PushReport:
    """What a push did.

    Attributes:
        project: The project.
        created: Whether it was made by this push.
        imported: Ids of the articles that became tasks.
        present: How many articles were there already.
        predicted: How many pre-annotations were added.
        refused: Articles left out that somebody should look at: gold, or an id with another text.
        doubled: Articles left out because their text is there under another id.
        repeated: Pairs of task ids that hold one article twice, from an import by other means.
    """

    project: Project
    created: bool
    imported: tuple[str, ...]
    present: int
    predicted: int
    refused: tuple[Refused, ...]
    doubled: tuple[Refused, ...]
    repeated: tuple[tuple[int, int], ...]


def push_articles(
    server: Server,
    articles: Sequence[Article],
    title: str,
    schema: EventSchema,
    manifest: Path,
    model: PreAnnotator | None = None,
) -> PushReport:
    """Import articles into the project of that title and pre-annotate them.

    Raises:
        ServerError: The server fails or refuses, or the project's labelling config does not fit.
    """
    gold = find_gold(articles, manifest)
    leaking = {refused.article for refused in gold}
    project, created = open_project(server, title, schema)
    known = read_task_map(server, project)
    sorted_out = _sort_out([article for article in articles if article.id not in leaking], known)
    predicted = 0
    if model is not None:
        done = find_predicted(server, project, model.version) if sorted_out.present else frozenset()
        waiting = [
            (article, task.id) for article, task in sorted_out.present if not task.annotated and task.id not in done
        ]
        predicted = _predict(server, project, waiting, model)
    for start in range(0, len(sorted_out.new), _BATCH):
        batch = sorted_out.new[start : start + _BATCH]
        tasks = _import(server, project, batch)
        if model is not None:
            predicted += _predict(server, project, list(zip(batch, tasks, strict=True)), model)
    if model is not None:
        prefer_version(server, project, model.version)
    return PushReport(
        project=project,
        created=created,
        imported=tuple(article.id for article in sorted_out.new),
        present=len(sorted_out.present),
        predicted=predicted,
        refused=(*gold, *sorted_out.changed),
        doubled=tuple(sorted_out.doubled),
        repeated=tuple((first.id, second.id) for first, second in known.repeated()),
    )


def find_gold(articles: Sequence[Article], manifest: Path) -> tuple[Refused, ...]:
    """The articles that repeat the gold as a whole or in a paragraph, each with what it repeats."""
    reasons: dict[str, str] = {}
    for match in check_leakage(articles, manifest).matches:
        reasons.setdefault(match.article, f"held-out gold text must not be annotated for training; {match.describe()}")
    return tuple(Refused(article, reason) for article, reason in reasons.items())


@dataclass(slots=True)
class _SortedOut:
    """Articles by what the server has of them."""

    new: list[Article] = field(default_factory=list)
    present: list[tuple[Article, ServerTask]] = field(default_factory=list)
    changed: list[Refused] = field(default_factory=list)
    doubled: list[Refused] = field(default_factory=list)


def _sort_out(articles: Sequence[Article], known: TaskMap) -> _SortedOut:
    sorted_out = _SortedOut()
    coming: dict[str, str] = {}  # hash of a text about to be imported, and its article
    for article in articles:
        task = known.by_article.get(article.id)
        digest = hash_texts([article.text])
        if task is not None and task.text == article.text:
            sorted_out.present.append((article, task))
        elif task is not None:
            reason = f"task {task.id} holds another text under this id: give the new text its own id"
            sorted_out.changed.append(Refused(article.id, reason))
        elif digest in known.by_text:
            other = known.by_text[digest]
            sorted_out.doubled.append(Refused(article.id, f"task {other.id} ({other.article or 'no id'}) has its text"))
        elif digest in coming:
            sorted_out.doubled.append(Refused(article.id, f"article {coming[digest]} has the same text"))
        else:
            coming[digest] = article.id
            sorted_out.new.append(article)
    return sorted_out


def _import(server: Server, project: Project, articles: Sequence[Article]) -> list[int]:
    """Import one batch, which the server stores whole or not at all; task ids in the same order."""
    body = [{"data": {**article.meta, TEXT_KEY: article.text, ARTICLE_KEY: article.id}} for article in articles]
    answer = server.post(f"api/projects/{project.id}/import", body, return_task_ids="true")
    tasks = answer.get("task_ids") or []
    if len(tasks) != len(articles):
        raise ServerError(
            f"made {len(tasks)} tasks of {len(articles)} articles",
            file=server.url,
            record=f"project {project.title!r}",
            remedy="run the same command again: what has arrived is not sent twice",
        )
    return [int(task) for task in tasks]


def _predict(server: Server, project: Project, pairs: Sequence[tuple[Article, int]], model: PreAnnotator) -> int:
    if not pairs:
        return 0
    predicted = model.predict([article for article, _ in pairs])
    predictions = [
        build_prediction(article, task, model.version) for article, (_, task) in zip(predicted, pairs, strict=True)
    ]
    return send_predictions(server, project, predictions)
