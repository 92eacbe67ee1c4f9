"""Articles to a real server and their annotations back: exact, once, and with every fault told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.label_studio_articles import (
    VERSION,
    known_model,
    make_article,
    nasty_articles,
    ordinary_articles,
    without_scores,
    write_manifest,
)
from trainer.annotation.corpus import load_corpus
from trainer.annotation.labelstudio import build_results
from trainer.annotation.server.client import Server
from trainer.annotation.server.export import export_all
from trainer.annotation.server.layout import project_paths
from trainer.annotation.server.projects import require_project
from trainer.annotation.server.pull import PullReport, pull_annotations
from trainer.annotation.server.push import PushReport, push_articles
from trainer.annotation.server.sources import read_articles
from trainer.annotation.server.task_map import read_task_map
from trainer.core.errors import ServerError
from trainer.core.schema import EventSchema
from trainer.core.types import Article

pytestmark = [pytest.mark.server, pytest.mark.timeout(1200)]


class Loop:
    """One project of one test."""

    def __init__(self, server: Server, title: str, schema: EventSchema, directory: Path) -> None:
        self.server, self.title, self.schema, self.directory = server, title, schema, directory
        self.out = directory / "annotations"
        self.manifest = write_manifest(directory / "manifest.json", [make_article("gold-1", GOLD)])

    def push(self, articles: list[Article], model: bool = False) -> PushReport:
        chosen = known_model(articles) if model else None
        return push_articles(self.server, articles, self.title, self.schema, self.manifest, chosen)

    def pull(self, complete: bool = False) -> PullReport:
        return pull_annotations(self.server, self.title, self.schema, self.out, complete)

    def corpus(self) -> dict[str, Article]:
        return {article.id: article for article in load_corpus([self.out], self.schema).articles}

    def tasks(self) -> dict[str, int]:
        project = require_project(self.server, self.title)
        return {task.article: task.id for task in read_task_map(self.server, project).tasks}

    def accept_predictions(self) -> None:
        """Submit every pre-annotation as it is."""
        project = require_project(self.server, self.title)
        body = {"project": project.id, "selectedItems": {"all": True, "excluded": []}}
        self.server.post("api/dm/actions", body, id="predictions_to_annotations", project=project.id)

    def annotate(self, article: Article, result: list[dict[str, Any]] | None = None, **fields: Any) -> int:
        result = build_results(article) if result is None else result
        answer = self.server.post(f"api/tasks/{self.tasks()[article.id]}/annotations/", {"result": result, **fields})
        return int(answer["id"])


GOLD = "هذا نص من مجموعة الاختبار المحجوزة التي لا يجوز لأحد أن يوسمها للتدريب أبدا كما تقول القواعد: "


@pytest.fixture
def loop(server: Server, schema: EventSchema, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Loop]:
    yield Loop(server, request.node.name[-50:], schema, tmp_path)


def test_two_hundred_pre_annotated_articles_come_back_with_exactly_their_spans_and_links(loop: Loop) -> None:
    articles = [*nasty_articles(), *ordinary_articles(188)]
    pushed = loop.push(articles, model=True)
    assert (len(pushed.imported), pushed.predicted, pushed.refused) == (200, 200, ())
    loop.accept_predictions()
    pulled = loop.pull()
    assert (pulled.articles, pulled.annotations, pulled.aside) == (200, 200, ())
    corpus = loop.corpus()
    for article in articles:
        assert corpus[article.id].text == article.text
        assert (corpus[article.id].spans, corpus[article.id].links) == without_scores(article), article.id
        assert corpus[article.id].meta["title"] == article.meta["title"]


def test_predictions_carry_scores_and_the_model_version_that_annotators_start_from(loop: Loop) -> None:
    (article,) = ordinary_articles(1)
    loop.push([article], model=True)
    task = loop.server.get(f"api/tasks/{loop.tasks()[article.id]}/")
    (prediction,) = task["predictions"]
    assert prediction["model_version"] == VERSION
    assert prediction["score"] == pytest.approx(0.9)
    regions = [item for item in prediction["result"] if item["type"] == "labels"]
    assert [item["score"] for item in regions] == [0.9, 0.9, 0.9]
    project = loop.server.get(f"api/projects/{require_project(loop.server, loop.title).id}/")
    assert project["model_version"] == VERSION


def test_a_second_push_adds_nothing_and_a_new_model_version_adds_only_predictions(loop: Loop) -> None:
    articles = ordinary_articles(5)
    loop.push(articles)
    again = loop.push(articles)
    assert (again.imported, again.present) == ((), 5)
    predicted = loop.push(articles, model=True)
    assert (predicted.imported, predicted.predicted) == ((), 5)
    assert loop.push(articles, model=True).predicted == 0
    assert len(read_task_map(loop.server, predicted.project).tasks) == 5


def test_gold_is_refused_whatever_its_id_and_the_rest_is_pushed(loop: Loop) -> None:
    disguised = make_article("innocent", GOLD, "والمزيد")
    report = loop.push([*ordinary_articles(2), disguised])
    assert [refused.article for refused in report.refused] == ["innocent"]
    assert set(loop.tasks()) == {"plain-0000", "plain-0001"}


def test_an_id_with_another_text_is_refused_and_a_text_under_another_id_is_left_out(loop: Loop) -> None:
    (first,) = ordinary_articles(1)
    loop.push([first])
    changed = make_article(first.id, "نص آخر تماما: ")
    copied = Article("copy", first.text)
    report = loop.push([changed, copied])
    assert [refused.article for refused in report.refused] == [first.id]
    assert [refused.article for refused in report.doubled] == ["copy"]
    assert set(loop.tasks()) == {first.id}


def test_crlf_becomes_lf_before_the_import_and_offsets_fit_what_the_server_shows(loop: Loop) -> None:
    source = loop.directory / "crlf.txt"
    source.write_bytes("عنوان\r\n\r\nقصفت طائرات حربية مدينة الموصل".encode())
    raw = read_articles([source])
    assert raw.relined == ("crlf",)
    expected = make_article("crlf", "عنوان\n\n")
    assert raw.articles[0].text == expected.text
    loop.push(list(raw.articles))
    loop.annotate(expected)
    loop.pull()
    assert loop.corpus()["crlf"].spans == without_scores(expected)[0]


def test_several_annotators_a_skip_and_a_draft_are_each_kept_for_what_they_are(loop: Loop) -> None:
    both, skipped, drafted = ordinary_articles(3)
    loop.push([both, skipped, drafted], model=True)
    second = loop.server.post("api/users/", {"email": f"{loop.title[-20:]}@example.com", "username": loop.title[-20:]})
    loop.annotate(both)
    loop.annotate(both, build_results(both)[:2], completed_by=second["id"])
    loop.annotate(skipped, was_cancelled=True)
    loop.server.post(f"api/tasks/{loop.tasks()[drafted.id]}/drafts", {"result": build_results(drafted)})
    report = loop.pull()
    assert (report.articles, report.annotations, report.several) == (2, 2, 1)
    assert (report.skipped, report.drafts) == (1, 1)
    stored = {task["data"]["doc_id"]: task for task in json.loads(report.file.read_text(encoding="utf-8"))}
    annotators = [item["completed_by"] for item in stored[both.id]["annotations"]]
    assert annotators == [loop.server.user_id, second["id"]]
    assert set(loop.corpus()) == {both.id}


def test_faulty_annotations_are_set_aside_with_an_explanation_and_a_link_until_they_are_mended(loop: Loop) -> None:
    sound, inside_word, no_role, unknown = ordinary_articles(4)
    loop.push([sound, inside_word, no_role, unknown])
    loop.annotate(sound)
    broken = build_results(inside_word)
    broken[0]["value"]["end"] -= 1
    broken[0]["value"]["text"] = broken[0]["value"]["text"][:-1]
    mended_later = loop.annotate(inside_word, broken)
    without_role = build_results(no_role)
    del without_role[-1]["labels"]
    loop.annotate(no_role, without_role)
    wrong_label = build_results(unknown)
    wrong_label[0]["value"]["labels"] = ["WEAPON"]
    loop.annotate(unknown, wrong_label)
    report = loop.pull()
    assert set(loop.corpus()) == {sound.id}
    messages = {aside.article: " ".join(fault["message"] for fault in aside.faults) for aside in report.aside}
    assert "inside a word" in messages[inside_word.id]
    assert "without a role" in messages[no_role.id]
    assert "'WEAPON'" in messages[unknown.id]
    link = {aside.article: aside.link for aside in report.aside}[no_role.id]
    assert link.endswith(f"/data?task={loop.tasks()[no_role.id]}")
    loop.server.patch(f"api/annotations/{mended_later}/", {"result": build_results(inside_word)})
    after = loop.pull()
    assert set(loop.corpus()) == {sound.id, inside_word.id}
    assert {aside.article for aside in after.aside} == {no_role.id, unknown.id}


def test_one_faulty_annotation_does_not_cost_the_sound_one_of_a_colleague(loop: Loop) -> None:
    (article,) = ordinary_articles(1)
    loop.push([article])
    loop.annotate(article)
    loop.annotate(article, [{**build_results(article)[0], "value": {"start": 0, "end": 9999, "labels": ["ACTOR"]}}])
    report = loop.pull()
    assert (report.annotations, len(report.aside)) == (1, 1)
    assert loop.corpus()[article.id].spans == without_scores(article)[0]


def test_a_later_pull_reads_only_what_changed_and_a_changed_span_changes_few_lines(loop: Loop) -> None:
    articles = ordinary_articles(6)
    loop.push(articles)
    for article in articles[:5]:
        loop.annotate(article)
    file = loop.pull().file
    before = file.read_text(encoding="utf-8").splitlines()
    unchanged = loop.pull()
    assert (unchanged.complete, unchanged.read, unchanged.changed) == (False, 1, False)  # the task without annotation
    loop.annotate(articles[5])
    report = loop.pull()
    assert (report.complete, report.read, report.articles) == (False, 1, 6)
    after = file.read_text(encoding="utf-8").splitlines()
    assert set(before) - set(after) <= {"}"} and len(after) - len(before) < 25
    assert report.file == project_paths(loop.out, loop.title)[0]


def test_an_export_in_batches_is_the_export_as_a_whole(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    first, between, last = ordinary_articles(4), ordinary_articles(9, first=4), ordinary_articles(4, first=13)
    loop.push(first)
    push_articles(loop.server, between, "Between the others", loop.schema, loop.manifest)
    loop.push([*first, *last], model=True)
    loop.annotate(first[0])
    loop.annotate(first[0], [], ground_truth=True)
    loop.annotate(first[1], was_cancelled=True)
    loop.server.post(f"api/tasks/{loop.tasks()[last[2].id]}/drafts", {"result": build_results(last[2])})
    project = require_project(loop.server, loop.title)
    whole = loop.server.get(f"api/projects/{project.id}/export", exportType="JSON", download_all_tasks="true")
    assert len(whole) == 8 and sum(bool(task["drafts"]) for task in whole) == 1
    monkeypatch.setattr("trainer.annotation.server.export._BATCH", 3)
    for sparse in (4, 0):  # by the range of ids, and by listing them
        monkeypatch.setattr("trainer.annotation.server.export._SPARSE", sparse)
        assert list(export_all(loop.server, project)) == sorted(whole, key=lambda task: int(task["id"]))


def test_deleted_tasks_are_noticed_and_their_work_is_kept(loop: Loop) -> None:
    articles = ordinary_articles(3)
    loop.push(articles)
    for article in articles:
        loop.annotate(article)
    loop.pull()
    loop.server.delete(f"api/tasks/{loop.tasks()[articles[1].id]}/")
    report = loop.pull()
    assert report.complete and report.vanished == (articles[1].id,)
    assert len(loop.corpus()) == 3
    assert not loop.pull().complete  # known by now


def test_a_withdrawn_annotation_leaves_the_file(loop: Loop) -> None:
    keep, withdrawn = ordinary_articles(2)
    loop.push([keep, withdrawn])
    loop.annotate(keep)
    identifier = loop.annotate(withdrawn)
    loop.pull()
    loop.server.delete(f"api/annotations/{identifier}/")
    loop.pull()
    assert set(loop.corpus()) == {keep.id}


def test_a_project_whose_config_does_not_fit_is_refused_with_what_differs(loop: Loop) -> None:
    config = (
        '<View><Labels name="label" toName="text"><Label value="ACTOR"/><Label value="WEAPON"/></Labels>'
        '<Text name="text" value="$text"/></View>'
    )
    loop.server.post("api/projects/", {"title": loop.title, "label_config": config})
    with pytest.raises(ServerError) as failure:
        loop.push(ordinary_articles(1))
    assert "labels missing: LOCATION, OPERATION" in failure.value.message
    assert "does not have: WEAPON" in failure.value.message
    assert "operation types missing" in failure.value.message
    with pytest.raises(ServerError, match="labelling config"):
        loop.pull()


def test_a_pull_from_an_unknown_project_names_those_there_are(loop: Loop) -> None:
    loop.push(ordinary_articles(1))
    loop.title, existing = "no such project", loop.title
    with pytest.raises(ServerError) as failure:
        loop.pull()
    assert existing in failure.value.message


def test_a_file_that_no_pull_wrote_is_never_replaced(loop: Loop) -> None:
    loop.push(ordinary_articles(1))
    file, _ = project_paths(loop.out, loop.title)
    file.parent.mkdir(parents=True)
    file.write_text('[{"hand": "made"}]', encoding="utf-8")
    with pytest.raises(Exception, match="not written by"):
        loop.pull()
    assert file.read_text(encoding="utf-8") == '[{"hand": "made"}]'
