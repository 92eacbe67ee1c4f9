"""Spans drawn by mouse in a real browser on a real server come back as exactly what was marked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.label_studio_articles import (
    known_model,
    make_article,
    nasty_articles,
    ordinary_articles,
    without_scores,
    write_manifest,
)
from tests.label_studio_server import RunningServer, add_annotator, copy_home, prepare_home, run_server
from trainer.annotation.corpus import load_corpus
from trainer.annotation.server.pull import pull_annotations
from trainer.annotation.server.push import push_articles
from trainer.annotation.server.task_map import read_task_map
from trainer.core.schema import EventSchema

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.timeout(1200)]
CHROMIUM = Path("/usr/bin/chromium")
SECOND = ("second@example.com", "a-second-pair-of-eyes")
HOTKEYS = {"ACTOR": "1", "LOCATION": "2", "OPERATION": "3"}
STRIKE = "q"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed (scripts/browser_packages.sh)")
    with run_server(copy_home(prepare_home(), tmp_path_factory.mktemp("browser") / "home")) as server:
        yield server


def test_what_two_people_mark_accept_and_skip_in_the_browser_is_what_a_pull_brings(
    running: RunningServer, schema: EventSchema, tmp_path: Path
) -> None:
    from playwright.sync_api import sync_playwright

    from tests.browser.labeller import Labeller, open_browser

    marked = nasty_articles()
    accepted, skipped = make_article("accepted", "خبر عاجل: "), ordinary_articles(1)[0]
    manifest = write_manifest(tmp_path / "manifest.json", ordinary_articles(1, first=9000))
    second = add_annotator(running, *SECOND)
    administrator = running.values()
    with running.connect() as session:
        pushed = push_articles(session, [skipped, *marked], "By hand", schema, manifest)
        push_articles(session, [accepted], "By hand", schema, manifest, known_model([accepted]))
        project = pushed.project.id
        tasks = {task.article: task.id for task in read_task_map(session, pushed.project).tasks}
        with sync_playwright() as playwright:
            browser = open_browser(playwright)
            first_person = Labeller(
                browser, running.url, administrator["LABEL_STUDIO_USERNAME"], administrator["LABEL_STUDIO_PASSWORD"]
            )
            first_person.open_stream(project)
            first_person.skip()
            for article in marked:
                first_person.open_task(project, tasks[article.id])
                for span in article.spans:
                    first_person.mark(article.surface(span), HOTKEYS[span.label], STRIKE if span.type else None)
                assert first_person.regions() == len(article.spans)
                first_person.submit()
            first_person.open_task(project, tasks[accepted.id])
            first_person.submit()
            second_person = Labeller(browser, running.url, *SECOND)
            second_person.open_task(project, tasks[marked[0].id])
            second_person.new_annotation()
            second_person.mark(marked[0].surface(marked[0].spans[1]), HOTKEYS["ACTOR"])
            second_person.submit()
            outside = [url for url in first_person.requests if not url.startswith((running.url, "data:", "blob:"))]
            browser.close()
        report = pull_annotations(session, "By hand", schema, tmp_path / "annotations")
    assert (report.aside, report.skipped, report.several) == ((), 1, 1)
    assert outside == []
    corpus = {article.id: article for article in load_corpus([report.file], schema).articles}
    assert set(corpus) == {accepted.id, *(article.id for article in marked)}
    for article in marked[1:]:
        assert corpus[article.id].spans == without_scores(article)[0], article.id
    assert (corpus[accepted.id].spans, corpus[accepted.id].links) == without_scores(accepted)
    stored = {task["data"]["doc_id"]: task["annotations"] for task in json.loads(report.file.read_text("utf-8"))}
    assert {item["origin"] for item in stored[accepted.id][0]["result"] if item["type"] == "labels"} == {"prediction"}
    both = {item["completed_by"]: len(item["result"]) for item in stored[marked[0].id]}
    assert both == {1: 4, second: 1}
