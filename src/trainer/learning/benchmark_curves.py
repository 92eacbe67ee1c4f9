"""Whether our loop learns as the plain recipe does: losses of both over the same data, small shape, several seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from transformers import BertForTokenClassification, PreTrainedTokenizerFast, set_seed

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
RATE = 1e-3
BATCH_TOKENS = 768  # about as many words an update as 16 paragraphs
SELDOM = "ours, lower layers seldom"
_STRETCH = 10  # updates that one point of a curve averages


def compare_curves(data: TrainingData, tokenizer: PreTrainedTokenizerFast, updates: int, seeds: int) -> dict[str, Any]:
    """Losses on training batches and on dev of both sides.

    Returns:
        Curves (mean loss of each ten updates, one row a seed), dev losses, and the verdict:
        whether the mean dev losses differ by less than twice their joint standard deviation
        over seeds, or by less than 2 %.
    """
    settings = TrainingConfig(learning_rate=RATE, head_learning_rate=RATE, batch_tokens=BATCH_TOKENS, weight_decay=0.0)
    reader = Reader(tokenizer.backend_tokenizer, ReadingSettings(max_length=settings.max_length))
    windows = encode_articles(data.train, reader, data.schema.tags)
    paragraphs = encode_paragraphs(data.train, tokenizer, data.schema.tags)
    dev = DevSet(data.dev, reader, data.schema.tags, data.schema.label_names)
    gold = dev.gold_tags()
    config = arabert_config(tokenizer.pad_token_id, LAYERS, HIDDEN)
    config.num_labels = len(data.schema.tags)
    curves: dict[str, list[list[float]]] = {"plain": [], "ours": [], SELDOM: []}
    dev_losses: dict[str, list[float]] = {name: [] for name in curves}
    words: dict[str, float] = {}
    for seed in range(seeds):
        for side in curves:
            set_seed(seed)
            model = BertForTokenClassification(config)
            if side == "plain":
                speed, losses = train_plain(model, paragraphs, tokenizer, updates, seed, learning_rate=RATE)
            else:
                chosen = replace(settings, lower_layers_every=3 if side == SELDOM else 1)
                speed, losses = train_ours(model, windows, updates, seed, chosen)
            curves[side].append(_smooth(losses))
            words[side] = statistics.mean(speed.tokens)
            dev_losses[side].append(fit_temperature(dev.score(TorchScorer(model))[1], gold).loss_before)
    return {
        "shape": {"layers": LAYERS, "hidden": HIDDEN},
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
