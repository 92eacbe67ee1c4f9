"""The Label Studio ML backend, spoken to with requests recorded from a real server."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serving_model import FakeExtractor, served
from trainer.serving.app import create_app
from trainer.serving.background_training import Step, TrainingPlan
from trainer.serving.limits import Limits
from trainer.serving.ml_tasks import Controls, parse_controls
from trainer.serving.settings import ServeSettings

RECORDED: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data" / "ml_backend_requests.json").read_text(encoding="utf-8")
)
LABELS = {"الجيش": "ACTOR", "القوات": "ACTOR", "عملية": "OPERATION", "غارة": "OPERATION", "كركوك": "LOCATION"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    settings = ServeSettings(
        model=tmp_path, state=tmp_path / "state", reload_seconds=0, limits=Limits(article_characters=1000)
    )
    app = create_app(settings, lambda _: served(FakeExtractor({**LABELS, "الموصل": "LOCATION"})))
    with TestClient(app) as client:
        yield client


def replay(client: TestClient, name: str, **changes: Any) -> Any:
    recorded = RECORDED[name]
    request = None if recorded["request"] is None else {**deepcopy(recorded["request"]), **changes}
    response = client.request(recorded["method"], recorded["path"], json=request)
    assert response.status_code == recorded["status"], response.text
    return response.json()


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_every_recorded_request_gets_the_recorded_status_and_members(client: TestClient, name: str) -> None:
    assert set(replay(client, name)) == set(RECORDED[name]["response"])


def test_setup_predictions_and_versions_name_the_same_version(client: TestClient) -> None:
    version = replay(client, "setup")["model_version"]
    answer = replay(client, "predict")
    assert replay(client, "versions")["versions"] == [version] == [answer["model_version"]]
    assert {result["model_version"] for result in answer["results"]} == {version}


def test_predictions_mark_the_recorded_texts_exactly_under_the_names_of_their_config(client: TestClient) -> None:
    tasks = RECORDED["predict"]["request"]["tasks"]
    results = replay(client, "predict")["results"]
    assert len(results) == len(tasks)
    for task, result in zip(tasks, results, strict=True):
        text = task["data"]["text"]
        regions = [item for item in result["result"] if item["type"] == "labels"]
        assert regions
        for region in regions:
            value = region["value"]
            assert text[value["start"] : value["end"]] == value["text"]
            assert (region["from_name"], region["to_name"]) == ("label", "text")
        assert result["score"] == min(region["score"] for region in regions)
        known = {region["id"] for region in regions}
        relations = [item for item in result["result"] if item["type"] == "relation"]
        assert bool(relations) == any(region["value"]["labels"] == ["OPERATION"] for region in regions)
        assert all({relation["from_id"], relation["to_id"]} <= known for relation in relations)


@pytest.mark.parametrize(
    "bad",
    [None, 3, {}, {"data": {}}, {"data": {"text": None}}, {"data": {"text": "ا" * 1001}}, {"data": {"text": "تعطل"}}],
)
def test_one_bad_task_never_loses_the_others(client: TestClient, bad: Any) -> None:
    good = RECORDED["predict"]["request"]["tasks"]
    results = replay(client, "predict", tasks=[good[0], bad, good[1]])["results"]
    assert [bool(result.get("result")) for result in results] == [True, False, True]
    assert "result" not in results[1]  # so that Label Studio stores nothing and asks again
    assert results[1]["error"]


def test_an_interactive_request_leaves_what_the_annotator_has_drawn(client: TestClient) -> None:
    request = RECORDED["predict_interactive"]["request"]
    (drawn,) = request["params"]["context"]["result"]
    (result,) = replay(client, "predict_interactive")["results"]
    ranges = [(item["value"]["start"], item["value"]["end"]) for item in result["result"] if item["type"] == "labels"]
    assert ranges
    assert all(end <= drawn["value"]["start"] or start >= drawn["value"]["end"] for start, end in ranges)


def test_an_interactive_request_for_a_bad_task_still_has_a_result(client: TestClient) -> None:
    (result,) = replay(client, "predict_interactive", tasks=[{"data": {}}])["results"]
    assert result["result"] == []


def test_labels_that_the_config_lacks_are_left_out(client: TestClient) -> None:
    config = RECORDED["predict"]["request"]["label_config"].replace('<Label value="ACTOR"', '<Label value="PERSON"')
    results = replay(client, "predict", label_config=config)["results"]
    labels = {item["value"]["labels"][0] for r in results for item in r["result"] if item["type"] == "labels"}
    assert labels == {"LOCATION", "OPERATION"}


def test_other_names_of_controls_and_of_the_text_are_followed(client: TestClient) -> None:
    config = """<View><Labels name="marks" toName="body"><Label value="ACTOR"/></Labels>
    <Text name="body" value="$article"/></View>"""
    tasks = [{"id": 1, "data": {"article": "وصل الجيش", "text": "غارة"}}]
    (result,) = replay(client, "predict", tasks=tasks, label_config=config)["results"]
    (item,) = result["result"]
    assert (item["from_name"], item["to_name"], item["value"]["text"]) == ("marks", "body", "الجيش")


@pytest.mark.parametrize("config", [None, 5, "", "<View>", "\ud800", "<View><Labels name='a' toName='b'/></View>"])
def test_a_config_that_says_nothing_means_the_names_of_this_project(config: Any) -> None:
    assert parse_controls(config) == Controls()


def test_a_batch_larger_than_the_queue_is_answered_task_by_task(tmp_path: Path) -> None:
    limits = Limits(queue_articles=40, request_articles=40)
    settings = ServeSettings(model=tmp_path, state=tmp_path / "state", reload_seconds=0, limits=limits)
    with TestClient(create_app(settings, lambda _: served(FakeExtractor()))) as client:
        tasks = [{"id": index, "data": {"text": f"الجيش {index}"}} for index in range(150)]
        results = replay(client, "predict", tasks=tasks)["results"]
    assert [len(result["result"]) for result in results] == [1] * 150


def test_annotations_are_counted_once_each_and_skipped_ones_never(client: TestClient) -> None:
    def pending() -> Any:
        return client.get("/v1/models").json()["training"]["pending"]

    replay(client, "webhook_ANNOTATION_CREATED")
    replay(client, "webhook_ANNOTATION_UPDATED")
    assert pending() == {"8": 1}
    replay(client, "webhook_ANNOTATION_CREATED", annotation={"id": 13, "was_cancelled": True})
    assert pending() == {"8": 1}
    replay(client, "webhook_ANNOTATION_CREATED", action="ANNOTATIONS_CREATED", annotation=[{"id": 14}, {"id": 15}])
    assert pending() == {"8": 3}
    replay(client, "webhook_ANNOTATIONS_DELETED")
    assert pending() == {"8": 2}


@pytest.mark.parametrize(
    "body", [{}, {"action": []}, {"action": "ANNOTATION_CREATED"}, {"action": "X", "project": {"id": "\ud800"}}]
)
def test_events_of_another_shape_are_taken_without_harm(client: TestClient, body: dict[str, Any]) -> None:
    response = client.post("/webhook", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert response.status_code == 201


def test_nothing_of_the_owners_token_is_logged(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        replay(client, "setup", access_token="a-very-secret-token")
        replay(client, "predict", params={"login": "x", "password": "a-very-secret-token", "context": None})
    assert "a-very-secret-token" not in caplog.text


def test_an_event_at_the_threshold_sets_off_the_training_of_its_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def steps(_: TrainingPlan, title: str, run: str) -> list[Step]:
        return [Step([sys.executable, "-c", f"open({str(tmp_path / 'trained')!r}, 'w').write({title!r})"])]

    monkeypatch.setattr(TrainingPlan, "steps", steps)
    settings = ServeSettings(
        model=tmp_path, state=tmp_path / "state", reload_seconds=0, training=TrainingPlan(threshold=2)
    )
    with TestClient(create_app(settings, lambda _: served(FakeExtractor()))) as client:
        replay(client, "webhook_ANNOTATION_CREATED")
        assert client.get("/v1/models").json()["training"]["last_run"] is None
        replay(client, "webhook_ANNOTATION_CREATED", annotation={"id": 99})
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            state = client.get("/v1/models").json()["training"]
            if (state["last_run"] or {}).get("outcome"):
                break
            time.sleep(0.02)
    assert state["last_run"]["outcome"] == "promoted"
    assert state["pending"] == {}
    assert (tmp_path / "trained").read_text() == RECORDED["webhook_ANNOTATION_CREATED"]["request"]["project"]["title"]
