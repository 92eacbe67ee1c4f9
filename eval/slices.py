"""Scores of parts of the gold: by source, style, length, seen or unseen, and so on."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from eval.judge import Judged
from eval.scores import with_interval
from eval.training_forms import TrainingForms
from trainer.core.errors import ConfigError
from trainer.core.metrics import Counts, count_matches
from trainer.core.types import Span
from trainer.core.words import split_words

SLICES = Path(__file__).with_name("slices.yaml")
_YES_NO = {True: "yes", False: "no"}


@dataclass(frozen=True, slots=True)
class Slice:
    """One way to part the gold.

    Attributes:
        name: For the report.
        of: ``article`` or ``span``.
        by: What is looked at; for articles any key of their metadata too.
        bins: Lower bounds of ranges; empty where each value is a part of its own.
    """

    name: str
    of: str
    by: str
    bins: tuple[int, ...] = ()


def load_slices(path: Path = SLICES) -> tuple[Slice, ...]:
    """Read ``slices.yaml``.

    Raises:
        ConfigError: It is not such a file.
    """
    try:
        listed = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = tuple(Slice(str(x["name"]), str(x["of"]), str(x["by"]), tuple(x.get("bins", ()))) for x in listed)
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"not a list of slices: {error!r}", file=path, remedy="see the comment at its head"
        ) from error
    for part in found:
        if (part.of == "span" and part.by not in _SPAN_VALUES) or part.of not in ("article", "span"):
            raise ConfigError(
                f"unknown slice of {part.of} by {part.by}",
                file=path,
                record=part.name,
                remedy=f"of: article, or of: span by one of {', '.join(_SPAN_VALUES)}",
            )
    return found


def score_slices(
    judged: Sequence[Judged], slices: Sequence[Slice], forms: TrainingForms | None
) -> dict[str, dict[str, Any] | None]:
    """Strict scores with intervals of every part of every slice.

    Args:
        judged: Articles with predictions.
        slices: From `load_slices`.
        forms: What was seen in training; None leaves the slices out that need it (their value is None).
    """
    return {part.name: _score_slice(judged, part, forms) for part in slices}


def _score_slice(judged: Sequence[Judged], part: Slice, forms: TrainingForms | None) -> dict[str, Any] | None:
    if part.by in ("surface_seen", "head_seen") and forms is None:
        return None
    rows: dict[Any, list[Counts]] = defaultdict(list)
    for item in judged:
        if part.of == "article":
            value = _article_value(item, part.by)
            if value is not None:
                rows[_bin(value, part.bins)].append(item.count())
            continue
        sides = (_group(item, item.article.spans, part, forms), _group(item, item.spans, part, forms))
        for value in {*sides[0], *sides[1]}:
            rows[value].append(count_matches(sides[0].get(value, []), sides[1].get(value, [])))
    order = sorted(rows, key=lambda value: (str(type(value)), value))
    return {_name(value, part): {**with_interval(rows[value]), "articles": len(rows[value])} for value in order}


def _group(item: Judged, spans: Sequence[Span], part: Slice, forms: TrainingForms | None) -> Mapping[Any, list[Span]]:
    """Spans of one side by the part they belong to; spans without a value are in none."""
    grouped: dict[Any, list[Span]] = defaultdict(list)
    for span in spans:
        value = _SPAN_VALUES[part.by](item, span, forms)
        if value is not None:
            grouped[_bin(value, part.bins)].append(span)
    return grouped


def _article_value(item: Judged, by: str) -> Any:
    if by == "source":
        return item.gold.source
    if by == "words":
        return len(split_words(item.article.text))
    value = item.article.meta.get(by)
    return None if value is None else str(value)


def _bin(value: Any, bins: Sequence[int]) -> Any:
    return max(bisect_right(bins, value) - 1, 0) if bins else value


def _name(value: Any, part: Slice) -> str:
    if not part.bins:
        return str(value)
    low = part.bins[value]
    high = part.bins[value + 1] - 1 if value + 1 < len(part.bins) else None
    return f"{low}+" if high is None else (str(low) if high == low else f"{low}–{high}")


def _operation_in_paragraph(item: Judged, span: Span, forms: TrainingForms | None) -> str:
    text = item.article.text
    start, end = text.rfind("\n", 0, span.start) + 1, text.find("\n", span.end)
    inside = (other for other in item.article.spans if other.start >= start and (end < 0 or other.end <= end))
    return _YES_NO[any(other.label == "OPERATION" for other in inside)]


_SPAN_VALUES: Mapping[str, Callable[[Judged, Span, TrainingForms | None], Any]] = {
    "words": lambda item, span, forms: len(split_words(item.article.surface(span))),
    "surface_seen": lambda item, span, forms: (
        None if forms is None else _YES_NO[forms.has_surface(item.article.surface(span), span.label)]
    ),
    "head_seen": lambda item, span, forms: (
        None if forms is None else _YES_NO[forms.has_head(item.article.surface(span), span.label)]
    ),
    "operation_in_paragraph": _operation_in_paragraph,
}
