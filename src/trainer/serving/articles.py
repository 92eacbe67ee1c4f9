"""The extraction request: JSON in, articles and refusals out, in the order sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer.serving.limits import Limits, check_text, lone_surrogate
from trainer.serving.problems import Problem, ProblemError, invalid_article, invalid_request, request_too_large

MAXIMUM_ID_LENGTH = 512
_SINGLE_KEYS = frozenset({"text", "id", "min_score"})
_BATCH_KEYS = frozenset({"articles", "min_score"})


@dataclass(frozen=True, slots=True)
class Submission:
    """One article of a request; ``problem`` says why it cannot be read."""

    id: str
    text: str
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class ExtractionRequest:
    """What a client asked for.

    Attributes:
        submissions: Articles in the order sent.
        min_score: Spans below it are left out.
        single: Whether the request was one article: its problem is then the request's.
    """

    submissions: tuple[Submission, ...]
    min_score: float
    single: bool


def parse_request(value: Any, limits: Limits) -> ExtractionRequest:
    """The request of a JSON body.

    Raises:
        ProblemError: 422 where the request as a whole has the wrong shape, 413 for too many articles.
    """
    if not isinstance(value, dict):
        raise ProblemError(invalid_request("The body is an object with a member text or a member articles."))
    single = "articles" not in value
    unknown = set(value) - (_SINGLE_KEYS if single else _BATCH_KEYS)
    if unknown:
        raise ProblemError(invalid_request(f"{len(unknown)} unknown member(s); known are {_listing(single)}."))
    min_score = _parse_score(value.get("min_score"))
    if single:
        return ExtractionRequest((_parse_article(value, 0, limits),), min_score, single=True)
    articles = value["articles"]
    if not isinstance(articles, list) or not articles:
        raise ProblemError(invalid_request("articles is a list of at least one article."))
    if len(articles) > limits.request_articles:
        raise ProblemError(request_too_large(f"A request has at most {limits.request_articles} articles."))
    submissions = tuple(_parse_article(article, index, limits) for index, article in enumerate(articles))
    return ExtractionRequest(submissions, min_score, single=False)


def _listing(single: bool) -> str:
    return ", ".join(sorted(_SINGLE_KEYS if single else _BATCH_KEYS))


def _parse_score(value: Any) -> float:
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ProblemError(invalid_request("min_score is a number from 0 to 1."))
    return float(value)


def _parse_article(value: Any, index: int, limits: Limits) -> Submission:
    default = str(index)
    if not isinstance(value, Mapping):
        return Submission(default, "", invalid_article("An article is an object with a member text."))
    identifier = value.get("id")
    if identifier is None:
        identifier = default
    if isinstance(identifier, bool) or not isinstance(identifier, int | str):
        return Submission(default, "", invalid_article("id is a string or a whole number."))
    if isinstance(identifier, int) and abs(identifier) >= 10**MAXIMUM_ID_LENGTH:
        return Submission(default, "", invalid_article(f"id has at most {MAXIMUM_ID_LENGTH} characters."))
    name = str(identifier)
    if len(name) > MAXIMUM_ID_LENGTH or lone_surrogate(name) >= 0:
        return Submission(default, "", invalid_article(f"id has at most {MAXIMUM_ID_LENGTH} whole characters."))
    problem = check_text(value.get("text"), limits)
    return Submission(name, "" if problem else value["text"], problem)
