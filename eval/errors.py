"""The errors of judged articles: one JSON line each, with their paragraph, and counts by kind."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from eval.judge import Judged
from trainer.core.atlas import ErrorKind, SpanError, classify_errors
from trainer.core.types import Article, Span

_CONTEXT = 60  # code points on each side of an error


def collect_errors(judged: Sequence[Judged]) -> list[tuple[Judged, SpanError]]:
    """All errors, article by article, in text order."""
    return [
        (item, error) for item in judged for error in classify_errors(item.article.text, item.article.spans, item.spans)
    ]


def count_errors(errors: Iterable[tuple[Judged, SpanError]]) -> dict[str, dict[str, int]]:
    """For each kind how many errors, in all and of each label (of the gold span, else of the predicted one)."""
    counts: dict[str, Counter[str]] = {kind.value: Counter() for kind in ErrorKind}
    for _, error in errors:
        label = (error.gold or error.predicted)[0].label
        counts[error.kind.value].update(("all", label))
    return {kind: {"all": row["all"], **dict(sorted(row.items()))} for kind, row in counts.items()}


def render_errors(errors: Iterable[tuple[Judged, SpanError]]) -> str:
    """``errors.jsonl``."""
    return "".join(json.dumps(describe_error(*pair), ensure_ascii=False) + "\n" for pair in errors)


def describe_error(item: Judged, error: SpanError) -> dict[str, Any]:
    """One error as plain JSON values."""
    article = item.article
    left = article.text.rfind("\n", 0, error.start) + 1
    right = article.text.find("\n", error.end)
    context = slice(
        max(left, error.start - _CONTEXT), min(len(article.text) if right < 0 else right, error.end + _CONTEXT)
    )
    return {
        "article": article.id,
        "source": item.gold.source,
        "kind": error.kind.value,
        "gold": [_describe_span(article, span) for span in error.gold],
        "predicted": [_describe_span(article, span) for span in error.predicted],
        "context": article.text[context],
        "context_start": context.start,
    }


def _describe_span(article: Article, span: Span) -> dict[str, Any]:
    described = {"start": span.start, "end": span.end, "label": span.label, "text": article.surface(span)}
    extra = {"type": span.type, "score": None if span.score is None else round(span.score, 4)}
    return {**described, **{key: value for key, value in extra.items() if value is not None}}
