"""Training speed at AraBERT's shape, beside a plain Hugging Face recipe (``make bench-train``).

Both train the same random weights on the same paragraphs, in turns, in one process:

- plain: ``Trainer`` with its defaults and batches of 16. One example a paragraph, cut at 512
  tokens, in the order of the default sampler, padded to the longest of the batch, fp32, AdamW
  over every row of the embedding table.
- ours: the loop and the default settings of ``python -m trainer train``.

Tokens are those of words; padding and special tokens do not count on either side.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path
from typing import Any

import torch
from transformers import BertForTokenClassification, PreTrainedTokenizerFast, set_seed

from trainer.core.files import write_json
from trainer.learning.benchmark_curves import compare_curves
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
        plain, _ = train_plain(plain_model, paragraphs, tokenizer, updates + 1, number)
        ours, _ = train_ours(our_model, windows, updates + 1, number, TrainingConfig())
        row = {name: sum(s.tokens) / sum(s.durations) for name, s in (("plain", plain), ("ours", ours))}
        found.append({**row, "ratio": row["ours"] / row["plain"], "load": os.getloadavg()[0]})
        print(json.dumps(found[-1]), flush=True)
    return {
        "layers": layers,
        "updates_a_round": updates,
        "rounds": found,
        "plain_tokens_per_second": statistics.median(row["plain"] for row in found),
        "ours_tokens_per_second": statistics.median(row["ours"] for row in found),
        "ratio": statistics.median(row["ratio"] for row in found),
    }


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/results/bench_train.json"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=6, help="measured updates a round")
    parser.add_argument("--layers", type=int, default=12, help="12 is AraBERT; fewer for a quick look")
    parser.add_argument("--curve-updates", type=int, default=100)
    parser.add_argument("--curve-seeds", type=int, default=3)
    options = parser.parse_args()
    keep_freed_memory()
    start_logging(main_process=False)
    data = load_data(DataConfig())
    tokenizer = build_tokenizer(article.text for article in data.train)
    figures = {
        "machine": describe_machine(),
        "threads": torch.get_num_threads(),
        "versions": read_versions(),
        "commit": read_commit(Path.cwd()),
        "speed": measure_speed(data, tokenizer, options.layers, options.rounds, options.updates),
        "curves": compare_curves(data, tokenizer, options.curve_updates, options.curve_seeds),
    }
    write_json(options.out, figures)
    print(json.dumps({"ratio": figures["speed"]["ratio"], "curves": figures["curves"]["verdict"]}))


if __name__ == "__main__":
    main()
