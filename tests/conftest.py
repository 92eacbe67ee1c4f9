"""Shared fixtures: a schema, a few annotated articles, and a tiny encoder made offline."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test asks the network
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from trainer.core.paths import default_schema_path
from trainer.core.schema import EventSchema, load_schema
from trainer.core.types import Article, Link, Span
from trainer.core.words import split_words

# One tuple an article: paragraphs, marked surfaces in order (label, type, surface), links (operation, argument, role).
_ARTICLES: tuple[tuple[str, tuple[tuple[str, str | None, str], ...], tuple[tuple[int, int, str], ...]], ...] = (
    (
        "قصفت طائرات التحالف مواقع في الموصل صباح اليوم.\nوأدان الأمين العام الهجوم.",
        (
            ("OPERATION", "strike", "قصفت"),
            ("ACTOR", None, "طائرات التحالف"),
            ("LOCATION", None, "الموصل"),
            ("OPERATION", "diplomacy", "وأدان"),
            ("ACTOR", None, "الأمين العام"),
        ),
        ((0, 1, "agent"), (0, 2, "place"), (3, 4, "agent")),
    ),
    (
        "اعتقلت قوات الأمن ثلاثة متظاهرين في بغداد.\nوقال المتحدث إن الاحتجاج انتهى.",
        (
            ("OPERATION", "arrest", "اعتقلت"),
            ("ACTOR", None, "قوات الأمن"),
            ("ACTOR", None, "متظاهرين"),
            ("LOCATION", None, "بغداد"),
            ("OPERATION", "protest", "الاحتجاج"),
        ),
        ((0, 1, "agent"), (0, 2, "target"), (0, 3, "place")),
    ),
    (
        "اِنْتَشَرَ الجيش اللبناني في «صيدا» 🚨 مساءً.",
        (
            ("OPERATION", "deployment", "اِنْتَشَرَ"),
            ("ACTOR", None, "الجيش اللبناني"),
            ("LOCATION", None, "صيدا"),
        ),
        ((0, 1, "agent"), (0, 2, "place")),
    ),
    (
        "وصلت قافلة من الأمم المتحدة إلى حلب، ووزّعت مساعدات على النازحين.\n\nولم تقع اشتباكات.",
        (
            ("ACTOR", None, "الأمم المتحدة"),
            ("LOCATION", None, "حلب"),
            ("OPERATION", "relief", "مساعدات"),
            ("ACTOR", None, "النازحين"),
            ("OPERATION", "clash", "اشتباكات"),
        ),
        ((2, 0, "agent"), (2, 3, "target")),
    ),
    ("لا حدث في هذا الخبر القصير عن الطقس.", (), ()),
    (
        "سيطرت القوات الحكومية على بلدة العـــريش بعد اشتباكات عنيفة مع مسلحين.",
        (
            ("OPERATION", "seizure", "سيطرت"),
            ("ACTOR", None, "القوات الحكومية"),
            ("LOCATION", None, "العـــريش"),
            ("OPERATION", "clash", "اشتباكات"),
            ("ACTOR", None, "مسلحين"),
        ),
        ((0, 1, "agent"), (0, 2, "place"), (3, 4, "target")),
    ),
)


def build_article(identifier: str, index: int) -> Article:
    """The sample article of that number, under an id of choice."""
    text, marks, links = _ARTICLES[index]
    spans, cursor = [], 0
    for label, kind, surface in marks:
        start = text.index(surface, cursor)
        cursor = start + len(surface)
        spans.append(Span(start, cursor, label, kind))
    return Article(identifier, text, tuple(spans), tuple(Link(*link) for link in links), {"synthetic": True})


def write_articles(path: Path, articles: list[Article]) -> Path:
    """Articles as a Label Studio export."""
    path.write_text(json.dumps([_task(number, article) for number, article in enumerate(articles, 1)]), "utf-8")
    return path


def _task(number: int, article: Article) -> dict[str, Any]:
    regions: list[dict[str, Any]] = []
    for index, span in enumerate(article.spans):
        value = {"start": span.start, "end": span.end, "text": article.surface(span)}
        common = {"id": f"r{index}", "to_name": "text", "origin": "manual"}
        labels = {**value, "labels": [span.label]}
        regions.append({**common, "from_name": "label", "type": "labels", "value": labels})
        if span.type is not None:
            choices = {**value, "choices": [span.type]}
            regions.append({**common, "from_name": "operation_type", "type": "choices", "value": choices})
    regions += [
        {
            "type": "relation",
            "from_id": f"r{link.operation}",
            "to_id": f"r{link.argument}",
            "direction": "right",
            "labels": [link.role],
        }
        for link in article.links
    ]
    annotation = {"id": number, "completed_by": 1, "result": regions, "was_cancelled": False, "ground_truth": True}
    return {
        "id": number,
        "data": {"text": article.text, "doc_id": article.id, **article.meta},
        "annotations": [annotation],
        "predictions": [],
    }


@pytest.fixture(scope="session")
def schema() -> EventSchema:
    """The event schema that ships."""
    return load_schema(default_schema_path())


@pytest.fixture(scope="session")
def articles() -> tuple[Article, ...]:
    """Six small annotated articles: diacritics, tatweel, quotes, an emoji, an empty line, one without events."""
    return tuple(build_article(f"sample-{index}", index) for index in range(len(_ARTICLES)))


@pytest.fixture(scope="session")
def annotations_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Label Studio export of 24 articles: each sample four times, with a number that makes the text its own."""
    folder = tmp_path_factory.mktemp("annotations")
    copies = []
    for index in range(4 * len(_ARTICLES)):
        article = build_article(f"article-{index:02d}", index % len(_ARTICLES))
        text = f"{article.text}\nرقم الخبر {index} من نشرة {index * 7}."
        copies.append(Article(article.id, text, article.spans, article.links, article.meta))
    return write_articles(folder / "sample.json", copies)


@pytest.fixture(scope="session")
def split_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A split of `annotations_path`: the last six articles are dev."""
    path = tmp_path_factory.mktemp("split") / "split.json"
    names = [f"article-{index:02d}" for index in range(24)]
    path.write_text(json.dumps({"dev_share": 0.25, "train": names[:18], "dev": names[18:]}), "utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder's directory: two layers of random weights and a WordPiece vocabulary of the samples."""
    import torch
    from transformers import BertConfig, BertModel

    from trainer.learning.pretraining.vocabulary import train_wordpiece

    folder = tmp_path_factory.mktemp("encoder")
    counts: Counter[str] = Counter()
    for text, _, _ in _ARTICLES:
        counts.update(word.normal for word in split_words(text) if word.normal)
    tokenizer = train_wordpiece(Counter({word: 2 * count for word, count in counts.items()}), 160, 128)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        pad_token_id=tokenizer.pad_token_id,
    )
    BertModel(config).save_pretrained(folder)
    return folder
