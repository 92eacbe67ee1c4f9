"""A served checkpoint as a process: it starts, reloads, ends and refuses as it should."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.serving_model import SENTENCES, write_crf
from trainer.serving.load import run_clients

TEXT = SENTENCES[0][0]


class Process:
    """A running ``python -m trainer serve``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = "http://" + self.wait_for(r"running on http://(\S+)")

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(iter(self.process.stderr.readline, ""))

    def wait_for(self, pattern: str) -> str:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for line in list(self.lines):
                if match := re.search(pattern, line):
                    return match.group(match.lastindex or 0)
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError("".join(self.lines))

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=30) as response:
            return json.load(response)

    def extract(self, body: Any) -> Any:
        request = urllib.request.Request(
            self.url + "/v1/extract", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)


@contextmanager
def serving(model: Path, *options: str, prelude: str = "") -> Iterator[Process]:
    code = f"{prelude}\nfrom trainer.cli.commands import main\nmain()"
    command = [sys.executable, "-c", code, "serve", "--model", str(model), "--port", "0", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        yield Process(process)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    return write_crf(folder / "first"), write_crf(folder / "second", iterations=5)


@pytest.fixture
def model(models: tuple[Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(models[0], tmp_path / "default"))


def test_serving_needs_no_torch_no_transformers_and_no_client_of_label_studio(model: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from starlette.testclient import TestClient
from trainer.serving.app import create_app
from trainer.serving.loading import loader_of
from trainer.serving.settings import ServeSettings
model = Path({str(model)!r})
with TestClient(create_app(ServeSettings(model=model, state=model / "state"), loader_of("auto", "auto"))) as client:
    answer = client.post("/v1/extract", json={{"text": {TEXT!r}}}).json()
    assert answer["results"][0]["spans"], answer
    assert client.post("/predict", json={{"tasks": [{{"data": {{"text": {TEXT!r}}}}}]}}).json()["results"][0]["result"]
heavy = {{"torch", "transformers", "datasets", "pandas", "sklearn", "label_studio_sdk", "pyarrow"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_promoted_checkpoint_comes_into_service_without_a_lost_request(
    models: tuple[Path, Path], model: Path, tmp_path: Path
) -> None:
    with serving(model, "--reload-seconds", "0.1") as server, ThreadPoolExecutor(4) as pool:
        first = server.get("/v1/models")["models"][0]["version"]
        enough = threading.Event()
        versions: list[str] = []

        def ask() -> None:
            while not enough.is_set():
                answer = server.extract({"text": TEXT})
                assert "spans" in answer["results"][0]
                versions.append(answer["model"]["version"])

        clients = [pool.submit(ask) for _ in range(4)]
        fresh = Path(shutil.copytree(models[1], tmp_path / "fresh"))
        model.rename(tmp_path / "old")
        fresh.rename(model)
        server.wait_for("now serving default-")
        time.sleep(0.3)
        enough.set()
        for client in clients:
            client.result()
    assert versions[0] == first
    assert versions[-1] != first
    assert len(set(versions)) == 2


def test_the_end_of_the_process_waits_for_requests_in_work(model: Path) -> None:
    slow = """
import time
import trainer.runtime.model as model
predict = model.Model.predict
def slowly(self, texts, ids=None):
    time.sleep(1.0)
    return predict(self, texts, ids)
model.Model.predict = slowly
"""
    with serving(model, prelude=slow) as server, ThreadPoolExecutor(3) as pool:
        requests = [pool.submit(server.extract, {"text": TEXT}) for _ in range(3)]
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        assert all(request.result()["results"][0]["spans"] for request in requests)
        assert server.process.wait(15) in (0, -signal.SIGTERM)
        with pytest.raises(urllib.error.URLError):
            server.get("/health")


def test_workers_share_the_port_and_their_metrics(model: Path, tmp_path: Path) -> None:
    with serving(model, "--workers", "2", "--state", str(tmp_path / "state")) as server:
        server.wait_for("Application startup complete")
        for _ in range(10):
            assert server.extract({"text": TEXT})["results"][0]["spans"]
        with urllib.request.urlopen(server.url + "/metrics", timeout=30) as response:
            text = response.read().decode()
        assert 'trainer_articles_total{outcome="ok"} 10.0' in text


def test_sixty_four_clients_at_once_lose_nothing(model: Path) -> None:
    with serving(model) as server:
        load = asyncio.run(run_clients(int(server.url.rpartition(":")[2]), [text for text, _ in SENTENCES], 64, 2.0))
        with urllib.request.urlopen(server.url + "/metrics", timeout=30) as response:
            metrics = response.read().decode()
    assert load.failures == []
    assert len(load.seconds) >= 64
    assert f'trainer_articles_total{{outcome="ok"}} {len(load.seconds)}.0' in metrics
    batches = float(metrics.partition("trainer_batch_articles_count ")[2].split()[0])
    assert batches < len(load.seconds) / 2  # they went through together


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--model", "no-such-run"], "no such run directory"),
        (["--host", "192.0.2.1"], "cannot listen"),
        (["--api-key-file", "no-such-file"], "cannot be read"),
        (["--queue-articles", "1"], "queue"),
    ],
)
def test_what_a_user_can_mend_is_told_without_a_traceback(model: Path, options: list[str], told: str) -> None:
    command = [sys.executable, "-m", "trainer", "serve", "--model", str(model), "--port", "0", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_told(model: Path) -> None:
    with serving(model) as server:
        port = server.url.rpartition(":")[2]
        command = [sys.executable, "-m", "trainer", "serve", "--model", str(model), "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
