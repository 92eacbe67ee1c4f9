"""One real server a test session (``pytest -m server``), made on first use inside ``.label-studio/``."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.label_studio_server import SCRIPT, RunningServer, copy_home, migrate, run_server
from trainer.annotation.server.client import Server
from trainer.core.files import hash_file


@pytest.fixture(scope="session")
def prepared_home() -> Path:
    """A migrated data directory with its administrator: made once for a version of the script, then copied."""
    subprocess.run([SCRIPT, "setup"], check=True)
    digest = hash_file(SCRIPT)[:12]
    home = SCRIPT.parents[1] / ".label-studio" / f"prepared-{digest}"
    if not (home / "ready").is_file():
        migrate(home)
        (home / "ready").touch()
    return home


@pytest.fixture(scope="session")
def running(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with run_server(copy_home(prepared_home, tmp_path_factory.mktemp("server") / "home")) as server:
        yield server


@pytest.fixture
def server(running: RunningServer) -> Iterator[Server]:
    with running.connect() as session:
        yield session
