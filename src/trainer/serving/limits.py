"""Limits on what a client may send, and the checks that keep them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from trainer.core.errors import ConfigError
from trainer.serving.problems import (
    Problem,
    ProblemError,
    article_too_long,
    body_too_large,
    invalid_article,
    malformed_body,
    not_json_type,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What is accepted at most.

    Attributes:
        body_bytes: Bytes of a request's body.
        task_bytes: Bytes of a body from Label Studio, which sends many tasks at once.
        article_characters: Code points of one article.
        request_articles: Articles of one request.
        queue_articles: Articles that wait or are being read, over all requests.
        queue_characters: Their code points.
        batch_characters: Code points that go to the model in one call; a longer article goes alone. Enough to fill
            it; with much more, all clients would wait for one batch and the model then for all of them.
        seconds: Time for one request, waiting included.
    """

    body_bytes: int = 4 * 2**20
    task_bytes: int = 32 * 2**20
    article_characters: int = 200_000
    request_articles: int = 256
    queue_articles: int = 1024
    queue_characters: int = 2_000_000
    batch_characters: int = 3_000
    seconds: float = 90.0  # Label Studio gives up after 100

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}", remedy="give a number above zero")
        if self.queue_characters < self.article_characters or self.queue_articles < self.request_articles:
            raise ConfigError(
                "the queue is smaller than one request may be",
                remedy="raise the queue's limits or lower the limits of an article and a request",
            )


async def read_json(request: Request, limit: int) -> Any:
    """The body as JSON, of at most so many bytes.

    Raises:
        ProblemError: 415 for another type, 413 above the limit (without reading on), 400 where it is no JSON.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise ProblemError(not_json_type())
    body = await _read_body(request, limit)
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ProblemError(malformed_body("The JSON is nested too deeply.")) from error
    except ValueError as error:  # JSON and UTF-8 errors; numbers of absurd length too
        raise ProblemError(malformed_body("The body is not valid JSON in UTF-8.")) from error


async def _read_body(request: Request, limit: int) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise ProblemError(body_too_large(limit), {"Connection": "close"})
    received = bytearray()
    async for piece in request.stream():
        received += piece
        if len(received) > limit:
            raise ProblemError(body_too_large(limit), {"Connection": "close"})
    return bytes(received)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def check_text(text: object, limits: Limits) -> Problem | None:
    """Why a text is refused, or None."""
    if not isinstance(text, str):
        return invalid_article("An article needs a member text that is a string.")
    if len(text) > limits.article_characters:
        return article_too_long(len(text), limits.article_characters)
    position = text.find("\x00")
    if position >= 0:
        return invalid_article(f"NUL character at position {position} of the text.")
    position = lone_surrogate(text)
    if position >= 0:
        return invalid_article(f"Lone surrogate at position {position} of the text: half a character.")
    return None


def lone_surrogate(text: str) -> int:
    """Position of the first half of a surrogate pair, or -1."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return error.start
    return -1
