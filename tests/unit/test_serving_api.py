"""The extraction API, in process, around a model whose answers are known."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serving_model import FakeExtractor, served
from trainer.serving.app import create_app
from trainer.serving.credentials import Credentials, read_credentials
from trainer.serving.limits import Limits
from trainer.serving.settings import ServeSettings

TEXT = "شن الجيش غارة على الموصل"


def build_client(tmp_path: Path, extractor: Any, limits: Limits = Limits(), **more: Any) -> TestClient:
    settings = ServeSettings(model=tmp_path, limits=limits, state=tmp_path / "state", reload_seconds=0)
    return TestClient(
        create_app(settings, lambda _: served(extractor), **more), raise_server_exceptions=False, base_url="http://x"
    )


@pytest.fixture
def extractor() -> FakeExtractor:
    return FakeExtractor()


@pytest.fixture
def client(tmp_path: Path, extractor: FakeExtractor) -> Iterator[TestClient]:
    limits = Limits(body_bytes=20_000, article_characters=2000, request_articles=8)
    with build_client(tmp_path, extractor, limits) as client:
        yield client


def problem_of(response: Any, status: int, kind: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["type"].rpartition(":")[2] == kind
    return body


def test_one_article_gives_spans_whose_offsets_are_code_points(client: TestClient) -> None:
    text = "🚨👨‍👩‍👧 " + TEXT
    answer = client.post("/v1/extract", json={"text": text, "id": "a-1"}).json()
    (result,) = answer["results"]
    assert answer["model"] == {"name": "fake", "version": "fake-1"}
    assert result["id"] == "a-1"
    assert [text[span["start"] : span["end"]] for span in result["spans"]] == ["الجيش", "غارة", "الموصل"]
    (event,) = result["events"]
    assert [agent["name"] for agent in event["agents"]] == ["الجيش"]
    assert [place["name"] for place in event["places"]] == ["الموصل"]


def test_many_articles_come_back_in_their_order_with_their_ids(client: TestClient) -> None:
    articles = [{"text": TEXT, "id": 7}, {"text": "لا شيء"}, {"text": "الجيش", "id": "x", "source": "وكالة"}]
    results = client.post("/v1/extract", json={"articles": articles}).json()["results"]
    assert [(result["id"], len(result["spans"])) for result in results] == [("7", 3), ("1", 0), ("x", 1)]


def test_a_bad_article_never_fails_its_batch(client: TestClient) -> None:
    bad = [None, {"text": 5}, {"text": "\x00"}, {"text": "تعطل"}, {"text": "ا" * 2001}, {"text": "x", "id": True}]
    articles = [{"text": TEXT}, *bad, {"text": TEXT}]
    response = client.post("/v1/extract", json={"articles": articles})
    results = response.json()["results"]
    assert response.status_code == 200
    assert [len(result["spans"]) for result in (results[0], results[-1])] == [3, 3]
    kinds = [result["problem"]["type"].rpartition(":")[2] for result in results[1:-1]]
    assert kinds == ["invalid-article"] * 3 + ["article-failed", "article-too-long", "invalid-article"]


def test_half_a_surrogate_pair_is_refused_for_its_article_only(client: TestClient) -> None:
    body = b'{"articles": [{"text": "\\ud800"}, {"text": "x", "id": "\\udfff"}, {"text": "' + TEXT.encode() + b'"}]}'
    results = client.post("/v1/extract", content=body, headers={"Content-Type": "application/json"}).json()["results"]
    assert ["problem" in result for result in results] == [True, True, False]


def test_the_problem_of_a_single_article_is_the_problem_of_its_request(client: TestClient) -> None:
    problem_of(client.post("/v1/extract", json={"text": "ا" * 2001}), 422, "article-too-long")
    problem_of(client.post("/v1/extract", json={"text": "تعطل"}), 422, "article-failed")
    problem_of(client.post("/v1/extract", json={"text": None}), 422, "invalid-article")


@pytest.mark.parametrize(
    "body",
    [[], 5, {"articles": []}, {"articles": {}}, {"text": "x", "min_scor": 1}, {"text": "x", "min_score": 2}],
)
def test_a_request_of_the_wrong_shape_is_refused(client: TestClient, body: Any) -> None:
    problem_of(client.post("/v1/extract", json=body), 422, "invalid-request")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"min_score": NaN}', b"[" * 10_000 + b"]" * 10_000])
def test_a_body_that_is_no_json_is_refused(client: TestClient, body: bytes) -> None:
    problem_of(
        client.post("/v1/extract", content=body, headers={"Content-Type": "application/json"}), 400, "malformed-body"
    )


def test_ten_thousand_nested_brackets_in_a_text_are_just_text(client: TestClient) -> None:
    text = "(" * 900 + TEXT + ")" * 900
    (result,) = client.post("/v1/extract", json={"text": text}).json()["results"]
    assert [text[span["start"] : span["end"]] for span in result["spans"]] == ["الجيش", "غارة", "الموصل"]


def test_another_content_type_is_refused(client: TestClient) -> None:
    problem_of(client.post("/v1/extract", content=json.dumps({"text": TEXT})), 415, "not-json")


def test_a_body_over_the_limit_is_refused_whether_or_not_it_is_announced(client: TestClient) -> None:
    large = json.dumps({"text": "x" * 30_000}).encode()
    headers = {"Content-Type": "application/json"}
    problem_of(client.post("/v1/extract", content=large, headers=headers), 413, "body-too-large")
    pieces = (large[start : start + 5000] for start in range(0, len(large), 5000))
    problem_of(client.post("/v1/extract", content=pieces, headers=headers), 413, "body-too-large")


def test_too_many_articles_are_refused(client: TestClient) -> None:
    problem_of(client.post("/v1/extract", json={"articles": [{"text": "x"}] * 9}), 413, "request-too-large")


def test_min_score_leaves_out_spans_and_the_links_that_they_carry(client: TestClient) -> None:
    (result,) = client.post("/v1/extract", json={"text": TEXT, "min_score": 0.85}).json()["results"]
    assert [span["text"] for span in result["spans"]] == ["الجيش", "غارة"]
    assert [link["role"] for link in result["links"]] == ["agent"]


def test_a_full_queue_answers_429_and_says_when_to_come_back(tmp_path: Path) -> None:
    entered, release = threading.Event(), threading.Event()

    def wait(_: Any) -> None:
        entered.set()
        release.wait(10)

    limits = Limits(queue_articles=2, request_articles=2)
    with build_client(tmp_path, FakeExtractor(before=wait), limits) as client, ThreadPoolExecutor() as pool:
        first = pool.submit(client.post, "/v1/extract", json={"articles": [{"text": TEXT}, {"text": TEXT}]})
        assert entered.wait(5)
        refused = client.post("/v1/extract", json={"text": TEXT})
        release.set()
        problem_of(refused, 429, "queue-full")
        assert int(refused.headers["retry-after"]) >= 1
        assert first.result().status_code == 200
        assert client.post("/v1/extract", json={"text": TEXT}).status_code == 200


def test_a_request_whose_time_is_over_answers_503(tmp_path: Path) -> None:
    release = threading.Event()
    extractor = FakeExtractor(before=lambda _: bool(release.wait(10)) and None)
    with build_client(tmp_path, extractor, Limits(seconds=0.05)) as client:
        response = client.post("/v1/extract", json={"text": TEXT})
        release.set()
        problem_of(response, 503, "deadline")


def test_a_fault_of_the_server_is_a_problem_without_details(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret")

    with build_client(tmp_path, FakeExtractor()) as client:
        monkeypatch.setattr("trainer.serving.extraction.parse_request", fail)
        response = client.post("/v1/extract", json={"text": TEXT})
        problem_of(response, 500, "internal-error")
        assert "secret" not in response.text


def test_unknown_paths_and_methods_are_problems(client: TestClient) -> None:
    problem_of(client.get("/nowhere"), 404, "not-found")
    refused = client.get("/v1/extract")
    problem_of(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == "POST"


def test_models_tells_version_schema_and_limits(client: TestClient) -> None:
    answer = client.get("/v1/models").json()
    (model,) = answer["models"]
    assert model["version"] == "fake-1"
    assert list(model["schema"]["labels"]) == ["ACTOR", "LOCATION", "OPERATION"]
    assert answer["limits"]["article_characters"] == 2000


def test_metrics_count_requests_articles_and_batches(client: TestClient) -> None:
    client.post("/v1/extract", json={"articles": [{"text": TEXT}, {"text": 3}]})
    client.get("/made-up-by-a-client")
    text = client.get("/metrics").text
    assert 'trainer_requests_total{method="POST",path="/v1/extract",status="200"} 1.0' in text
    assert 'trainer_articles_total{outcome="ok"} 1.0' in text
    assert 'trainer_articles_total{outcome="refused"} 1.0' in text
    assert 'trainer_model_info{version="fake-1"} 1.0' in text
    assert "made-up-by-a-client" not in text


def test_every_answer_carries_a_strict_content_policy(client: TestClient) -> None:
    for path in ("/", "/health", "/nowhere", "/page/page.js"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert client.get(path).headers["x-content-type-options"] == "nosniff"


def test_only_the_files_of_the_page_are_served(client: TestClient) -> None:
    assert client.get("/").headers["content-type"].startswith("text/html")
    for path in ("/page/app.py", "/page/..%2fapp.py", "/page/"):
        assert client.get(path).status_code == 404


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[TestClient]:
    (tmp_path / "keys").write_text("# keys\n\nfirst-long-enough-key\nsecond-long-enough-key\n", encoding="utf-8")
    (tmp_path / "users").write_text("studio:a-long-pässword\n", encoding="utf-8")
    credentials = read_credentials(tmp_path / "keys", tmp_path / "users")
    with build_client(tmp_path, FakeExtractor(), credentials=credentials) as client:
        yield client


def test_without_a_credential_only_the_page_and_the_probes_are_open(guarded: TestClient) -> None:
    for path in ("/v1/models", "/metrics", "/versions", "/nowhere"):
        response = guarded.get(path)
        problem_of(response, 401, "unauthorised")
        assert response.headers["www-authenticate"] == "Bearer"  # Basic would make browsers ask over the page
    for path in ("/v1/extract", "/setup", "/predict", "/webhook"):
        problem_of(guarded.post(path, json={"text": TEXT}), 401, "unauthorised")
    for path in ("/", "/health", "/ready", "/openapi.json"):
        assert guarded.get(path).status_code == 200


def test_where_only_users_are_known_a_browser_is_asked_for_one(tmp_path: Path) -> None:
    (tmp_path / "users").write_text("studio:a-long-password\n", encoding="utf-8")
    with build_client(tmp_path, FakeExtractor(), credentials=read_credentials(None, tmp_path / "users")) as client:
        assert client.get("/v1/models").headers["www-authenticate"].startswith("Basic ")


def test_each_kind_of_credential_opens(guarded: TestClient) -> None:
    assert guarded.get("/v1/models", headers={"Authorization": "Bearer second-long-enough-key"}).status_code == 200
    assert guarded.get("/v1/models", headers={"X-API-Key": "first-long-enough-key"}).status_code == 200
    assert guarded.get("/versions", auth=("studio", "a-long-pässword".encode())).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer # keys"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + "c3R1ZGlvOndyb25n"},
        {"X-API-Key": ""},
        {"X-API-Key": "studio:a-long-password"},
        {"Authorization": "Bearer studio:a-long-password"},
    ],
)
def test_wrong_credentials_stay_outside(guarded: TestClient, headers: dict[str, str]) -> None:
    assert guarded.get("/v1/models", headers=headers).status_code == 401


def test_no_credentials_are_required_where_none_are_set() -> None:
    assert not Credentials().required
