"""Annotations submitted in a real Label Studio set off training, the gate lets the run pass, and the model changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_serving_process import Process
from tests.label_studio_server import RunningServer, copy_home, run_server
from trainer.annotation.corpus import load_corpus
from trainer.annotation.labelstudio import build_results, render_export
from trainer.annotation.server.projects import require_project
from trainer.annotation.server.task_map import read_task_map
from trainer.core.paths import repository_directory
from trainer.core.schema import EventSchema
from trainer.core.types import Article

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(2400)]
TITLE = "Background"
ANNOTATED, SUBMITTED, THRESHOLD, SECONDS = 36, 4, 3, 1200
EXPERIMENT = """# @package _global_
# An encoder of random weights, on few articles: enough to beat a CRF of one iteration.
defaults:
  - override /model: tiny

name: background
training:
  epochs: 8
  patience: null
  max_length: 128
  batch_tokens: 1024
  learning_rate: 3.0e-3
  head_learning_rate: 3.0e-3
event_head:
  enabled: false
"""


class WorkingCopy:
    """A working copy of one's own, so that pull, train and promote touch nothing of this one."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("LABEL_STUDIO_")},
            **environment,
            "PYTHONPATH": str(directory / "src"),
            "OMP_NUM_THREADS": "1",
        }

    def trainer(self, *arguments: str) -> str:
        """Run a command as a user does; its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "trainer", *arguments],
            env=self.environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def default(self) -> dict[str, Any]:
        """The provenance of the checkpoint that ships."""
        path = self.directory / "models" / "default" / "provenance.json"
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return content


@pytest.fixture
def studio(prepared_home: Path, tmp_path: Path) -> Iterator[RunningServer]:
    """A server that may call a backend on its own machine."""
    with run_server(copy_home(prepared_home, tmp_path / "home"), ML_BACKEND="1") as running:
        yield running


@pytest.fixture
def copy(studio: RunningServer, tmp_path: Path) -> WorkingCopy:
    root, directory = repository_directory(), tmp_path / "copy"
    for part in ("src", "configs"):
        shutil.copytree(root / part, directory / part, ignore=shutil.ignore_patterns("__pycache__"))
    (directory / "configs" / "exp" / "background.yaml").write_text(EXPERIMENT, "utf-8")
    (directory / "eval" / "gold").mkdir(parents=True)
    shutil.copy(root / "eval" / "gold" / "manifest.json", directory / "eval" / "gold")
    return WorkingCopy(directory, studio.environment)


def write_annotations(articles: list[Article], directory: Path) -> None:
    """An export of articles that are annotated already, and a split with a quarter of them for dev."""
    (directory / "data" / "annotations").mkdir(parents=True)
    (directory / "data" / "annotations" / "shipped.json").write_text(render_export(articles), "utf-8")
    names = [article.id for article in articles]
    split = {"dev_share": 0.0, "train": names[len(names) // 4 :], "dev": names[: len(names) // 4]}
    (directory / "data" / "split.json").write_text(json.dumps(split), "utf-8")


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.3)


def test_submitted_annotations_train_a_model_that_the_gate_lets_into_service(
    studio: RunningServer, copy: WorkingCopy, schema: EventSchema, tmp_path: Path
) -> None:
    folder = repository_directory() / "data" / "annotations"
    articles = sorted(load_corpus([folder], schema).articles, key=lambda article: len(article.text))
    articles = articles[len(articles) // 2 :][: ANNOTATED + SUBMITTED]
    fresh, shipped = articles[:SUBMITTED], articles[SUBMITTED:]
    write_annotations(shipped, copy.directory)
    copy.trainer(
        "train", "+exp=crf", "name=first", "data.use_dev_for_training=false", "model.crf.iterations=1",
        "event_head.enabled=false",
    )  # fmt: skip
    copy.trainer("promote", "models/first")
    source = tmp_path / "fresh.jsonl"
    source.write_text("".join(json.dumps({"id": a.id, "text": a.text}) + "\n" for a in fresh), "utf-8")
    copy.trainer("annotations", "push", str(source), "--project", TITLE)
    command = [
        sys.executable, "-m", "trainer", "serve", "--model", "models/default", "--port", "0",
        "--reload-seconds", "0.2", "--train-above", str(THRESHOLD), "--train-experiment", "background",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=copy.directory, env=copy.environment, stderr=subprocess.PIPE, text=True)
    try:
        service = Process(process)
        before = service.get("/versions")["versions"][0]
        with studio.connect() as session:
            project = require_project(session, TITLE)
            session.post("api/ml", {"project": project.id, "url": service.url, "title": "events"})
            tasks = {task.article: task.id for task in read_task_map(session, project).tasks}
            for article in fresh[: THRESHOLD - 1]:
                session.post(f"api/tasks/{tasks[article.id]}/annotations/", {"result": build_results(article)})
            counted = {str(project.id): THRESHOLD - 1}
            wait_until(lambda: service.get("/v1/models")["training"]["pending"] == counted)
            assert service.get("/v1/models")["training"]["last_run"] is None
            for article in fresh[THRESHOLD - 1 : THRESHOLD]:
                session.post(f"api/tasks/{tasks[article.id]}/annotations/", {"result": build_results(article)})
            wait_until(lambda: "outcome" in (service.get("/v1/models")["training"]["last_run"] or {}), SECONDS)
            state = service.get("/v1/models")["training"]
            log = copy.directory / "models" / ".background" / f"{state['last_run']['name']}.log"
            assert state["last_run"]["outcome"] == "promoted", log.read_text("utf-8")[-3000:]
            assert state["last_run"]["annotations"] == THRESHOLD
            assert state["pending"] == {}
            provenance = copy.default()
            assert {article.id for article in fresh[:THRESHOLD]} <= set(provenance["data"]["train"])
            wait_until(lambda: service.get("/versions")["versions"][0] != before)
            after = service.get("/versions")["versions"][0]
            body = {"project": project.id, "selectedItems": {"all": True, "excluded": []}}
            session.post("api/dm/actions", body, id="retrieve_tasks_predictions", project=project.id)
            task = session.get(f"api/tasks/{tasks[fresh[-1].id]}/")
            assert [made["model_version"] for made in task["predictions"]] == [after]
        assert studio.values()["LABEL_STUDIO_API_KEY"] not in log.read_text("utf-8") + "".join(service.lines)
    finally:
        process.terminate()
        process.wait(60)
