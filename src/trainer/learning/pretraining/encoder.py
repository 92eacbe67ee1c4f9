"""The model that is trained: a compact one from nothing, or one that somebody else began."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import AutoModelForMaskedLM, AutoTokenizer, BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from trainer.core.errors import ArtifactError
from trainer.learning.pretraining.blocks import Special
from trainer.learning.pretraining.cache import TokenCache
from trainer.learning.pretraining.config import PretrainConfig
from trainer.learning.pretraining.initialisation import initialise, position_size
from trainer.learning.pretraining.vectors import train_vectors


def describe_special(tokenizer: PreTrainedTokenizerFast) -> Special:
    """Ids of the tokenizer's special tokens.

    Raises:
        ArtifactError: It lacks one, and so belongs to no masked language model.
    """
    ids: dict[str, int] = {}
    for name in ("cls", "sep", "mask", "pad"):
        number = getattr(tokenizer, f"{name}_token_id")
        if number is None:
            raise ArtifactError(
                f"the tokenizer has no [{name.upper()}] token", record=tokenizer.name_or_path,
                remedy="continue an encoder that was trained as a masked language model",
            )  # fmt: skip
        ids[name] = number
    return Special(**ids, size=len(tokenizer))


def make_compact(config: PretrainConfig, tokenizer: PreTrainedTokenizerFast, cache: TokenCache) -> BertForMaskedLM:
    """A fresh BERT-shaped model whose first weights hold what co-occurrence knows.

    Vectors are kept in the run's folder, since they take minutes.
    """
    shape, pieces = config.shape, len(tokenizer)
    bert = BertConfig(
        vocab_size=pieces,
        num_hidden_layers=shape.layers,
        hidden_size=shape.hidden,
        num_attention_heads=shape.heads,
        intermediate_size=shape.intermediate,
        max_position_embeddings=shape.positions,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(config.seed)
    model = BertForMaskedLM(bert)
    size = shape.hidden - position_size(bert)
    if config.static_vectors:
        vectors = _vectors(config.work / f"vectors-{pieces}x{size}.pt", cache, pieces, size)
    else:
        vectors = torch.randn(pieces, size)
    initialise(model, vectors, np.bincount(cache.tokens, minlength=pieces))
    return model


def _vectors(path: Path, cache: TokenCache, pieces: int, size: int) -> torch.Tensor:
    if path.exists():
        kept: torch.Tensor = torch.load(path, weights_only=True)
        return kept
    vectors = train_vectors(cache, pieces, size)
    part = path.with_suffix(".part")
    torch.save(vectors, part)
    part.replace(path)
    return vectors


def open_encoder(folder: Path) -> tuple[Any, nn.Module]:
    """Tokenizer and masked language model of an encoder's directory.

    Raises:
        ArtifactError: It cannot be loaded, or its tokenizer is not a fast one.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, use_fast=True)
        model = AutoModelForMaskedLM.from_pretrained(folder, trust_remote_code=False, dtype=torch.float32)
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(f"cannot be loaded: {error}", file=folder, remedy="name another encoder") from error
    if not tokenizer.is_fast:
        raise ArtifactError("has no fast tokenizer", file=folder, remedy="convert it with tokenizers, or name another")
    return tokenizer, model


def count_positions(model: Any) -> int:
    """Most tokens that an encoder reads; RoBERTa and its like keep two of their positions for padding."""
    positions = int(getattr(model.config, "max_position_embeddings", 512))
    kind = str(model.config.model_type)
    return positions - 2 if "roberta" in kind or kind == "camembert" else positions
