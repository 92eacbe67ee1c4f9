"""``/health``, ``/ready`` and ``/metrics``: for orchestrators, Prometheus and Label Studio."""

from __future__ import annotations

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from trainer.serving.documents import HEALTH, METRICS, READY
from trainer.serving.service import service_of

router = APIRouter(tags=["operations"])
MODEL_CLASS = "ArabicEventExtraction"


@router.get("/health", **HEALTH)
async def show_health() -> JSONResponse:
    """Whether the process lives. Label Studio asks this before anything else."""
    return JSONResponse({"status": "UP", "model_class": MODEL_CLASS})


@router.get("/ready", **READY)
async def show_readiness(request: Request) -> JSONResponse:
    """Whether requests are answered: a model is loaded and the process is not shutting down."""
    service = service_of(request)
    model = service.holder.model
    service.batcher.check_open()
    return JSONResponse({"status": "ready", "model_version": model.version})


@router.get("/metrics", **METRICS)
async def show_metrics(request: Request) -> Response:
    """Prometheus text format."""
    return Response(service_of(request).metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})
