"""Label Studio tasks in, predictions out, under the names that the project's labelling config uses."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer.annotation.labelstudio import build_results
from trainer.annotation.tasks import SPAN_CONTROL, TEXT_KEY, TYPE_CONTROL
from trainer.core.types import Article, Link, Span
from trainer.runtime.result import Extraction
from trainer.serving.limits import Limits, check_text
from trainer.serving.problems import Problem, invalid_article


@dataclass(frozen=True, slots=True)
class Controls:
    """What a labelling config calls its parts.

    Attributes:
        key: Key of the text in a task's ``data``.
        text: Name of the text object.
        spans: Name of the control that labels spans.
        types: Name of the control that types a region; None where there is none.
        labels: Labels that may be given; empty where unknown.
        choices: Types that may be given; empty where unknown.
    """

    key: str = TEXT_KEY
    text: str = TEXT_KEY
    spans: str = SPAN_CONTROL
    types: str | None = TYPE_CONTROL
    labels: frozenset[str] = frozenset()
    choices: frozenset[str] = frozenset()


def parse_controls(config: object) -> Controls:
    """The controls of a labelling config; those that this project makes where it is absent or no XML."""
    if not isinstance(config, str) or not config.strip():
        return Controls()
    try:
        root = ElementTree.fromstring(config)
    except (ElementTree.ParseError, ValueError):
        return Controls()
    labels = next(root.iter("Labels"), None)
    text = next(
        (tag for tag in root.iter("Text") if labels is not None and tag.get("name") == labels.get("toName")), None
    )
    if labels is None or text is None:
        return Controls()
    choices = next((tag for tag in root.iter("Choices") if tag.get("perRegion", "").lower() == "true"), None)
    return Controls(
        key=text.get("value", "").removeprefix("$") or TEXT_KEY,
        text=text.get("name", TEXT_KEY),
        spans=labels.get("name", SPAN_CONTROL),
        types=None if choices is None else choices.get("name"),
        labels=_values(labels, "Label"),
        choices=frozenset() if choices is None else _values(choices, "Choice"),
    )


def read_task(task: object, controls: Controls, limits: Limits) -> str | Problem:
    """The text of a task, or why it cannot be had."""
    if not isinstance(task, Mapping) or not isinstance(task.get("data"), Mapping):
        return invalid_article("A task is an object with a member data.")
    text = task["data"].get(controls.key)
    return check_text(text, limits) or str(text)


def drawn_ranges(context: object) -> tuple[tuple[int, int], ...]:
    """Ranges that the annotator has drawn already (the context of an interactive request)."""
    results = context.get("result") if isinstance(context, Mapping) else None
    ranges: list[tuple[int, int]] = []
    for item in results if isinstance(results, list) else []:
        value = item.get("value") if isinstance(item, Mapping) else None
        if isinstance(value, Mapping):
            start, end = value.get("start"), value.get("end")
            if isinstance(start, int) and isinstance(end, int):
                ranges.append((start, end))
    return tuple(ranges)


def build_prediction(
    name: str, found: Extraction, controls: Controls, version: str, drawn: tuple[tuple[int, int], ...] = ()
) -> dict[str, Any]:
    """The prediction of a task.

    Args:
        name: Of the task; region ids are made from it.
        found: What the model found.
        controls: Names to answer with; labels and types that the config lacks are left out.
        version: Model version.
        drawn: Ranges that an annotator has drawn: what overlaps them is left out.

    Returns:
        ``result``, ``score`` (the least of its spans, 1 where there is none: "uncertainty
        sampling" then shows the least certain article first) and ``model_version``.
    """
    kept = {
        index: Span(span.start, span.end, span.label, _known_type(span.type, controls), span.score)
        for index, span in enumerate(found.spans)
        if (not controls.labels or span.label in controls.labels)
        and not any(span.start < end and start < span.end for start, end in drawn)
    }
    places = {index: place for place, index in enumerate(kept)}
    links = tuple(
        Link(places[link.operation], places[link.argument], link.role, link.score)
        for link in found.links
        if link.operation in places and link.argument in places
    )
    article = Article(name, found.text, tuple(kept.values()), links)
    scores = [span.score for span in article.spans if span.score is not None]
    return {
        "result": [_rename(item, controls) for item in build_results(article)],
        "score": round(min(scores, default=1.0), 6),
        "model_version": version,
    }


def _known_type(name: str | None, controls: Controls) -> str | None:
    known = controls.types is not None and (not controls.choices or name in controls.choices)
    return name if known else None


def _rename(item: dict[str, Any], controls: Controls) -> dict[str, Any]:
    if item["type"] == "relation":
        return item
    control = controls.spans if item["type"] == "labels" else controls.types
    return {**item, "from_name": control, "to_name": controls.text}


def _values(parent: ElementTree.Element, tag: str) -> frozenset[str]:
    return frozenset(child.get("value", "") for child in parent.iter(tag))
