"""The two sides of the training benchmark: a plain recipe, and our loop; see `trainer.learning.benchmark`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import (
    BertForTokenClassification,
    DataCollatorForTokenClassification,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_utils import IntervalStrategy, SaveStrategy

from trainer.core.bio import spans_to_tags
from trainer.core.metrics import Counts
from trainer.core.normalisation import Normalisation
from trainer.core.types import Article
from trainer.core.words import split_paragraphs, split_words
from trainer.learning.config import TrainConfig, TrainingConfig
from trainer.learning.development import DevScores
from trainer.learning.encoding import IGNORED
from trainer.learning.loop import TaggerTrainer
from trainer.learning.loss import build_loss
from trainer.learning.model_config import ModelConfig
from trainer.learning.observer import Speed
from trainer.learning.tagger import choose_autocast
from trainer.runtime.reading import SPECIAL_TOKENS

PLAIN_BATCH, PLAIN_LENGTH = 16, 512


def encode_paragraphs(
    articles: Sequence[Article],
    tokenizer: PreTrainedTokenizerFast,
    tags: Sequence[str],
    normalisation: Normalisation = Normalisation(),
) -> Dataset:
    """One example a paragraph, as token-classification recipes make them."""
    order = {tag: index for index, tag in enumerate(tags)}
    rows: dict[str, list[list[int]]] = {"input_ids": [], "attention_mask": [], "labels": []}
    for article in articles:
        words = split_words(article.text, normalisation)
        targets = [order[tag] for tag in spans_to_tags(words, article.spans)]
        for paragraph in split_paragraphs(article.text, words):
            first, last = paragraph.first_word, paragraph.last_word
            encoding = tokenizer(
                [word.normal for word in words[first:last]],
                is_split_into_words=True,
                truncation=True,
                max_length=PLAIN_LENGTH,
            )
            owners = encoding.word_ids()
            rows["input_ids"].append(encoding["input_ids"])
            rows["attention_mask"].append(encoding["attention_mask"])
            rows["labels"].append(
                [
                    IGNORED if owner is None or owner == previous else targets[first + owner]
                    for owner, previous in zip(owners, [None, *owners[:-1]], strict=True)
                ]
            )
    return Dataset.from_dict(rows)


class _Clock(TrainerCallback):  # type: ignore[misc]
    """Times updates, and counts the tokens of the batches in the order in which they are made."""

    def __init__(self, collator: DataCollatorForTokenClassification) -> None:
        self._collator, self._done = collator, 0
        self._batches: list[int] = []
        self.speed = Speed()

    def collate(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        """The recipe's batch."""
        batch = self._collator(rows)
        self._batches.append(int(batch["attention_mask"].sum()) - SPECIAL_TOKENS * len(rows))
        return batch

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """An update begins; batches may have been made ahead of it."""
        self.speed.begin()
        self.speed.count(self._batches[self._done])

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """The update is done."""
        self.speed.end()
        self._done += 1


def train_plain(
    model: BertForTokenClassification,
    paragraphs: Dataset,
    tokenizer: PreTrainedTokenizerFast,
    updates: int,
    seed: int,
    **settings: Any,
) -> tuple[Speed, list[float]]:
    """Speed and losses of so many updates of the plain recipe; ``settings`` change its defaults."""
    clock = _Clock(DataCollatorForTokenClassification(tokenizer))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=PLAIN_BATCH,
            max_steps=updates,
            seed=seed,
            use_cpu=not torch.cuda.is_available(),
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            report_to="none",
            dataloader_pin_memory=False,
            **settings,
        )
        trainer = Trainer(model, arguments, clock.collate, paragraphs, callbacks=[clock])
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return clock.speed, [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def train_ours(
    model: BertForTokenClassification, windows: Dataset, updates: int, seed: int, settings: TrainingConfig
) -> tuple[Speed, list[float]]:
    """Speed and losses of so many updates of our loop."""
    settings.max_steps, settings.warmup = updates, 0.0  # as the recipe has none
    table = model.get_input_embeddings()
    table.sparse = settings.lazy_embeddings
    loss = build_loss(windows["labels"], model.config.num_labels, 0.0, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(
            directory=Path(folder), seed=seed, training=settings, model=ModelConfig(encoder="benchmark")
        )
        trainer = TaggerTrainer(
            model, windows, lambda: DevScores(Counts(), {}, ()), config, loss, choose_autocast(settings.precision)
        )
        trainer.args.save_strategy = SaveStrategy.NO
        trainer.args.logging_strategy, trainer.args.logging_steps = IntervalStrategy.STEPS, 1
        speed = trainer.start(None)
    return speed, [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
