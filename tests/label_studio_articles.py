"""Articles for the Label Studio tests: ordinary ones and ones that break careless offsets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from trainer.annotation.fingerprints import fingerprint_article
from trainer.annotation.server.predictions import PreAnnotator
from trainer.core.types import Article, Link, Span

VERSION = "known-spans-0001"
# What stands before the sentence shifts every offset behind it if anybody counts otherwise than in code points.
NASTY = {
    "emoji": "عاجل 😀 ",
    "family": "عاجل 👨‍👩‍👧‍👦 ",
    "flag": "عاجل 🇾🇪 ",
    "diacritics": "قَالَ مُرَاسِلُنَا إِنَّ ",
    "tatweel": "العـــاجـــل ",
    "bidi": "\u202bعاجل\u202c \u200f",
    "no-break": "عاجل\u00a0الآن\u00a0",
    "joiner": "می\u200cرود ",
    "tab": "عاجل\t",
    "markup": "عاجل <b>&amp; ",
    "lines": "عنوان\n\nسطر\n",
    "latin": "Reuters (د ب أ) ",
}
_TRIGGER, _ACTOR, _PLACE = "قصفت", "طائرات حربية", "مدينة الموصل"


def make_article(identifier: str, opening: str, closing: str = "") -> Article:
    """An article with one event of three spans and two links behind an opening."""
    text = f"{opening}{_TRIGGER} {_ACTOR} {_PLACE} {closing}".rstrip()
    spans = tuple(
        Span(start, start + len(surface), label, kind, 0.9)
        for surface, label, kind in (
            (_TRIGGER, "OPERATION", "strike"), (_ACTOR, "ACTOR", None), (_PLACE, "LOCATION", None)
        )
        for start in [text.index(surface, len(opening))]
    )  # fmt: skip
    links = (Link(0, 1, "agent"), Link(0, 2, "place"))
    return Article(identifier, text, spans, links, {"title": f"خبر {identifier}", "source": "اختبار"})


def nasty_articles() -> list[Article]:
    """One article for each kind of trouble."""
    return [make_article(f"nasty-{name}", opening) for name, opening in NASTY.items()]


def ordinary_articles(count: int, first: int = 0) -> list[Article]:
    """Articles that differ in their text."""
    return [make_article(f"plain-{number:04}", f"الخبر رقم {number}: ") for number in range(first, first + count)]


def known_model(articles: Sequence[Article], version: str = VERSION) -> PreAnnotator:
    """A model that predicts exactly the spans that these articles have."""
    by_id = {article.id: article for article in articles}
    return PreAnnotator(version, lambda asked: [by_id[article.id] for article in asked])


def without_scores(article: Article) -> tuple[tuple[Span, ...], tuple[Link, ...]]:
    """Spans and links as they come back from annotation."""
    return tuple(replace(span, score=None) for span in article.spans), article.links


def write_manifest(path: Path, articles: Sequence[Article]) -> Path:
    """A gold manifest of these articles, fingerprints only."""
    prints = [fingerprint_article(article).to_dict() for article in articles]
    path.write_text(json.dumps({"files": [{"name": "gold.json", "fingerprints": prints}]}), encoding="utf-8")
    return path


def write_jsonl(path: Path, articles: Sequence[Article]) -> Path:
    """The articles without their annotation, as somebody would hand them in."""
    rows = [{"id": article.id, "text": article.text, **article.meta} for article in articles]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path
