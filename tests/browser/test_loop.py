"""The whole loop once: push, pre-annotate, correct in a browser, pull, train, serve, pre-annotate again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.label_studio_articles import make_article, write_jsonl
from tests.label_studio_server import RunningServer, copy_home, free_port, prepare_home, run_server
from trainer.annotation.corpus import load_corpus
from trainer.annotation.labelstudio import build_results
from trainer.annotation.server.client import Server
from trainer.annotation.server.projects import require_project
from trainer.annotation.server.task_map import read_task_map
from trainer.core.bio import OUTSIDE, spans_to_tags
from trainer.core.paths import repository_directory
from trainer.core.schema import EventSchema
from trainer.core.types import Span
from trainer.core.words import split_words

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(2400)]
CHROMIUM = Path("/usr/bin/chromium")
DATA = repository_directory() / "data" / "annotations"
TITLE = "Loop"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningServer]:
    pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed (scripts/browser_packages.sh)")
    with run_server(copy_home(prepare_home(), tmp_path / "home"), ML_BACKEND="1") as server:
        yield server


def trainer(running: RunningServer, *arguments: str) -> str:
    """Run a command as a user does; its standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "trainer", *arguments],
        env={**os.environ, **running.environment},
        cwd=repository_directory(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def train(running: RunningServer, annotations: Path, run: Path, *settings: str) -> Path:
    """A run on other annotations than those that ship."""
    trainer(
        running, "train", f"name={run.name}", f"hydra.run.dir={run}", f"data.annotations=[{annotations}]",
        "data.split=null", *settings,
    )  # fmt: skip
    return run


def predictions_of(session: Server, task: int) -> list[dict[str, Any]]:
    return list(session.get(f"api/tasks/{task}/")["predictions"])


def test_the_loop_from_push_to_the_predictions_of_the_next_model(
    running: RunningServer, schema: EventSchema, tmp_path: Path
) -> None:
    from playwright.sync_api import sync_playwright

    from tests.browser.labeller import Labeller, open_browser

    crf = ("+exp=crf", "model.crf.iterations=15")  # the model that is there already; it marks a good deal at once
    first = train(running, DATA / "civil.json", tmp_path / "first", *crf)
    corrected = make_article("corrected", "أفادت زنبيلة أن ")
    others = list(load_corpus([DATA / "maghreb-local.json", DATA / "wire-posts.json"], schema).articles)
    source = write_jsonl(tmp_path / "articles.jsonl", [corrected, *others])
    trainer(running, "annotations", "push", str(source), "--project", TITLE, "--model", str(first))
    with running.connect() as session:
        project = require_project(session, TITLE)
        tasks = {task.article: task.id for task in read_task_map(session, project).tasks}
        (prediction,) = predictions_of(session, tasks[corrected.id])
        assert prediction["model_version"].startswith("first-")
        predicted = [
            Span(item["value"]["start"], item["value"]["end"], item["value"]["labels"][0])
            for item in prediction["result"]
            if item["type"] == "labels"
        ]
        words = split_words(corrected.text)
        free = [
            word for word, tag in zip(words, spans_to_tags(words, predicted), strict=True)
            if tag == OUTSIDE and len(word.surface) > 2 and corrected.text.count(word.surface) == 1
        ]  # fmt: skip
        administrator = running.values()
        with sync_playwright() as playwright:
            browser = open_browser(playwright)
            person = Labeller(
                browser, running.url, administrator["LABEL_STUDIO_USERNAME"], administrator["LABEL_STUDIO_PASSWORD"]
            )
            person.open_task(project.id, tasks[corrected.id])
            for span in predicted:
                if span.label == schema.typed_label:
                    person.choose_type(corrected.surface(span), "q")
            person.mark(free[0].surface, "1")
            person.submit()
            browser.close()
        for article in others:
            session.post(f"api/tasks/{tasks[article.id]}/annotations/", {"result": build_results(article)})
        out = tmp_path / "annotations"
        trainer(running, "annotations", "pull", "--project", TITLE, "--out", str(out))
        pulled = {article.id: article for article in load_corpus([out], schema).articles}
        expected = {*((span.start, span.end, span.label) for span in predicted), (free[0].start, free[0].end, "ACTOR")}
        assert {(span.start, span.end, span.label) for span in pulled[corrected.id].spans} == expected
        assert len(pulled) == len(others) + 1
        second = train(running, out, tmp_path / "second", "+exp=smoke", "training.epochs=6")
        trainer(running, "export", str(second))
        fresh = make_article("fresh", "نقلت وكالة أنباء أن ")
        trainer(running, "annotations", "push", str(write_jsonl(tmp_path / "fresh.jsonl", [fresh])), "--project", TITLE)
        task = read_task_map(session, project).by_article[fresh.id].id
        with Serving(second) as address:
            session.post("api/ml", {"project": project.id, "url": address, "title": "trainer"})
            body = {"project": project.id, "selectedItems": {"all": False, "included": [task]}}
            session.post("api/dm/actions", body, id="retrieve_tasks_predictions", project=project.id)
        (served,) = predictions_of(session, task)
        assert served["model_version"].startswith("second-")


class Serving:
    """A checkpoint served on a free port while the block lasts."""

    def __init__(self, run: Path) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "trainer", "serve", "--model", str(run), "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> str:
        address = f"http://127.0.0.1:{self.port}"
        for _ in range(1200):
            assert self.process.poll() is None, "the service ended"
            try:
                if httpx.get(f"{address}/ready", timeout=5).status_code == 200:
                    return address
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise TimeoutError(address)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(60)
