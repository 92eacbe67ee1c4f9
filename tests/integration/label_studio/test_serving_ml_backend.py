"""A running Label Studio speaks to a served checkpoint: connect, pre-annotate, interact, count, notice a new model."""

from __future__ import annotations

import base64
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_serving_process import Process, serving
from tests.label_studio_server import RunningServer, copy_home, run_server
from tests.serving_model import SENTENCES, write_crf
from trainer.annotation.server.client import Server
from trainer.annotation.server.projects import open_project
from trainer.core.errors import ServerError
from trainer.core.schema import EventSchema

pytestmark = [pytest.mark.server, pytest.mark.timeout(1200)]
USER, PASSWORD = "studio", "a-long-enough-password"
TEXTS = [text for text, _ in SENTENCES] + ["😀 " + SENTENCES[0][0], "بِسْمِ الله — لا حدث هنا."]


@pytest.fixture
def studio(prepared_home: Path, tmp_path: Path) -> Iterator[RunningServer]:
    """A server that may call a backend on its own machine."""
    with run_server(copy_home(prepared_home, tmp_path / "home"), ML_BACKEND="1") as running:
        yield running


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_crf(tmp_path / "default")


@pytest.fixture
def backend(model: Path, tmp_path: Path) -> Iterator[Process]:
    users = tmp_path / "users"
    users.write_text(f"{USER}:{PASSWORD}\n", encoding="utf-8")
    options = ["--basic-auth-file", str(users), "--reload-seconds", "0.1", "--article-characters", "500"]
    with serving(model, *options, "--state", str(tmp_path / "state")) as process:
        yield process


def authorised(backend: Process, path: str) -> Any:
    import httpx

    return httpx.get(backend.url + path, auth=(USER, PASSWORD), timeout=30).json()


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.2)
    raise AssertionError("it did not happen within a minute")


def predictions(server: Server, project: int) -> dict[str, dict[str, list[Any]]]:
    """For each text and model version the results."""
    answer = server.get("api/tasks", project=project, fields="all", page_size=100)
    return {
        task["data"]["text"]: {made["model_version"]: made["result"] for made in task["predictions"]}
        for task in answer["tasks"]
    }


def retrieve(server: Server, project: int) -> None:
    body = {"project": project, "selectedItems": {"all": True, "excluded": []}}
    server.post("api/dm/actions", body, id="retrieve_tasks_predictions", project=project)


def test_the_backend_serves_a_running_label_studio(
    studio: RunningServer, backend: Process, model: Path, tmp_path: Path, schema: EventSchema
) -> None:
    server = studio.connect()
    project, _ = open_project(server, f"backend {os.getpid()}", schema)
    texts = [*TEXTS, "س" * 501]  # the last is longer than the service takes
    server.post(f"api/projects/{project.id}/import", [{"data": {"text": text}} for text in texts])
    settings = {
        "project": project.id,
        "url": backend.url,
        "title": "events",
        "is_interactive": True,
        "auth_method": "BASIC_AUTH",
        "basic_auth_user": USER,
    }
    with pytest.raises(ServerError, match="400"):
        server.post("api/ml", {**settings, "basic_auth_pass": "another-password"})
    connected = server.post("api/ml", {**settings, "basic_auth_pass": PASSWORD})
    first = authorised(backend, "/versions")["versions"][0]

    retrieve(server, project.id)
    made = until(
        lambda: (
            (found := predictions(server, project.id)) and len([v for v in found.values() if v]) >= len(TEXTS) and found
        )
    )
    assert {version for versions in made.values() for version in versions} == {first}
    assert made["س" * 501] == {}  # one bad task loses nothing of the others
    for text in TEXTS:
        for item in made[text][first]:
            value = item["value"]
            assert text[value["start"] : value["end"]] == value["text"]
    assert len(made[TEXTS[0]][first]) == len(made[TEXTS[4]][first]) > 0

    tasks = server.get("api/tasks", project=project.id, fields="all", page_size=100)["tasks"]
    task = next(task for task in tasks if task["data"]["text"] == TEXTS[0])
    drawn = task["predictions"][0]["result"][0]
    answer = server.post(
        f"api/ml/{connected['id']}/interactive-annotating", {"task": task["id"], "context": {"result": [drawn]}}
    )
    offered = {(item["value"]["start"], item["value"]["end"]) for item in answer["data"]["result"]}
    assert offered
    assert (drawn["value"]["start"], drawn["value"]["end"]) not in offered

    # The webhook that Label Studio makes carries no credential until its owner adds one.
    (webhook,) = [
        hook for hook in server.get("api/webhooks/", project=project.id) if hook["url"].startswith(backend.url)
    ]
    token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    server.patch(f"api/webhooks/{webhook['id']}/", {"headers": {"Authorization": f"Basic {token}"}})
    annotation = server.post(f"api/tasks/{task['id']}/annotations/", {"result": task["predictions"][0]["result"]})
    until(lambda: authorised(backend, "/v1/models")["training"]["pending"] == {str(project.id): 1})
    server.patch(f"api/annotations/{annotation['id']}/", {"ground_truth": True})
    server.post(f"api/tasks/{task['id']}/annotations/", {"result": [], "was_cancelled": True})
    time.sleep(2)
    assert authorised(backend, "/v1/models")["training"]["pending"] == {str(project.id): 1}

    fresh = write_crf(tmp_path / "fresh", iterations=5)
    shutil.move(model, tmp_path / "old")
    fresh.rename(model)
    second = until(lambda: (version := authorised(backend, "/versions")["versions"][0]) != first and version)
    retrieve(server, project.id)
    until(lambda: any(second in versions for versions in predictions(server, project.id).values()))
    assert PASSWORD not in "".join(backend.lines)
    assert studio.values()["LABEL_STUDIO_API_KEY"] not in "".join(backend.lines)
