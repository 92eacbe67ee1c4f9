"""The OpenAPI document: schemas of what is sent and answered, and the description of each route."""

from __future__ import annotations

from typing import Any

_PROBLEMS = {
    400: "The body is not JSON",
    401: "A credential is needed and none that is valid was sent",
    413: "The request is larger than the limits allow",
    415: "The Content-Type is not JSON",
    422: "The request, or its only article, cannot be read",
    429: "The queue is full; Retry-After says when to come back",
    500: "The server failed; the log says why",
    503: "No model is loaded, the service is shutting down, or the time ran out",
}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _nullable(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


def _object(properties: dict[str, Any], required: tuple[str, ...] | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required or properties), **more}


def _list(items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_SCORE = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
_MIN_SCORE = {"type": "number", "minimum": 0, "maximum": 1, "description": "Spans below it are left out."}
_ID = {"type": ["string", "integer"], "description": "Comes back with the result; the position by default."}
_RAW_TEXT = {"type": "string", "description": "Raw text. A line is a paragraph; no span crosses one."}
_ARTICLE = _object({"text": _RAW_TEXT, "id": _ID}, ("text",), description="Other members are ignored.")
_EXAMPLE = "شنت القوات العراقية غارة على مواقع تنظيم داعش في الموصل."

SCHEMAS: dict[str, Any] = {
    "Article": _ARTICLE,
    "OneArticle": _object(
        {"text": _RAW_TEXT, "id": _ID, "min_score": _MIN_SCORE}, ("text",), additionalProperties=False
    ),
    "ManyArticles": _object(
        {"articles": _list(_reference("Article"), minItems=1), "min_score": _MIN_SCORE},
        ("articles",),
        additionalProperties=False,
    ),
    "Problem": _object(
        {"type": _TEXT, "title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT}, description="RFC 9457."
    ),
    "Span": _object(
        {
            "start": {**_COUNT, "description": "First code point, half-open."},
            "end": {**_COUNT, "description": "One past the last code point."},
            "text": _TEXT,
            "name": {**_TEXT, "description": "Without attached conjunctions and prepositions."},
            "label": _TEXT,
            "type": _nullable("string"),
            "score": _SCORE,
        }
    ),
    "Reference": _object({"span": {**_COUNT, "description": "Index into spans."}, "name": _TEXT}),
    "Extraction": _object(
        {
            "format": _TEXT,
            "id": _TEXT,
            "spans": _list(_reference("Span")),
            "links": _list(_object({"operation": _COUNT, "argument": _COUNT, "role": _TEXT, "score": _SCORE})),
            "events": _list(
                _object(
                    {
                        "type": _nullable("string"),
                        "score": _SCORE,
                        "trigger": _reference("Reference"),
                        **{role: _list(_reference("Reference")) for role in ("agents", "targets", "places")},
                    }
                )
            ),
        },
        description="The form that `trainer extract` writes, without the text.",
    ),
    "Refusal": _object(
        {"id": _TEXT, "problem": _reference("Problem")}, description="In place of the result of an article."
    ),
    "Answer": _object(
        {
            "model": _object({"name": _TEXT, "version": _TEXT}),
            "results": _list({"anyOf": [_reference("Extraction"), _reference("Refusal")]}),
        }
    ),
    "Models": _object(
        {
            "models": _list(
                _object(
                    {
                        "name": _TEXT,
                        "version": _TEXT,
                        "loaded_at": _TEXT,
                        "reload_error": _nullable("string"),
                        "schema": {"type": "object"},
                    }
                )
            ),
            "limits": _object({"body_bytes": _COUNT, "article_characters": _COUNT, "request_articles": _COUNT}),
            "training": {"type": "object"},
        }
    ),
    "Task": _object({"id": {"type": "integer"}, "data": {"type": "object"}}, ("data",)),
    "PredictRequest": _object(
        {
            "tasks": _list(_reference("Task")),
            "project": _TEXT,
            "label_config": _TEXT,
            "params": {"type": ["object", "null"]},
        },
        ("tasks",),
    ),
    "PredictAnswer": _object({"results": _list({"type": "object"}), "model_version": _TEXT}),
}


def _route(
    answer: str | dict[str, Any],
    problems: tuple[int, ...],
    body: dict[str, Any] | None = None,
    example: Any = None,
    status: int = 200,
) -> dict[str, Any]:
    """Arguments of a route's decorator that describe it."""
    schema = _reference(answer) if isinstance(answer, str) else answer
    media = {"schema": _reference("Problem")}
    responses: dict[int | str, dict[str, Any]] = {
        status: {"description": "Done", "content": {"application/json": {"schema": schema}}},
        **{code: {"description": _PROBLEMS[code], "content": {"application/problem+json": media}} for code in problems},
    }
    extra: dict[str, Any] = {}
    if body is not None:
        content: dict[str, Any] = {"schema": body} if example is None else {"schema": body, "example": example}
        extra["requestBody"] = {"required": True, "content": {"application/json": content}}
    return {"responses": responses, "openapi_extra": extra, "response_model": None}


_READING = (400, 401, 413, 415, 422, 503)
_VERSION = _object({"model_version": _TEXT})

EXTRACT = _route(
    "Answer",
    (400, 401, 413, 415, 422, 429, 500, 503),
    {"anyOf": [_reference("OneArticle"), _reference("ManyArticles")]},
    {"text": _EXAMPLE},
)
MODELS = _route("Models", (401, 503))
HEALTH = _route(_object({"status": {"const": "UP"}, "model_class": _TEXT}), ())
READY = _route(_object({"status": {"const": "ready"}, "model_version": _TEXT}), (503,))
METRICS = _route({"type": "string"}, (401,))
METRICS["responses"][200]["content"] = {"text/plain": {"schema": {"type": "string"}}}
SETUP = _route(_VERSION, _READING, {"type": "object"})
VERSIONS = _route(_object({"versions": _list(_TEXT)}), (401, 503))
PREDICT = _route("PredictAnswer", _READING, _reference("PredictRequest"))
WEBHOOK = _route(_object({"result": {"type": "object"}}), _READING, {"type": "object"}, status=201)
