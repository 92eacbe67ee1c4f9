"""Noise changes what is tokenised, never words, offsets or tags."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from trainer.core.errors import ConfigError
from trainer.core.schema import EventSchema
from trainer.core.types import Article
from trainer.core.words import split_words
from trainer.learning.config import TrainingConfig
from trainer.learning.encoding import encode_articles
from trainer.learning.noise import WordMask, WordNoise, can_take_conjunction, spell_in_haste
from trainer.runtime.reading import Reader, ReadingSettings, load_reader

WORDS = split_words("أعلنت الحكومة اللبنانية في بيروت إرسال 12 شاحنة إلى مخيم")


@pytest.fixture(scope="module")
def reader(tiny_encoder: Path) -> Reader:
    return load_reader(tiny_encoder, ReadingSettings(max_length=64, overlap=8))


def test_without_noise_nothing_changes() -> None:
    noise = WordNoise(0.0, 0.0, 1)
    assert not noise
    assert noise.spell(WORDS) == [word.normal for word in WORDS]


def test_an_article_in_haste_is_spelt_so_throughout() -> None:
    assert WordNoise(1.0, 0.0, 1).spell(WORDS) == [
        "اعلنت", "الحكومه", "اللبنانيه", "في", "بيروت", "ارسال", "12", "شاحنه", "الى", "مخيم",
    ]  # fmt: skip


def test_every_word_that_can_takes_a_conjunction_when_all_should() -> None:
    forms = WordNoise(0.0, 1.0, 1).spell(WORDS)
    assert forms == [
        "وأعلنت", "والحكومة", "واللبنانية", "في", "بيروت", "وإرسال", "12", "وشاحنة", "وإلى", "ومخيم",
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["وقال", "في", "بغداد", "لبنان", "كابل", "12", "UN", "من"])
def test_a_word_that_may_begin_with_a_clitic_or_is_short_takes_none(form: str) -> None:
    assert not can_take_conjunction(form)


def test_short_words_keep_their_spelling() -> None:
    assert spell_in_haste("أن") == "أن"


def test_the_same_seed_draws_the_same_noise() -> None:
    assert WordNoise(0.5, 0.5, 3).spell(WORDS) == WordNoise(0.5, 0.5, 3).spell(WORDS)
    drawn = {tuple(WordNoise(0.5, 0.5, seed).spell(WORDS)) for seed in range(8)}
    assert len(drawn) > 1


def test_labels_and_words_stay_under_noise(articles: tuple[Article, ...], reader: Reader, schema: EventSchema) -> None:
    noise = WordNoise(1.0, 1.0, 1)
    clean = encode_articles(articles, reader, schema.tags)
    noisy = encode_articles(articles, reader, schema.tags, noise.spell)
    assert clean["input_ids"] != noisy["input_ids"]
    kept = [[label for row in windows["labels"] for label in row if label >= 0] for windows in (clean, noisy)]
    assert kept[0] == kept[1]


def _hide(share: float, encoder: Path) -> tuple[WordMask, torch.Tensor, torch.Tensor, torch.Tensor, int]:
    tokenizer = AutoTokenizer.from_pretrained(encoder, local_files_only=True)
    first, last, padding = tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id
    words = [token for token in range(len(tokenizer)) if token not in tokenizer.all_special_ids][:5]
    ids = torch.tensor([[first, *words, last], [first, *words[:3], last, padding, padding]]).repeat(200, 1)
    labels = torch.tensor([[-100, 0, -100, 3, -100, 1, -100], [-100, 2, -100, -100, -100, -100, -100]]).repeat(200, 1)
    mask = WordMask(share, tokenizer)
    return mask, ids, labels, mask.hide(ids, labels), tokenizer.mask_token_id


def test_hidden_words_are_hidden_whole_and_special_tokens_stay(tiny_encoder: Path) -> None:
    _, ids, _, hidden, mask_id = _hide(0.4, tiny_encoder)
    gone = hidden == mask_id
    assert torch.equal(hidden[~gone], ids[~gone])
    assert not gone[:, 0].any()
    long, short = gone[0::2], gone[1::2]
    assert not long[:, 6].any()
    assert not short[:, 4:].any()
    assert torch.equal(long[:, 1], long[:, 2])
    assert torch.equal(long[:, 3], long[:, 4])
    assert torch.equal(short[:, 1], short[:, 3])
    assert 0.3 < float(gone[:, 1].float().mean()) < 0.5


def test_words_are_hidden_afresh_each_time_and_alike_from_the_same_state(tiny_encoder: Path) -> None:
    mask, ids, labels, _, _ = _hide(0.4, tiny_encoder)
    torch.manual_seed(5)
    first, second = mask.hide(ids, labels), mask.hide(ids, labels)
    torch.manual_seed(5)
    assert torch.equal(mask.hide(ids, labels), first)
    assert not torch.equal(first, second)


def test_a_share_beyond_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="not allowed"):
        TrainingConfig(spelling_noise=1.5)
