"""Articles as JSON Lines in our own terms: id, text, spans, links, meta."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from trainer.annotation.records import iterate_records
from trainer.annotation.shapes import Node
from trainer.core.errors import AnnotationError
from trainer.core.types import Article, Link, Span


def read_jsonl(path: Path) -> tuple[Article, ...]:
    """All articles of a file.

    Raises:
        AnnotationError: A line is not an article, or a span or link does not fit it.
    """
    articles: list[Article] = []
    for number, record in enumerate(iterate_records(path), start=1):
        try:
            articles.append(parse_article(record))
        except AnnotationError as error:
            where = ", ".join(part for part in (f"article {number}", error.record) if part)
            raise AnnotationError(error.message, file=path, record=where, remedy=error.remedy) from error
    return tuple(articles)


def render_jsonl(articles: Iterable[Article]) -> str:
    """One article a line."""
    return "".join(json.dumps(article_record(article), ensure_ascii=False) + "\n" for article in articles)


def article_record(article: Article) -> dict[str, Any]:
    """Plain JSON values of an article."""
    return {
        "id": article.id,
        "text": article.text,
        "spans": [_without_nothing(_span_record(span)) for span in article.spans],
        "links": [
            _without_nothing(
                {"operation": link.operation, "argument": link.argument, "role": link.role, "score": link.score}
            )
            for link in article.links
        ],
        "meta": dict(article.meta),
    }


def parse_article(record: Any) -> Article:
    """An article from plain JSON values.

    Raises:
        AnnotationError: Names the path of the value that is wrong.
    """
    node = Node(record)
    text = node.get("text").text()
    spans = tuple(_parse_span(item, len(text)) for item in node.get("spans").items())
    if any(left.end > right.start for left, right in pairwise(spans)):
        raise AnnotationError("spans overlap or are not in order", record="spans", remedy="sort them by start")
    links = tuple(_parse_link(item, len(spans)) for item in node.get("links").items())
    meta = node.get("meta")
    return Article(node.get("id").identifier(), text, spans, links, {} if meta.absent else dict(meta.mapping()))


def _parse_span(node: Node, length: int) -> Span:
    start, end, kind = node.get("start").integer(), node.get("end").integer(), node.get("type")
    if not 0 <= start < end <= length:
        raise AnnotationError(
            f"span {start}:{end} is not in the text of {length} code points",
            record=node.path,
            remedy="give half-open offsets that count code points of the text",
        )
    return Span(start, end, node.get("label").text(), None if kind.absent else kind.text(), _parse_score(node))


def _parse_link(node: Node, spans: int) -> Link:
    ends = node.get("operation").integer(), node.get("argument").integer()
    if not all(0 <= end < spans for end in ends):
        raise AnnotationError(
            f"link between spans {ends[0]} and {ends[1]} of {spans}",
            record=node.path,
            remedy="count spans of the article from 0",
        )
    return Link(*ends, node.get("role").text(), _parse_score(node))


def _parse_score(node: Node) -> float | None:
    score = node.get("score")
    return None if score.absent else score.number()


def _span_record(span: Span) -> dict[str, Any]:
    return {"start": span.start, "end": span.end, "label": span.label, "type": span.type, "score": span.score}


def _without_nothing(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value is not None}
