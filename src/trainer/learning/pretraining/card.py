"""What a pretrained encoder says about itself: provenance.json and the model card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trainer.core.files import hash_file
from trainer.core.paths import repository_directory
from trainer.learning.pretraining.cache import TokenCache
from trainer.learning.pretraining.config import PretrainConfig
from trainer.learning.pretraining.state import Counters
from trainer.learning.provenance import describe_machine, read_commit, read_versions
from trainer.learning.run import to_plain

_PLACES = ("corpus", "output", "work", "card", "export_only")


def describe_corpus(files: Sequence[Path], cache: TokenCache) -> dict[str, Any]:
    """Names, hashes and size of the raw text; a folder's files are named alone, without where they lie."""
    return {
        "files": {path.name: hash_file(path) for path in files},
        "tokens": len(cache.tokens),
        "words": int(cache.starts.sum()),
        "documents": len(cache.documents) - 1,
    }


def describe_pretraining(
    config: PretrainConfig, corpus: dict[str, Any], counters: Counters, loss: float, accuracy: float
) -> dict[str, Any]:
    """Settings, data, compute and result of a run.

    Args:
        config: Its settings.
        corpus: What `describe_corpus` says.
        counters: How far it came.
        loss: On held-out documents, masked at 15 %.
        accuracy: Share of right guesses there.
    """
    settings = {key: value for key, value in to_plain(config).items() if key not in _PLACES}
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": config.seed,
        "commit": read_commit(repository_directory()),
        "configuration": settings,
        "corpus": corpus,
        "seen": asdict(counters),
        "held_out": {"loss": round(loss, 4), "accuracy": round(accuracy, 4)},
        "versions": read_versions(),
        "machine": describe_machine(),
    }


def write_card(config: PretrainConfig, model: Any, facts: dict[str, Any]) -> str:
    """Text of README.md.

    Args:
        config: Settings of the run; ``config.card`` tells of sources, licences and limits.
        model: The encoder.
        facts: What `describe_pretraining` says.
    """
    shape, corpus, seen, held = model.config, facts["corpus"], facts["seen"], facts["held_out"]
    origin = f"continued from `{config.encoder}`" if config.encoder else "trained from nothing"
    machine = facts["machine"]
    names = list(corpus["files"])
    files = ", ".join(f"`{name}`" for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return (
        f"""# {config.title}

A masked language model (`{shape.model_type}`), {origin} by `python -m trainer pretrain`.
Words go in one at a time (`is_split_into_words=True`), split and folded as `trainer.core` does
(`normalisation.json`); the tokenizer neither splits nor folds by itself.

| | |
|---|---|
| shape | {shape.num_hidden_layers} layers × {shape.hidden_size}, {shape.num_attention_heads} heads |
| word pieces | {shape.vocab_size:,} |
| parameters | {sum(p.numel() for p in model.parameters()):,} |
| corpus | {files}: {corpus["words"]:,} words, {corpus["tokens"]:,} tokens, {corpus["documents"]:,} documents |
| seen in training | {seen["tokens"]:,} tokens in {seen["step"]:,} steps |
| compute | {seen["seconds"] / 60:.0f} minutes on {machine["gpu"] or machine["processor"]}, {machine["cores"]} cores |
| held-out documents, 15 % masked | loss {held["loss"]}, accuracy {held["accuracy"]:.1%} |

`provenance.json` holds all settings, hashes and versions.

{config.card.strip()}
""".rstrip()
        + "\n"
    )
