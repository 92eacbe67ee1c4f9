from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer, BertForTokenClassification

from trainer.core.schema import EventSchema
from trainer.core.types import Article
from trainer.learning.benchmark_sides import encode_paragraphs, train_ours, train_plain
from trainer.learning.config import TrainingConfig
from trainer.learning.encoding import IGNORED, encode_articles
from trainer.learning.rehearsal import VOCABULARY, arabert_config, build_tokenizer
from trainer.runtime.reading import ReadingSettings, load_reader


def test_both_sides_get_the_same_words_and_tags(
    articles: tuple[Article, ...], schema: EventSchema, tiny_encoder: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    paragraphs = encode_paragraphs(articles, tokenizer, schema.tags)
    windows = encode_articles(
        articles, load_reader(tiny_encoder, ReadingSettings(max_length=64, overlap=8)), schema.tags
    )

    def labels(rows: list[list[int]]) -> list[int]:
        return [label for row in rows for label in row if label != IGNORED]

    assert labels(paragraphs["labels"]) == labels(windows["labels"])
    assert len(paragraphs) == sum(1 for article in articles for line in article.text.split("\n") if line.strip())


@pytest.fixture(scope="module")
def model(schema: EventSchema, tiny_encoder: Path) -> BertForTokenClassification:
    return BertForTokenClassification.from_pretrained(tiny_encoder, num_labels=len(schema.tags))


def test_both_sides_count_the_tokens_of_words_alone(
    articles: tuple[Article, ...], schema: EventSchema, tiny_encoder: Path, model: BertForTokenClassification
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    paragraphs = encode_paragraphs(articles, tokenizer, schema.tags)
    windows = encode_articles(
        articles, load_reader(tiny_encoder, ReadingSettings(max_length=64, overlap=8)), schema.tags
    )
    words = sum(len(row) - 2 for row in paragraphs["input_ids"])
    assert words == sum(len(row) - 2 for row in windows["input_ids"])
    plain, losses = train_plain(model, paragraphs, tokenizer, 3, 0)
    assert plain.tokens == [words, words]  # one batch of 16 holds all paragraphs
    assert len(losses) == 3
    ours, losses = train_ours(model, windows, 3, 0, TrainingConfig(batch_tokens=4096))
    assert ours.tokens == [words, words]
    assert len(losses) == 3


def test_the_rehearsal_has_araberts_exact_shape() -> None:
    config = arabert_config()
    assert (config.vocab_size, config.num_hidden_layers, config.hidden_size) == (64_000, 12, 768)
    assert (config.num_attention_heads, config.intermediate_size, config.max_position_embeddings) == (12, 3072, 512)
    tokenizer = build_tokenizer(["قصف الجيش المدينة"] * 3)
    assert len(tokenizer) == VOCABULARY
    assert tokenizer.tokenize("الجيش") == ["الجيش"]
