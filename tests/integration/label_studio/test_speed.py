"""A thousand articles of ordinary length go out and come back within 15 seconds each (on an idle machine)."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.label_studio_articles import known_model, ordinary_articles, write_manifest
from trainer.annotation.corpus import load_corpus
from trainer.annotation.server.client import Server
from trainer.annotation.server.pull import pull_annotations
from trainer.annotation.server.push import push_articles
from trainer.core.paths import repository_directory
from trainer.core.schema import EventSchema
from trainer.core.types import Article

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(1200)]
COUNT, SECONDS = 1000, 15.0


def thousand_articles(schema: EventSchema) -> list[Article]:
    """The shipped articles with their annotation, repeated with a last line that tells them apart."""
    shipped = load_corpus([repository_directory() / "data" / "annotations"], schema).articles
    copies = (
        replace(article, id=f"{article.id}-{number}", text=f"{article.text}\n\nنسخة {number}")
        for number in range(COUNT // len(shipped) + 1)
        for article in shipped
    )
    return [article for article, _ in zip(copies, range(COUNT), strict=False)]


def test_a_thousand_articles_are_pushed_and_pulled_within_fifteen_seconds_each(
    server: Server, schema: EventSchema, tmp_path: Path
) -> None:
    articles = thousand_articles(schema)
    manifest = write_manifest(tmp_path / "manifest.json", ordinary_articles(1, first=9000))
    started = time.monotonic()
    project = push_articles(server, articles, "Speed", schema, manifest).project
    pushed = time.monotonic() - started
    push_articles(server, articles, "Speed", schema, manifest, known_model(articles))
    body = {"project": project.id, "selectedItems": {"all": True, "excluded": []}}
    server.post("api/dm/actions", body, id="predictions_to_annotations", project=project.id)
    started = time.monotonic()
    report = pull_annotations(server, "Speed", schema, tmp_path / "annotations")
    pulled = time.monotonic() - started
    print(f"push {pushed:.1f} s, pull {pulled:.1f} s")
    assert (report.articles, report.aside) == (COUNT, ())
    assert pushed < SECONDS
    assert pulled < SECONDS
