"""The application: parts put together, routes, refusals, start and end."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from trainer import __version__
from trainer.serving import extraction, ml_backend, operations, page_routes
from trainer.serving.background_training import BackgroundTraining
from trainer.serving.batching import Batcher
from trainer.serving.credentials import Credentials
from trainer.serving.documents import SCHEMAS
from trainer.serving.envelope import Envelope
from trainer.serving.extractor import Loader
from trainer.serving.metrics import Metrics
from trainer.serving.problems import (
    ProblemError,
    http_problem,
    internal_error,
    invalid_request,
    problem_response,
)
from trainer.serving.reload import ModelHolder
from trainer.serving.service import Service
from trainer.serving.settings import ServeSettings
from trainer.serving.training_state import StateFile

_log = logging.getLogger(__name__)
_ROUTERS = (extraction.router, operations.router, ml_backend.router, page_routes.router)
_PATHS = frozenset(route.path for router in _ROUTERS for route in router.routes if hasattr(route, "path"))


def create_app(settings: ServeSettings, load: Loader, credentials: Credentials = Credentials()) -> FastAPI:
    """The application of some settings.

    Args:
        settings: See `ServeSettings`.
        load: Turns a run directory into a model.
        credentials: What a client must show; nothing by default.

    Raises:
        ArtifactError: When it starts, if the checkpoint cannot be loaded.
    """
    metrics = Metrics()
    service = Service(
        limits=settings.limits,
        metrics=metrics,
        holder=ModelHolder(settings.model, load, metrics, settings.reload_seconds),
        batcher=Batcher(settings.limits, metrics),
        training=BackgroundTraining(settings.training, StateFile(settings.state)),
    )

    @asynccontextmanager
    async def live(_: FastAPI) -> AsyncIterator[None]:
        service.holder.load()
        service.batcher.start()
        service.holder.start()
        service.training.start()
        _log.info("serving %s", service.holder.model.version)
        yield
        await service.holder.stop()
        await service.batcher.stop()
        await service.training.stop()

    app = FastAPI(
        title="Arabic event extraction",
        version=__version__,
        description="Spans, links and events of Arabic news; Label Studio ML backend.",
        lifespan=live,
        docs_url=None,  # the interactive pages load scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    for router in _ROUTERS:
        app.include_router(router)
    _refuse_politely(app)
    _document(app)
    app.add_middleware(Envelope, credentials=credentials, metrics=metrics, paths=_PATHS)
    return app


def _refuse_politely(app: FastAPI) -> None:
    """Every error leaves as a problem."""

    @app.exception_handler(ProblemError)
    async def refuse(_: Request, error: ProblemError) -> Response:
        return problem_response(error.problem, error.headers)

    @app.exception_handler(HTTPException)
    async def refuse_route(_: Request, error: HTTPException) -> Response:
        return problem_response(http_problem(error.status_code), error.headers)

    @app.exception_handler(RequestValidationError)
    async def refuse_shape(_: Request, __: RequestValidationError) -> Response:
        return problem_response(invalid_request("See /openapi.json for the shape."))

    @app.exception_handler(Exception)
    async def apologise(_: Request, __: Exception) -> Response:
        return problem_response(internal_error())


def _document(app: FastAPI) -> None:
    """Add the schemas that the routes refer to."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        document.setdefault("components", {}).setdefault("schemas", {}).update(SCHEMAS)
        return document

    app.openapi = openapi  # type: ignore[method-assign]
