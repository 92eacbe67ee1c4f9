"""Random requests against the OpenAPI document, and random texts: never a 5xx, never a wrong offset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from tests.property.strategies import arabic_texts
from tests.serving_model import SENTENCES, write_crf
from trainer.serving.app import create_app
from trainer.serving.limits import Limits
from trainer.serving.loading import loader_of
from trainer.serving.settings import ServeSettings

# Not checked: that a request outside the schema is refused. A bad article is answered with a
# problem in its place, and Label Studio may send members that no document names.
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory = write_crf(tmp_path_factory.mktemp("contract") / "run")
    limits = Limits(body_bytes=200_000, article_characters=20_000)
    serve = ServeSettings(model=directory, state=directory.parent / "state", reload_seconds=0, limits=limits)
    return create_app(serve, loader_of("auto", "auto"))


@pytest.fixture(scope="module")
def client(application: Any) -> Iterator[TestClient]:
    with TestClient(application, raise_server_exceptions=False) as client:
        yield client


OPERATIONS = [
    ("POST", "/v1/extract", 40),
    pytest.param("POST", "/v1/extract", 1500, marks=pytest.mark.slow),
    ("GET", "/v1/models", 3),
    ("GET", "/health", 3),
    ("GET", "/ready", 3),
    ("GET", "/metrics", 3),
    ("POST", "/setup", 10),
    ("POST", "/predict", 30),
    pytest.param("POST", "/predict", 1000, marks=pytest.mark.slow),
    ("GET", "/versions", 3),
    ("POST", "/webhook", 20),
]


@pytest.mark.parametrize(("method", "path", "examples"), OPERATIONS)
def test_no_request_makes_the_server_fail_or_answer_otherwise_than_documented(
    application: Any, client: TestClient, method: str, path: str, examples: int
) -> None:
    document = schemathesis.openapi.from_dict(application.openapi())
    operation = document[path][method]
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE] if method == "POST" else [GenerationMode.POSITIVE]
    cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])

    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def check(case: Any) -> None:
        answer = send(client, case)
        case.validate_response(answer, checks=CHECKS)

    check()


def send(client: TestClient, case: Any) -> Any:
    """A generated case, sent in process."""
    arguments = case.as_transport_kwargs(base_url="http://testserver")
    if "data" in arguments:  # the name of another client library
        arguments["content"] = arguments.pop("data")
    return client.request(**arguments)


texts = st.one_of(
    arabic_texts,
    st.text(max_size=60),
    st.lists(
        st.sampled_from([*(text for text, _ in SENTENCES), "\n", "😀", "ـ", "\u200f", "\r\n", "«"]), max_size=8
    ).map(" ".join),
)


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(texts, min_size=1, max_size=6))
def test_offsets_are_exact_on_any_text(rows: list[str], client: TestClient) -> None:
    response = client.post("/v1/extract", json={"articles": [{"text": text} for text in rows]})
    assert response.status_code == 200
    results = response.json()["results"]
    assert [result["id"] for result in results] == [str(index) for index in range(len(rows))]
    for text, result in zip(rows, results, strict=True):
        if "\x00" in text:
            assert result["problem"]["status"] == 422
            continue
        for span in result["spans"]:
            assert text[span["start"] : span["end"]] == span["text"] != ""
        for event in result["events"]:
            assert result["spans"][event["trigger"]["span"]]["label"] == "OPERATION"


def test_the_document_describes_every_route_and_refers_only_to_schemas_that_exist(application: Any) -> None:
    document = application.openapi()
    assert set(document["paths"]) == {
        "/v1/extract",
        "/v1/models",
        "/health",
        "/ready",
        "/metrics",
        "/setup",
        "/predict",
        "/versions",
        "/webhook",
    }
    known = document["components"]["schemas"]

    def check(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                assert node["$ref"].removeprefix("#/components/schemas/") in known
            for value in node.values():
                check(value)
        elif isinstance(node, list):
            for value in node:
                check(value)

    check(document)


def test_the_contract_test_can_fail(tmp_path: Path) -> None:
    """The checks above notice a wrong answer: here an answer without its results."""
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/", responses={200: {"content": {"application/json": {"schema": {"type": "integer"}}}}})
    def answer() -> str:
        return "text"

    operation = schemathesis.openapi.from_asgi("/openapi.json", app)["/"]["GET"]
    with pytest.raises((Failure, FailureGroup)):
        operation.Case().call_and_validate(checks=[response_schema_conformance])
