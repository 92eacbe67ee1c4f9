"""Whether our loop learns as the plain recipe does: losses of both over the same data, small shape, several seeds."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoTokenizer, BertForTokenClassification, PreTrainedTokenizerFast, set_seed

from trainer.core.normalisation import Normalisation
from trainer.learning.benchmark_sides import encode_paragraphs, train_ours, train_plain
from trainer.learning.calibrate import fit_temperature
from trainer.learning.config import TrainingConfig
from trainer.learning.data import TrainingData
from trainer.learning.development import DevSet
from trainer.learning.encoding import encode_articles
from trainer.learning.rehearsal import arabert_config
from trainer.learning.torch_scorer import TorchScorer
from trainer.runtime.reading import Reader, ReadingSettings

LAYERS, HIDDEN = 2, 128
RANDOM_RATE, PRETRAINED_RATE = 1e-3, 3e-4
BATCH_TOKENS = 768  # about as many words an update as 16 paragraphs
TO_THE_END = "ours, all layers to the end"
_STRETCH = 10  # updates that one point of a curve averages


@dataclass(frozen=True, slots=True)
class Ground:
    """A small model that both sides train.

    Attributes:
        shape: What the figures say of it.
        pretrained: Whether lower layers may rest: `trainer.learning.train` lets those of random weights learn on.
        rate: Learning rate of all sides.
        sides: Names of the sides.
        tokenizer: Its tokenizer.
        normalisation: Folding of words before they are tokenised.
        build: A fresh model.
    """

    shape: dict[str, Any]
    pretrained: bool
    rate: float
    sides: tuple[str, ...]
    tokenizer: PreTrainedTokenizerFast
    normalisation: Normalisation
    build: Callable[[], BertForTokenClassification]


def random_ground(tokenizer: PreTrainedTokenizerFast, tags: int) -> Ground:
    """A small BERT of random weights."""
    config = arabert_config(tokenizer.pad_token_id, LAYERS, HIDDEN)
    config.num_labels = tags
    shape = {"layers": LAYERS, "hidden": HIDDEN, "weights": "random"}
    sides = ("plain", "ours")
    return Ground(
        shape, False, RANDOM_RATE, sides, tokenizer, Normalisation(), lambda: BertForTokenClassification(config)
    )


def pretrained_ground(directory: Path, tags: int) -> Ground:
    """An encoder of the disk; lower layers rest where weights are pretrained, so that is judged on some."""
    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    normalisation = json.loads((directory / "normalisation.json").read_text(encoding="utf-8"))
    config = AutoConfig.from_pretrained(directory, local_files_only=True, num_labels=tags)
    config.hidden_dropout_prob = 0.0  # it was pretrained without, and learns nothing with it
    shape = {"layers": config.num_hidden_layers, "hidden": config.hidden_size, "weights": directory.name}

    def build() -> BertForTokenClassification:
        model: BertForTokenClassification = BertForTokenClassification.from_pretrained(
            directory, config=config, local_files_only=True, dtype=torch.float32
        )
        return model

    sides = ("plain", "ours", TO_THE_END)
    return Ground(shape, True, PRETRAINED_RATE, sides, tokenizer, Normalisation(**normalisation), build)


def compare_curves(data: TrainingData, ground: Ground, updates: int, seeds: int) -> dict[str, Any]:
    """Losses on training batches and on dev of all sides.

    Returns:
        Curves (mean loss of each ten updates, one row a seed), dev losses, and the verdict:
        whether the mean dev losses differ by less than twice their joint standard deviation
        over seeds, or by less than 2 %.
    """
    tags = data.schema.tags
    settings = TrainingConfig(
        learning_rate=ground.rate, head_learning_rate=ground.rate, batch_tokens=BATCH_TOKENS, weight_decay=0.0
    )
    reader = Reader(
        ground.tokenizer.backend_tokenizer, ReadingSettings(ground.normalisation, max_length=settings.max_length)
    )
    windows = encode_articles(data.train, reader, tags)
    paragraphs = encode_paragraphs(data.train, ground.tokenizer, tags, ground.normalisation)
    dev = DevSet(data.dev, reader, tags, data.schema.label_names)
    gold = dev.gold_tags()
    curves: dict[str, list[list[float]]] = {name: [] for name in ground.sides}
    dev_losses: dict[str, list[float]] = {name: [] for name in curves}
    words: dict[str, float] = {}
    for seed in range(seeds):
        for side in curves:
            set_seed(seed)
            model = ground.build()
            if side == "plain":
                speed, losses = train_plain(
                    model, paragraphs, ground.tokenizer, updates, seed, learning_rate=ground.rate
                )
            else:
                rests = ground.pretrained and side != TO_THE_END
                chosen = replace(settings, lower_layers_until=settings.lower_layers_until if rests else 1.0)
                speed, losses = train_ours(model, windows, updates, seed, chosen)
            curves[side].append(_smooth(losses))
            words[side] = statistics.mean(speed.tokens)
            dev_losses[side].append(fit_temperature(dev.score(TorchScorer(model))[1], gold).loss_before)
    return {
        "shape": ground.shape,
        "updates": updates,
        "tokens_an_update": words,
        "training_loss": curves,
        "dev_loss": dev_losses,
        "verdict": _judge(dev_losses),
    }


def _smooth(losses: Sequence[float]) -> list[float]:
    return [round(statistics.mean(losses[first : first + _STRETCH]), 4) for first in range(0, len(losses), _STRETCH)]


def _judge(losses: dict[str, list[float]]) -> dict[str, Any]:
    """Each of our settings beside the plain recipe."""
    plain = losses["plain"]
    verdict: dict[str, Any] = {"plain": statistics.mean(plain)}
    for side, values in losses.items():
        if side != "plain":
            spread = sum(statistics.variance(row) for row in (values, plain) if len(row) > 1) ** 0.5
            gap = statistics.mean(values) - statistics.mean(plain)
            within = abs(gap) <= max(2 * spread, 0.02 * statistics.mean(plain))
            verdict[side] = {"loss": statistics.mean(values), "gap": gap, "spread": spread, "within_noise": within}
    return verdict
