"""``POST /v1/extract`` and ``GET /v1/models``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from trainer.serving.articles import ExtractionRequest, parse_request
from trainer.serving.batching import Outcome
from trainer.serving.documents import EXTRACT, MODELS
from trainer.serving.extractor import ServedModel
from trainer.serving.limits import read_json
from trainer.serving.problems import Problem, ProblemError
from trainer.serving.service import service_of

router = APIRouter(prefix="/v1", tags=["extraction"])


@router.post("/extract", **EXTRACT)
async def extract(request: Request) -> JSONResponse:
    """Extract spans, links and events from one article or many.

    Results come in the order of the articles. An article that cannot be read has a problem in
    place of a result; the others are not affected. Offsets are half-open Unicode code points of
    the text as sent (in JavaScript: of ``Array.from(text)``, not of ``text``).
    """
    service = service_of(request)
    asked = parse_request(await read_json(request, service.limits.body_bytes), service.limits)
    if asked.single and asked.submissions[0].problem is not None:
        raise ProblemError(asked.submissions[0].problem)
    model = service.holder.model
    texts = [submission.text for submission in asked.submissions if submission.problem is None]
    outcomes = await service.batcher.submit(model, texts)
    if asked.single and isinstance(outcomes[0], Problem):
        raise ProblemError(outcomes[0])
    refused = len(asked.submissions) - len(texts)
    service.metrics.articles.labels("refused").inc(refused)
    return JSONResponse(_answer(model, asked, outcomes))


def _answer(model: ServedModel, asked: ExtractionRequest, outcomes: list[Outcome]) -> dict[str, Any]:
    remaining = iter(outcomes)
    results: list[dict[str, Any]] = []
    for submission in asked.submissions:
        outcome = next(remaining) if submission.problem is None else submission.problem
        if isinstance(outcome, Problem):
            results.append({"id": submission.id, "problem": outcome.to_dict()})
        else:
            named = replace(outcome, id=submission.id).above(asked.min_score)
            results.append(named.to_dict(text=False))
    return {"model": {"name": model.name, "version": model.version}, "results": results}


@router.get("/models", **MODELS)
async def list_models(request: Request) -> JSONResponse:
    """The model in service: version, labels, types and roles; limits; state of background training."""
    service = service_of(request)
    model = service.holder.model
    return JSONResponse(
        {
            "models": [
                {
                    "name": model.name,
                    "version": model.version,
                    "loaded_at": model.loaded_at,
                    "reload_error": service.holder.last_error,
                    "schema": model.schema.to_dict(),
                }
            ],
            "limits": {
                "body_bytes": service.limits.body_bytes,
                "article_characters": service.limits.article_characters,
                "request_articles": service.limits.request_articles,
            },
            "training": service.training.describe(),
        }
    )
