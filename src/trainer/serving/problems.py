"""Refusals as ``application/problem+json`` (RFC 9457): one value for whole requests and single articles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:arabic-event-extraction:"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request or an article was refused.

    Attributes:
        status: HTTP status.
        kind: Stable short name, the last part of the ``type`` URN.
        title: The same for every occurrence of the kind.
        detail: What happened this time. Never repeats text that a client sent.
        retry_after: Seconds after which it may be worth trying again.
    """

    status: int
    kind: str
    title: str
    detail: str
    retry_after: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The members of RFC 9457."""
        return {"type": _TYPE_PREFIX + self.kind, "title": self.title, "status": self.status, "detail": self.detail}


@dataclass(slots=True)
class ProblemError(Exception):
    """Ends a request with a problem."""

    problem: Problem
    headers: Mapping[str, str] = field(default_factory=dict)


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The problem as an HTTP response."""
    merged = dict(headers or {})
    if problem.retry_after is not None:
        merged["Retry-After"] = str(problem.retry_after)
    return JSONResponse(problem.to_dict(), problem.status, merged, MEDIA_TYPE)


def http_problem(status: int) -> Problem:
    """A problem for a status that the framework itself raises (404, 405)."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Error"
    return Problem(status, phrase.lower().replace(" ", "-"), phrase, f"{phrase}: see /openapi.json for what exists.")


def malformed_body(detail: str) -> Problem:
    """The body is not JSON at all."""
    return Problem(400, "malformed-body", "The body is not JSON", detail)


def body_too_large(limit: int) -> Problem:
    """The body exceeds the limit."""
    return Problem(413, "body-too-large", "The request is too large", f"A request body has at most {limit:,} bytes.")


def request_too_large(detail: str) -> Problem:
    """The articles of one request exceed what the queue could ever hold."""
    return Problem(413, "request-too-large", "The request is too large", detail)


def not_json_type() -> Problem:
    """The Content-Type is something other than JSON."""
    return Problem(415, "not-json", "The Content-Type is not JSON", "Send Content-Type: application/json.")


def invalid_request(detail: str) -> Problem:
    """JSON of the wrong shape."""
    return Problem(422, "invalid-request", "The request has the wrong shape", detail)


def invalid_article(detail: str) -> Problem:
    """An article of the wrong shape, or with characters that no text has."""
    return Problem(422, "invalid-article", "The article cannot be read", detail)


def article_too_long(length: int, limit: int) -> Problem:
    """An article exceeds the limit."""
    detail = f"The article has {length:,} characters; at most {limit:,} are accepted."
    return Problem(422, "article-too-long", "The article is too long", detail)


def article_failed() -> Problem:
    """Extraction failed on this article; the log has the reason."""
    return Problem(422, "article-failed", "The article could not be processed", "Extraction failed on this article.")


def queue_full(retry_after: int) -> Problem:
    """More work waits than the queue holds."""
    return Problem(429, "queue-full", "Too much work is waiting", "The queue is full; try again later.", retry_after)


def not_ready(detail: str) -> Problem:
    """No model, or shutting down."""
    return Problem(503, "not-ready", "The service is not ready", detail, 5)


def too_slow(seconds: float) -> Problem:
    """The request's time ran out."""
    return Problem(503, "deadline", "The request took too long", f"No result within {seconds:g} seconds.", 5)


def unauthorised() -> Problem:
    """No valid credential."""
    return Problem(401, "unauthorised", "A credential is needed", "Send an API key or basic authentication.")


def internal_error() -> Problem:
    """A fault of the server."""
    return Problem(500, "internal-error", "The server failed", "The fault has been logged.")
