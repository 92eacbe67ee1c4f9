"""Training speed at AraBERT's shape, beside a plain Hugging Face recipe (``make bench-train``).

Both train the same random weights on the same paragraphs, in turns, in one process:

- plain: ``Trainer`` with its defaults and batches of 16. One example a paragraph, cut at 512
  tokens, in the order of the default sampler, padded to the longest of the batch, fp32, AdamW
  over every row of the embedding table.
- ours: the loop and the default settings of ``python -m trainer train``.
- ours, all layers to the end: the same with ``training.lower_layers_until=1``.

An update is faster once the lower layers rest, so they rest in that share of the measured updates that a training has.

Losses are compared on two small models: random weights, and the bundled encoder.

Tokens are those of words; padding and special tokens do not count on either side.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import BertForTokenClassification, PreTrainedTokenizerFast, set_seed

from trainer.core.files import write_json
from trainer.learning.benchmark_curves import TO_THE_END, compare_curves, pretrained_ground, random_ground
from trainer.learning.benchmark_sides import encode_paragraphs, train_ours, train_plain
from trainer.learning.config import DataConfig, TrainingConfig
from trainer.learning.data import TrainingData, load_data
from trainer.learning.encoding import encode_articles
from trainer.learning.memory import keep_freed_memory
from trainer.learning.progress import start_logging
from trainer.learning.provenance import describe_machine, read_commit, read_versions
from trainer.learning.rehearsal import arabert_config, build_tokenizer
from trainer.runtime.reading import Reader, ReadingSettings


def measure_speed(
    data: TrainingData, tokenizer: PreTrainedTokenizerFast, layers: int, rounds: int, updates: int
) -> dict[str, Any]:
    """Tokens a second of both sides, in turns, ``updates`` measured updates a round after one to warm up."""
    settings = TrainingConfig()
    reader = Reader(tokenizer.backend_tokenizer, ReadingSettings(max_length=settings.max_length))
    windows = encode_articles(data.train, reader, data.schema.tags)
    paragraphs = encode_paragraphs(data.train, tokenizer, data.schema.tags)
    config = arabert_config(tokenizer.pad_token_id, layers)
    config.num_labels = len(data.schema.tags)
    set_seed(1)
    plain_model = BertForTokenClassification(config)
    config.attention_probs_dropout_prob = settings.attention_dropout
    our_model = BertForTokenClassification(config)
    our_model.load_state_dict(plain_model.state_dict())
    found: list[dict[str, float]] = []
    for number in range(rounds):
        speeds = {
            "plain": train_plain(plain_model, paragraphs, tokenizer, updates + 1, number)[0],
            "ours": train_ours(our_model, windows, updates + 1, number, TrainingConfig())[0],
            TO_THE_END: train_ours(our_model, windows, updates + 1, number, TrainingConfig(lower_layers_until=1.0))[0],
        }
        row = {name: sum(speed.tokens) / sum(speed.durations) for name, speed in speeds.items()}
        found.append({**row, "load": os.getloadavg()[0]})
        print(json.dumps(found[-1]), flush=True)
    return {
        "layers": layers,
        "updates_a_round": updates,
        "rounds": found,
        "tokens_per_second": {name: statistics.median(row[name] for row in found) for name in speeds},
        "ratio": {name: statistics.median(row[name] / row["plain"] for row in found) for name in speeds},
    }


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/results/bench_train.json"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=8, help="measured updates a round")
    parser.add_argument("--layers", type=int, default=12, help="12 is AraBERT; fewer for a quick look")
    parser.add_argument("--curve-updates", type=int, default=100)
    parser.add_argument("--curve-encoder", type=Path, default=Path("models/encoder"))
    parser.add_argument("--curve-seeds", type=int, default=3)
    parser.add_argument("--parts", nargs="+", choices=("speed", "curves", "pretrained_curves"), help="the rest is kept")
    options = parser.parse_args()
    if options.updates % 4:
        parser.error("--updates must be a multiple of 4: lower layers rest in the last quarter of them")
    keep_freed_memory()
    start_logging(main_process=False)
    data = load_data(DataConfig())
    tokenizer = build_tokenizer(article.text for article in data.train)
    tags, updates, seeds = len(data.schema.tags), options.curve_updates, options.curve_seeds
    encoder = options.curve_encoder
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "speed": lambda: measure_speed(data, tokenizer, options.layers, options.rounds, options.updates),
        "curves": lambda: compare_curves(data, random_ground(tokenizer, tags), updates, seeds),
        "pretrained_curves": lambda: compare_curves(data, pretrained_ground(encoder, tags), updates, seeds),
    }
    figures: dict[str, Any] = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {}
    for name in options.parts or parts:
        measured = parts[name]()
        came = {"machine": describe_machine(), "versions": read_versions(), "commit": read_commit(Path.cwd())}
        figures[name] = {**measured, **came, "threads": torch.get_num_threads()}
        write_json(options.out, figures)
        print(json.dumps({name: measured.get("ratio") or measured["verdict"]}), flush=True)


if __name__ == "__main__":
    main()
