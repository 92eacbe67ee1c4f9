"""The server or the command is killed in the middle: the next run completes the work, nothing lost, nothing double."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.label_studio_articles import VERSION, known_model, ordinary_articles, without_scores, write_jsonl
from tests.label_studio_articles import write_manifest as write_gold
from tests.label_studio_server import RunningServer, copy_home, run_server
from trainer.annotation.corpus import load_corpus
from trainer.annotation.server.projects import require_project
from trainer.annotation.server.pull import pull_annotations
from trainer.annotation.server.push import push_articles
from trainer.core.errors import ServerError
from trainer.core.schema import EventSchema

pytestmark = [pytest.mark.server, pytest.mark.timeout(1200)]

ARTICLES = ordinary_articles(450)
TITLE = "Killed"


def count_rows(home: Path, table: str) -> int:
    """Rows of a table in the server's own database."""
    with sqlite3.connect(f"file:{home}/data/label_studio.sqlite3?mode=ro", uri=True) as database:
        return int(database.execute(f"select count(*) from {table}").fetchone()[0])


def rows_by_article(home: Path, table: str) -> Counter[str]:
    """How many rows of a table belong to each article."""
    join = "" if table == "task" else f"join {table} on {table}.task_id = task.id"
    with sqlite3.connect(f"file:{home}/data/label_studio.sqlite3?mode=ro", uri=True) as database:
        rows = database.execute(f"select json_extract(task.data, '$.doc_id') from task {join}")
        return Counter(row[0] for row in rows)


def push(server: RunningServer, schema: EventSchema, manifest: Path) -> None:
    with server.connect() as session:
        push_articles(session, ARTICLES, TITLE, schema, manifest, known_model(ARTICLES))


def kill_when(server: RunningServer, table: str, rows: int) -> threading.Thread:
    """Kill the server once a table has so many rows."""

    def watch() -> None:
        while server.process.poll() is None:
            try:
                if count_rows(server.home, table) >= rows:
                    server.kill()
                    return
            except sqlite3.OperationalError:
                pass
            time.sleep(0.005)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


@pytest.fixture
def home(prepared_home: Path, tmp_path: Path) -> Path:
    return copy_home(prepared_home, tmp_path / "home")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return write_gold(tmp_path / "manifest.json", ordinary_articles(1, first=9000))


def test_a_push_whose_server_is_killed_four_times_ends_with_every_article_and_prediction_once(
    home: Path, schema: EventSchema, manifest: Path
) -> None:
    for table, rows in (("task", 1), ("task", 120), ("prediction", 130), ("prediction", 301)):
        with run_server(home) as server:
            watcher = kill_when(server, table, rows)
            with pytest.raises(ServerError) as failure:
                push(server, schema, manifest)
            watcher.join()
            assert "again" in (failure.value.remedy or "")
    with run_server(home) as server:
        push(server, schema, manifest)
        expected = Counter(article.id for article in ARTICLES)
        assert rows_by_article(home, "task") == expected
        assert rows_by_article(home, "prediction") == expected


def test_a_pull_whose_server_or_command_is_killed_leaves_whole_files_and_is_completed_later(
    home: Path, schema: EventSchema, manifest: Path, tmp_path: Path
) -> None:
    out = tmp_path / "annotations"
    with run_server(home) as server:
        push(server, schema, manifest)
        with server.connect() as session:
            project = require_project(session, TITLE)
            body = {"project": project.id, "selectedItems": {"all": True, "excluded": []}, "model_version": VERSION}
            session.post("api/dm/actions", body, id="predictions_to_annotations", project=project.id)
            killer = threading.Timer(0.4, server.kill)
            killer.start()
            with pytest.raises(ServerError):
                pull_annotations(session, TITLE, schema, out)
            killer.join()
    assert not list(out.rglob("*.json"))
    command = [sys.executable, "-m", "trainer", "annotations", "pull", "--project", TITLE, "--out", str(out)]
    with run_server(home) as server:
        environment = {**os.environ, **server.environment}
        for seconds in (2.0, 3.0, 4.0, 5.0):
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
            process.wait()
            for file in out.glob("*.json"):  # whole or absent
                assert len(load_corpus([file], schema).articles) == len(ARTICLES)
        finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert f"{len(ARTICLES)} articles" in finished.stdout
    corpus = {article.id: article for article in load_corpus([out], schema).articles}
    assert all((corpus[a.id].spans, corpus[a.id].links) == without_scores(a) for a in ARTICLES)


def test_a_push_that_is_killed_itself_is_completed_by_the_next(
    home: Path, schema: EventSchema, manifest: Path, tmp_path: Path
) -> None:
    source = write_jsonl(tmp_path / "articles.jsonl", ARTICLES)
    command = [sys.executable, "-m", "trainer", "annotations", "push", str(source), "--project", TITLE]
    command += ["--manifest", str(manifest)]
    with run_server(home) as server:
        environment = {**os.environ, **server.environment}
        for rows in (1, 200):
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while process.poll() is None and count_rows(home, "task") < rows:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            process.wait()
        time.sleep(3)  # the server may still be storing the batch that nobody waits for
        subprocess.run(command, env=environment, check=True, capture_output=True)
        assert rows_by_article(home, "task") == Counter(article.id for article in ARTICLES)
