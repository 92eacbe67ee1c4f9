"""Small exports to change and break."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trainer.annotation.labelstudio import build_task
from trainer.core.paths import default_schema_path
from trainer.core.schema import EventSchema, load_schema
from trainer.core.types import Article, Link, Span

TEXT = "قصف الجيش مدينة إدلب أمس\n\nوقال مصدر أمني إن القوات انسحبت من الرقة"
ANNOTATIONS = Path(__file__).resolve().parents[1] / "data" / "annotations"


def shipped_schema() -> EventSchema:
    return load_schema(default_schema_path())


def span_of(text: str, surface: str, label: str, kind: str | None = None) -> Span:
    start = text.index(surface)
    return Span(start, start + len(surface), label, kind)


def sample_article(identifier: str = "a-1", text: str = TEXT) -> Article:
    spans = (
        span_of(text, "قصف", "OPERATION", "strike"),
        span_of(text, "الجيش", "ACTOR"),
        span_of(text, "مدينة إدلب", "LOCATION"),
        span_of(text, "مصدر أمني", "ACTOR"),
        span_of(text, "انسحبت", "OPERATION", "deployment"),
        span_of(text, "الرقة", "LOCATION"),
    )
    links = (Link(0, 1, "agent"), Link(0, 2, "place"), Link(4, 5, "place"))
    return Article(identifier, text, spans, links, {"source": "test", "style": "agency", "country": "SY"})


def sample_task(identifier: str = "a-1", text: str = TEXT, task: int = 7) -> dict[str, Any]:
    record = {"id": task, **build_task(sample_article(identifier, text))}
    record["annotations"][0].update(id=70, completed_by=3)
    return record


def results_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = record["annotations"][0]["result"]
    return results


def result_for(record: dict[str, Any], surface: str, kind: str = "labels") -> dict[str, Any]:
    return next(item for item in results_of(record) if item["type"] == kind and item["value"]["text"] == surface)


def relation(record: dict[str, Any], number: int = 0) -> dict[str, Any]:
    return [item for item in results_of(record) if item["type"] == "relation"][number]


def write_export(path: Path, *records: Any) -> Path:
    path.write_text(json.dumps(list(records), ensure_ascii=False), encoding="utf-8")
    return path
