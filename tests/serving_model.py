"""A small checkpoint and an application around it, for the tests of serving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pycrfsuite

from trainer.core.bio import spans_to_tags
from trainer.core.paths import default_schema_path
from trainer.core.schema import EventSchema, load_schema
from trainer.core.types import Link, Span
from trainer.core.words import split_words
from trainer.runtime.checkpoint import seal_checkpoint, write_reading
from trainer.runtime.crf import CRF_MODEL, paragraph_features
from trainer.runtime.reading import ReadingSettings
from trainer.runtime.result import Extraction
from trainer.serving.extractor import ServedModel

SENTENCES = (
    (
        "شنت القوات العراقية غارة على مواقع داعش في الموصل .",
        ((4, 19, "ACTOR"), (20, 24, "OPERATION"), (43, 49, "LOCATION")),
    ),
    ("نفذ الجيش السوري عملية في حلب .", ((4, 16, "ACTOR"), (17, 22, "OPERATION"), (26, 29, "LOCATION"))),
    ("اعتقلت الشرطة متهمين في بغداد .", ((0, 6, "OPERATION"), (7, 13, "ACTOR"), (24, 29, "LOCATION"))),
    ("قصف الطيران مدينة إدلب أمس .", ((0, 3, "OPERATION"), (4, 11, "ACTOR"), (18, 22, "LOCATION"))),
)


def write_crf(directory: Path, iterations: int = 30) -> Path:
    """A sealed CRF run, trained on a few sentences; another number of iterations gives other weights."""
    directory.mkdir(parents=True, exist_ok=True)
    settings = ReadingSettings()
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params({"c1": 0.01, "c2": 0.01, "max_iterations": iterations})
    for text, spans in SENTENCES:
        words = split_words(text, settings.normalisation)
        trainer.append(paragraph_features(words), spans_to_tags(words, [Span(*span) for span in spans]))
    trainer.train(str(directory / CRF_MODEL))
    load_schema(default_schema_path()).save(directory / "schema.yaml")
    write_reading(directory, settings)
    seal_checkpoint(directory, "crf", {"splits": {}})
    return directory


SCHEMA = load_schema(default_schema_path())


@dataclass(slots=True)
class FakeExtractor:
    """Marks each word that ``labels`` knows; fails where a text says so; remembers its batches."""

    labels: dict[str, str] = field(
        default_factory=lambda: {"الجيش": "ACTOR", "غارة": "OPERATION", "الموصل": "LOCATION"}
    )
    types: dict[str, str] = field(default_factory=dict)
    batches: list[list[str]] = field(default_factory=list)
    before: Callable[[Sequence[str]], None] | None = None
    schema: EventSchema = SCHEMA

    def predict(self, texts: Sequence[str]) -> list[Extraction]:
        self.batches.append(list(texts))
        if self.before is not None:
            self.before(texts)
        if any("تعطل" in text for text in texts):
            raise RuntimeError("this text breaks the model")
        return [self._find(text) for text in texts]

    def _find(self, text: str) -> Extraction:
        words = [word for word in split_words(text) if word.surface in self.labels]
        spans = tuple(
            Span(
                word.start,
                word.end,
                self.labels[word.surface],
                self.types.get(word.surface),
                round(1 - 0.1 * index, 2),
            )
            for index, word in enumerate(words[:10])
        )
        trigger = next((index for index, span in enumerate(spans) if span.label == "OPERATION"), None)
        links: tuple[Link, ...] = ()
        if trigger is not None:
            roles = {"ACTOR": "agent", "LOCATION": "place"}
            links = tuple(
                Link(trigger, index, roles[span.label]) for index, span in enumerate(spans) if span.label in roles
            )
        return Extraction("", text, spans, links, tuple(text[s.start : s.end] for s in spans), self.schema)


def served(extractor: Any, version: str = "fake-1") -> ServedModel:
    """A model in service around an extractor."""
    return ServedModel("fake", version, SCHEMA, extractor, "2026-01-01T00:00:00+00:00")
