"""Prometheus metrics, over one process or several workers."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

SHARED_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's own name
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one application; each application has its own registry."""

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        self.requests = Counter("trainer_requests", "Requests", ("path", "method", "status"), registry=own)
        self.request_seconds = Histogram(
            "trainer_request_seconds", "Time of requests", ("path",), buckets=_SECONDS, registry=own
        )
        self.articles = Counter("trainer_articles", "Articles by outcome", ("outcome",), registry=own)
        self.characters = Counter("trainer_characters", "Code points read by the model", registry=own)
        self.batch_articles = Histogram("trainer_batch_articles", "Articles of a batch", buckets=_SIZES, registry=own)
        self.batch_seconds = Histogram("trainer_batch_seconds", "Time of batches", buckets=_SECONDS, registry=own)
        self.refused = Counter("trainer_refused", "Requests refused because the queue was full", registry=own)
        self.reloads = Counter("trainer_reloads", "Attempts to load a changed checkpoint", ("outcome",), registry=own)
        self.webhooks = Counter("trainer_webhooks", "Label Studio events", ("action",), registry=own)
        self.queued = Gauge(
            "trainer_queued_articles", "Articles waiting or in work", registry=own, multiprocess_mode="livesum"
        )
        self.model = Gauge(
            "trainer_model_info",
            "1 for the version in service",
            ("version",),
            registry=own,
            multiprocess_mode="livemax",
        )

    def show_model(self, version: str, previous: str | None = None) -> None:
        """Name the version in service."""
        if previous is not None and previous != version:
            self.model.labels(previous).set(0)
        self.model.labels(version).set(1)

    def render(self) -> bytes:
        """The text format, summed over workers where there are several."""
        if SHARED_DIRECTORY not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
