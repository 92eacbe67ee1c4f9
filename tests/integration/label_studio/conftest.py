"""One real server a test session (``pytest -m server``), made on first use inside ``.label-studio/``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.label_studio_server import RunningServer, copy_home, prepare_home, run_server
from trainer.annotation.server.client import Server


@pytest.fixture(scope="session")
def prepared_home() -> Path:
    return prepare_home()


@pytest.fixture(scope="session")
def running(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with run_server(copy_home(prepared_home, tmp_path_factory.mktemp("server") / "home")) as server:
        yield server


@pytest.fixture
def server(running: RunningServer) -> Iterator[Server]:
    with running.connect() as session:
        yield session
