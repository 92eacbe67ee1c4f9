"""The server process, or several of them."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from typing import Any

import uvicorn
from fastapi import FastAPI

from trainer.core.errors import ConfigError
from trainer.runtime.checkpoint import load_checkpoint
from trainer.serving.credentials import read_credentials
from trainer.serving.settings import ServeSettings

_APPLICATION = "trainer.serving.server:build_app"
_SETTINGS = "TRAINER_SERVE_SETTINGS"
_SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
# The event loop needs the interpreter for each piece that it reads or writes, and waits so long for the thread that
# extracts; with Python's 5 ms a few dozen clients wait for the loop longer than for the model.
_SWITCH_SECONDS = 0.0002


def build_app() -> FastAPI:
    """The application of the settings in the environment: what each worker process calls."""
    from trainer.serving.app import create_app
    from trainer.serving.loading import loader_of

    sys.setswitchinterval(_SWITCH_SECONDS)
    settings = ServeSettings.from_json(os.environ[_SETTINGS])
    credentials = read_credentials(settings.api_keys, settings.basic_users)
    return create_app(settings, loader_of(settings.runtime, settings.precision, settings.workers), credentials)


def serve(settings: ServeSettings) -> None:
    """Serve until a signal ends it; requests in work are finished first.

    Raises:
        ArtifactError: The checkpoint is missing, incomplete or altered.
        ConfigError: Credentials cannot be read, or the address cannot be listened on.
    """
    load_checkpoint(settings.model)  # faults that a user can mend are told before anything starts
    read_credentials(settings.api_keys, settings.basic_users)
    _check_address(settings.host, settings.port)
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "factory": True,
        "workers": settings.workers,
        "timeout_graceful_shutdown": settings.grace_seconds,
        "log_config": _log_config(),
        "access_log": False,
        "server_header": False,
    }
    os.environ[_SETTINGS] = settings.to_json()
    if settings.workers == 1:
        uvicorn.run(_APPLICATION, **options)
        return
    with tempfile.TemporaryDirectory(prefix="trainer-metrics-") as shared:
        os.environ[_SHARED_METRICS] = shared  # before prometheus_client is imported: it decides then
        uvicorn.run(_APPLICATION, **options)


def _check_address(host: str, port: int) -> None:
    """Refuse an address that is taken or not ours, before anything starts."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}", remedy="choose another --host or --port"
        ) from error


def _log_config() -> dict[str, Any]:
    plain = {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    handler = {"class": "logging.StreamHandler", "formatter": "plain"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": plain},
        "handlers": {"stderr": handler},
        "loggers": {
            "uvicorn": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
            "trainer": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        },
    }
