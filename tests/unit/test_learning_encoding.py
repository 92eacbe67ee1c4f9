from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainer.core.bio import spans_to_tags
from trainer.core.errors import AnnotationError
from trainer.core.types import Article, Span
from trainer.learning.encoding import IGNORED, encode_articles
from trainer.runtime.reading import Reader, ReadingSettings, load_reader

TAGS = ("O", "B-ACTOR", "I-ACTOR", "B-LOCATION", "I-LOCATION", "B-OPERATION", "I-OPERATION")


@pytest.fixture(scope="module")
def reader(tiny_encoder: Path) -> Reader:
    return load_reader(tiny_encoder, ReadingSettings(max_length=64, overlap=8))


def test_each_word_carries_its_tag_exactly_once(articles: tuple[Article, ...], reader: Reader) -> None:
    windows = encode_articles(articles, reader, TAGS)
    found = [TAGS[label] for row in windows["labels"] for label in row if label != IGNORED]
    expected = [
        tag
        for article, reading in zip(articles, reader.read_texts([a.text for a in articles]), strict=True)
        for tag in spans_to_tags(reading.words, article.spans)
    ]
    assert found == expected


def test_a_word_cut_into_pieces_is_labelled_on_its_first_piece(articles: tuple[Article, ...], reader: Reader) -> None:
    row = encode_articles(articles[:1], reader, TAGS)[0]
    first_tokens = reader.read_texts([articles[0].text])[0].windows[0].first_tokens
    assert len(row["input_ids"]) > len(first_tokens) + 2
    assert np.flatnonzero(np.array(row["labels"]) != IGNORED).tolist() == first_tokens.tolist()


def test_words_borrowed_as_context_teach_nothing(tiny_encoder: Path) -> None:
    reader = load_reader(tiny_encoder, ReadingSettings(max_length=34, overlap=8))
    text = " ".join(["قصفت طائرات التحالف مواقع في الموصل"] * 20)
    article = Article("long", text, (Span(0, 4, "OPERATION"),))
    windows = encode_articles([article], reader, TAGS)
    assert len(windows) > 2
    assert sum(label != IGNORED for row in windows["labels"] for label in row) == 120
    assert sum(len(row) for row in windows["input_ids"]) > 120 + 2 * len(windows)


def test_a_span_inside_a_word_is_refused_with_the_articles_id(reader: Reader) -> None:
    article = Article("bad-one", "قصفت طائرات", (Span(1, 3, "OPERATION"),))
    with pytest.raises(AnnotationError, match="bad-one"):
        encode_articles([article], reader, TAGS)


def test_a_label_that_the_schema_lacks_is_refused(reader: Reader) -> None:
    article = Article("odd", "قصفت طائرات", (Span(0, 4, "WEAPON"),))
    with pytest.raises(AnnotationError, match="B-WEAPON"):
        encode_articles([article], reader, TAGS)
