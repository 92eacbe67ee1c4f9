"""The queue in a project, the audit's tab, and the commands as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.label_studio_articles import known_model, make_article, ordinary_articles, write_jsonl, write_manifest
from tests.label_studio_server import RunningServer
from trainer.annotation.labelstudio import build_results
from trainer.annotation.queue import Queued
from trainer.annotation.server.client import Server
from trainer.annotation.server.ordering import AUDIT_TAB, QUEUE_TAB, set_order, show_tab
from trainer.annotation.server.projects import Project
from trainer.annotation.server.push import push_articles
from trainer.annotation.server.task_map import read_task_map
from trainer.core.schema import EventSchema

pytestmark = [pytest.mark.server, pytest.mark.timeout(1200)]


def place(article: str) -> Queued:
    return Queued(article, 1.0, 0.5, 0.5, 10)


def next_article(server: Server, project: Project) -> str:
    return str(server.get(f"api/projects/{project.id}/next")["data"]["doc_id"])


def test_the_labelling_stream_offers_tasks_in_the_order_of_the_queue(
    server: Server, schema: EventSchema, tmp_path: Path
) -> None:
    articles = ordinary_articles(4)
    manifest = write_manifest(tmp_path / "manifest.json", ordinary_articles(1, first=9000))
    project = push_articles(server, articles, "Queued", schema, manifest, known_model(articles)).project
    tasks = read_task_map(server, project).tasks
    for order in ([2, 0, 3, 1], [1, 3, 0, 2]):  # the second replaces the first
        queue = [place(articles[index].id) for index in order]
        assert set_order(server, project, queue, tasks, known_model(articles)) == 4
    assert next_article(server, project) == articles[1].id
    by_article = {task.article: task.id for task in tasks}
    task = by_article[articles[1].id]
    server.post(f"api/tasks/{task}/annotations/", {"result": build_results(articles[1])})
    assert next_article(server, project) == articles[3].id
    predictions = server.get(f"api/tasks/{by_article[articles[0].id]}/")["predictions"]
    assert [prediction["score"] for prediction in predictions] == [0.75]
    tabs = [tab["data"]["title"] for tab in server.get("api/dm/views/", project=project.id)]
    assert tabs.count(QUEUE_TAB) == 1


def test_the_audit_tab_shows_only_the_suspects_tasks(server: Server, schema: EventSchema, tmp_path: Path) -> None:
    articles = ordinary_articles(5)
    manifest = write_manifest(tmp_path / "manifest.json", ordinary_articles(1, first=9000))
    project = push_articles(server, articles, "Audited", schema, manifest).project
    tasks = {task.article: task.id for task in read_task_map(server, project).tasks}
    show_tab(server, project, AUDIT_TAB, tasks=[tasks[articles[1].id], tasks[articles[4].id]])
    (tab,) = [tab for tab in server.get("api/dm/views/", project=project.id) if tab["data"]["title"] == AUDIT_TAB]
    shown = server.get("api/tasks", view=tab["id"], project=project.id)["tasks"]
    assert {task["data"]["doc_id"] for task in shown} == {articles[1].id, articles[4].id}


def run(server: RunningServer, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trainer", "annotations", *arguments],
        env={**os.environ, **server.environment, **environment},
        capture_output=True,
        text=True,
    )


def test_the_commands_push_and_pull_and_refuse_gold_with_exit_code_2(running: RunningServer, tmp_path: Path) -> None:
    gold = make_article("gold", "هذا نص محجوز من مجموعة الاختبار لا يدفع إلى أي مشروع مهما كان اسمه في الملف: ")
    manifest = write_manifest(tmp_path / "manifest.json", [gold])
    source = write_jsonl(tmp_path / "articles.jsonl", [*ordinary_articles(3), gold])
    pushed = run(running, "push", str(source), "--project", "By command", "--manifest", str(manifest))
    assert pushed.returncode == 2
    assert "3 articles pushed" in pushed.stdout and "refused gold" in pushed.stderr
    pulled = run(running, "pull", "--project", "By command", "--out", str(tmp_path / "out"))
    assert pulled.returncode == 0, pulled.stderr
    assert "0 articles" in pulled.stdout


def test_a_wrong_token_ends_the_command_with_2_a_remedy_and_no_traceback(running: RunningServer) -> None:
    wrong = "f" * 40
    refused = run(running, "pull", "--project", "x", LABEL_STUDIO_URL=running.url, LABEL_STUDIO_API_KEY=wrong)
    assert refused.returncode == 2
    assert "does not accept the token" in refused.stderr and "remedy" in refused.stderr
    assert "Traceback" not in refused.stderr and wrong not in refused.stderr and "sessionid" not in refused.stderr
