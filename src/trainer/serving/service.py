"""The parts of a running application, and how a route gets at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from starlette.requests import Request

from trainer.serving.background_training import BackgroundTraining
from trainer.serving.batching import Batcher
from trainer.serving.limits import Limits
from trainer.serving.metrics import Metrics
from trainer.serving.reload import ModelHolder


@dataclass(frozen=True, slots=True)
class Service:
    """One application's parts."""

    limits: Limits
    metrics: Metrics
    holder: ModelHolder
    batcher: Batcher
    training: BackgroundTraining


def service_of(request: Request) -> Service:
    """The parts of the application that a request came to."""
    return cast(Service, request.app.state.service)
