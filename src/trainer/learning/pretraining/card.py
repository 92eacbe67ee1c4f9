"""The model card of a pretrained encoder."""

from __future__ import annotations

from typing import Any

from trainer.learning.pretraining.cache import TokenCache
from trainer.learning.pretraining.config import PretrainConfig
from trainer.learning.pretraining.state import Counters


def write_card(config: PretrainConfig, model: Any, cache: TokenCache, counters: Counters) -> str:
    """Text of README.md."""
    shape = model.config
    origin = f"continued from `{config.encoder}`" if config.encoder else "trained from nothing"
    names = ", ".join(f"`{path.name}`" for path in config.corpus)
    return f"""# Arabic encoder

A masked language model of type `{shape.model_type}`, {origin} with `python -m trainer pretrain`.
It reads words split and folded by `trainer.core` (`normalisation.json`), one at a time
(`is_split_into_words=True`).

| | |
|---|---|
| layers x width | {shape.num_hidden_layers} x {shape.hidden_size}, {shape.num_attention_heads} heads |
| word pieces | {shape.vocab_size:,} |
| parameters | {sum(p.numel() for p in model.parameters()):,} |
| corpus | {names}: {len(cache.tokens):,} tokens in {len(cache.documents) - 1:,} documents |
| seen in training | {counters.tokens:,} tokens in {counters.step:,} steps |
| training time | {counters.seconds / 60:.0f} minutes |

{config.card}
"""
