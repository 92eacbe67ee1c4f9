"""The Label Studio ML backend: ``/setup``, ``/predict``, ``/versions``, ``/webhook`` (``/health`` is shared).

Requests and answers are those recorded from Label Studio 1.23.2. ``/setup`` carries the token
of the project's owner: nothing of it is kept or logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from trainer.serving.batching import Outcome
from trainer.serving.documents import PREDICT, SETUP, VERSIONS, WEBHOOK
from trainer.serving.extractor import ServedModel
from trainer.serving.limits import check_text, read_json
from trainer.serving.ml_tasks import build_prediction, drawn_ranges, parse_controls, read_task
from trainer.serving.problems import Problem, ProblemError, invalid_request
from trainer.serving.service import Service, service_of

router = APIRouter(tags=["label studio"])
_log = logging.getLogger(__name__)
_CHUNK = 32  # tasks that go to the queue together, so that a large batch leaves room for others
_COUNTED = frozenset({"ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED"})
_ACTIONS = _COUNTED | {"ANNOTATIONS_DELETED", "START_TRAINING"}
_LARGEST_ID = 2**63


@router.post("/setup", **SETUP)
async def set_up(request: Request) -> JSONResponse:
    """Answer with the model version; Label Studio compares it with that of stored predictions."""
    await _read_object(request)
    return JSONResponse({"model_version": service_of(request).holder.model.version})


@router.get("/versions", **VERSIONS)
async def list_versions(request: Request) -> JSONResponse:
    """The one version in service."""
    return JSONResponse({"versions": [service_of(request).holder.model.version]})


@router.post("/predict", **PREDICT)
async def predict(request: Request) -> JSONResponse:
    """Predictions for tasks, as many and in the same order.

    A task that cannot be read has ``error`` and no ``result``: Label Studio stores nothing for
    it and asks again next time. In an interactive request (one task, with a context) spans that
    overlap what the annotator has drawn are left out.
    """
    service = service_of(request)
    body = await _read_object(request)
    tasks = body.get("tasks")
    if not isinstance(tasks, list):
        raise ProblemError(invalid_request("tasks is a list."))
    model = service.holder.model
    controls = parse_controls(body.get("label_config"))
    params = body.get("params")
    context = params.get("context") if isinstance(params, Mapping) else None
    drawn = drawn_ranges(context)
    outcomes = await _extract(service, model, [read_task(task, controls, service.limits) for task in tasks])
    results: list[dict[str, Any]] = []
    for task, outcome in zip(tasks, outcomes, strict=True):
        if not isinstance(outcome, Problem):
            results.append(build_prediction(_task_name(task), outcome, controls, model.version, drawn))
            continue
        _log.warning("task %s has no prediction: %s", _task_name(task), outcome.detail)
        refused: dict[str, Any] = {"error": outcome.detail, "model_version": model.version}
        results.append({**refused, "result": [], "score": 0.0} if context is not None else refused)
    return JSONResponse({"results": results, "model_version": model.version})


async def _extract(service: Service, model: ServedModel, texts: list[str | Problem]) -> list[Outcome]:
    """An outcome for each text; refusals stay where they are, also those of the queue."""
    outcomes: list[Outcome] = []
    for start in range(0, len(texts), _CHUNK):
        chunk = texts[start : start + _CHUNK]
        try:
            found = iter(await service.batcher.submit(model, [text for text in chunk if isinstance(text, str)]))
        except ProblemError as error:
            outcomes.extend(text if isinstance(text, Problem) else error.problem for text in chunk)
        else:
            outcomes.extend(text if isinstance(text, Problem) else next(found) for text in chunk)
    return outcomes


@router.post("/webhook", status_code=201, **WEBHOOK)
async def note_event(request: Request) -> JSONResponse:
    """Count annotations; start training where the user's threshold is reached, or on START_TRAINING."""
    service = service_of(request)
    body = await _read_object(request)
    action = body.get("action")
    known = isinstance(action, str) and action in _ACTIONS
    service.metrics.webhooks.labels(action if known else "other").inc()
    member = body.get("project")
    project, title = (member.get("id"), member.get("title")) if isinstance(member, Mapping) else (None, None)
    if isinstance(project, int) and 0 < project < _LARGEST_ID:
        if known and action in _COUNTED:
            made = body.get("annotation")  # one, or a list in ANNOTATIONS_CREATED
            ids = _annotation_ids(made if isinstance(made, list) else [made])
            await asyncio.to_thread(service.training.count, str(project), ids)
        elif action == "ANNOTATIONS_DELETED":
            await asyncio.to_thread(service.training.count, str(project), (), _annotation_ids(body.get("annotations")))
        if isinstance(title, str) and check_text(title, service.limits) is None:
            service.training.start_if_due(str(project), title, asked=action == "START_TRAINING")
    return JSONResponse({"result": {}}, 201)


def _annotation_ids(annotations: object) -> list[str]:
    """Ids of annotations; those of skipped tasks are left out."""
    members = annotations if isinstance(annotations, list) else []
    return [
        str(member["id"])
        for member in members
        if isinstance(member, Mapping) and isinstance(member.get("id"), int) and not member.get("was_cancelled")
    ]


async def _read_object(request: Request) -> dict[str, Any]:
    body = await read_json(request, service_of(request).limits.task_bytes)
    if not isinstance(body, dict):
        raise ProblemError(invalid_request("The body is an object."))
    return body


def _task_name(task: object) -> str:
    identifier = task.get("id") if isinstance(task, Mapping) else None
    return str(identifier) if isinstance(identifier, int) else "task"
