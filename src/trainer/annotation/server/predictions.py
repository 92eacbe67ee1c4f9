"""A model's spans, types and links as Label Studio predictions (pre-annotations)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.annotation.labelstudio import build_results
from trainer.annotation.server.client import Server
from trainer.annotation.server.projects import Project
from trainer.core.errors import ServerError
from trainer.core.types import Article

_BATCH = 100


@dataclass(frozen=True, slots=True)
class PreAnnotator:
    """A model as the loop sees it.

    Attributes:
        version: Shown beside each prediction; changes whenever the checkpoint does.
        predict: Articles in, the same articles with predicted spans and links out, in order.
    """

    version: str
    predict: Callable[[Sequence[Article]], Sequence[Article]]


def build_prediction(article: Article, task: int, version: str, score: float | None = None) -> dict[str, Any]:
    """One prediction for the bulk import.

    Args:
        article: With the predicted spans and links.
        task: Id of its task.
        version: Model version.
        score: Of the whole; the lowest score of its spans by default, so that the server's
            "uncertainty sampling" shows the least certain article first. 1 where there is no span.
    """
    lowest = min((span.score for span in article.spans if span.score is not None), default=1.0)
    return {
        "task": task,
        "result": build_results(article),
        "score": round(lowest if score is None else score, 6),
        "model_version": version,
    }


def send_predictions(server: Server, project: Project, predictions: Sequence[dict[str, Any]]) -> int:
    """Import predictions in batches; how many.

    Raises:
        ServerError: The server stored fewer than were sent (it drops bad ones in silence).
    """
    for start in range(0, len(predictions), _BATCH):
        batch = predictions[start : start + _BATCH]
        answer = server.post(f"api/projects/{project.id}/import/predictions", batch)
        if answer.get("created") != len(batch):
            raise ServerError(
                f"stored {answer.get('created')} of {len(batch)} predictions",
                file=server.url,
                record=f"project {project.title!r}",
                remedy="check that the project's labelling config fits the model's schema",
            )
    return len(predictions)


def prefer_version(server: Server, project: Project, version: str) -> None:
    """Make annotators start from the predictions of this model version."""
    server.patch(f"api/projects/{project.id}/", {"model_version": version, "show_collab_predictions": True})
