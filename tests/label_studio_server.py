"""A real Label Studio server for tests: one migrated data directory a run, copied for each server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from trainer.annotation.server.client import Server
from trainer.annotation.server.credentials import Credentials
from trainer.core.files import hash_file

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "label_studio.sh"
_START_SECONDS = 900  # a first start migrates a database: half a minute alone, many on a busy machine


@dataclass
class RunningServer:
    """A server process and how to reach it."""

    process: subprocess.Popen[bytes]
    home: Path
    url: str

    @property
    def credentials(self) -> Path:
        """The file that the commands read."""
        return self.home / "credentials"

    @property
    def environment(self) -> dict[str, str]:
        """What the command line needs to find this server."""
        return {"LABEL_STUDIO_CREDENTIALS": str(self.credentials)}

    def values(self) -> dict[str, str]:
        """The credentials file as a mapping."""
        lines = self.credentials.read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def connect(self) -> Server:
        """A session as the administrator."""
        return Server(Credentials(self.url, self.values()["LABEL_STUDIO_API_KEY"]))

    def kill(self) -> None:
        """End it as a power cut would, with everything that it started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def run_server(home: Path, **settings: str) -> Iterator[RunningServer]:
    """Start a server on a free port and wait until it answers."""
    port = free_port()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("LABEL_STUDIO_")},
        "LABEL_STUDIO_HOME": str(home),
        "LABEL_STUDIO_PORT": str(port),
        **settings,
    }
    home.mkdir(parents=True, exist_ok=True)
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen([SCRIPT, "start"], env=environment, stdout=log, stderr=log, start_new_session=True)
    server = RunningServer(process, home, f"http://127.0.0.1:{port}")
    try:
        _wait_until_up(server)
        yield server
    finally:
        if process.poll() is None:
            server.kill()


def prepare_home() -> Path:
    """A migrated data directory with its administrator, made once for a version of the script; copies start fast."""
    subprocess.run([SCRIPT, "setup"], check=True)
    home = SCRIPT.parents[1] / ".label-studio" / f"prepared-{hash_file(SCRIPT)[:12]}"
    if not (home / "ready").is_file():
        shutil.rmtree(home, ignore_errors=True)
        with run_server(home) as server:
            os.killpg(server.process.pid, signal.SIGTERM)
            server.process.wait(timeout=60)
        (home / "ready").touch()
    return home


def copy_home(prepared: Path, home: Path) -> Path:
    """A data directory of one's own."""
    shutil.copytree(prepared, home)
    return home


def add_annotator(server: RunningServer, email: str, password: str) -> int:
    """A second account that can sign in; its id."""
    with server.connect() as session:
        answer = session.post("api/users/", {"email": email, "username": email.split("@")[0]})
    subprocess.run(
        [
            SCRIPT.parents[1] / ".label-studio" / "venv" / "bin" / "label-studio",
            "reset_password", "--username", email, "--password", password,
        ],
        env={**os.environ, "LABEL_STUDIO_BASE_DATA_DIR": str(server.home / "data")},
        check=True, capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return int(answer["id"])


def _wait_until_up(server: RunningServer) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        try:
            if httpx.get(f"{server.url}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    log = (server.home / "server.log").read_text(encoding="utf-8", errors="replace")
    raise RuntimeError(f"the server did not start:\n{log[-3000:]}")
