"""A rehearsal of ``+exp=arabert`` without the network: AraBERT's exact shape, random weights.

``python -m trainer.learning.rehearsal`` lays such a checkpoint out in a temporary cache under its
Hub name, trains a few updates on it offline by that name, and writes seconds an update and peak
memory to ``docs/results/arabert_rehearsal.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from trainer.core.errors import TrainerError
from trainer.core.files import write_json
from trainer.core.words import split_words
from trainer.learning.pretraining.vocabulary import train_wordpiece
from trainer.learning.provenance import describe_machine, read_commit, read_versions

ARABERT = "aubmindlab/bert-base-arabertv02"
VOCABULARY = 64_000
_SPECIAL = ("unk_token", "pad_token", "cls_token", "sep_token", "mask_token")
_REVISION = "0" * 40


def arabert_config(padding_id: int = 0, layers: int = 12, hidden: int = 768) -> BertConfig:
    """AraBERT v0.2 base: 64,000 pieces, 12 layers of 768, 512 positions."""
    return BertConfig(
        vocab_size=VOCABULARY,
        num_hidden_layers=layers,
        hidden_size=hidden,
        num_attention_heads=max(1, hidden // 64),
        intermediate_size=4 * hidden,
        max_position_embeddings=512,
        pad_token_id=padding_id,
    )


def build_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A WordPiece tokenizer of 64,000 pieces: those of the texts, then fillers that never occur."""
    counts = Counter(word.normal for text in texts for word in split_words(text) if word.normal)
    tokenizer = train_wordpiece(counts, 16_000, 512)
    state: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    vocabulary: dict[str, int] = state["model"]["vocab"]
    for number in range(len(vocabulary), VOCABULARY):
        vocabulary[f"[unused{number}]"] = number
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        model_max_length=512,
        **{
            name: getattr(tokenizer, name)
            for name in ("unk_token", "pad_token", "cls_token", "sep_token", "mask_token")
        },
    )


def fill_cache(home: Path, texts: Iterable[str]) -> Path:
    """A cache (``HF_HOME``) that holds the shape under AraBERT's name.

    Returns:
        The directory of the checkpoint inside the cache.
    """
    repository = home / "hub" / f"models--{ARABERT.replace('/', '--')}"
    snapshot = repository / "snapshots" / _REVISION
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(_REVISION, encoding="utf-8")
    tokenizer = build_tokenizer(texts)
    tokenizer.save_pretrained(snapshot)
    BertForMaskedLM(arabert_config(tokenizer.pad_token_id)).save_pretrained(snapshot)
    return snapshot


def rehearse(texts: Iterable[str], updates: int, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Train a few updates of the tagger by Hub name, offline, in a process of its own.

    Raises:
        TrainerError: The training command failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        home, run = Path(folder) / "home", Path(folder) / "run"
        fill_cache(home, texts)
        command = [sys.executable, "-m", "trainer", "train", "+exp=arabert", f"hydra.run.dir={run}"]
        command += [f"training.max_steps={updates}", "event_head.enabled=false", *overrides]
        environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
        environment.pop("HF_HUB_CACHE", None)
        result = subprocess.run(command, env=environment, check=False)
        if result.returncode != 0:
            raise TrainerError(f"the rehearsal's training ended with code {result.returncode}")
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    speed = metrics["speed"]
    return {
        "encoder": ARABERT,
        "weights": "random",
        "vocabulary": VOCABULARY,
        "updates": speed["updates"],
        "seconds_per_update": round(speed["seconds"] / speed["updates"], 2),
        "tokens_per_second": round(speed["tokens"] / speed["seconds"], 1),
        "peak_memory_mb": round(peak),
        "machine": describe_machine(),
        "versions": read_versions(),
        "commit": read_commit(Path.cwd()),
    }


def main() -> None:
    """Rehearse on the shipped training articles and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("docs/results/arabert_rehearsal.json"))
    arguments = parser.parse_args()
    from trainer.learning.config import DataConfig
    from trainer.learning.data import load_data

    data = load_data(DataConfig())
    figures = rehearse((article.text for article in data.train), arguments.updates)
    write_json(arguments.out, figures)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
