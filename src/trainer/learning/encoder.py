"""The encoder that a run starts from: weights, tokenizer and how words are folded for it."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer, BertConfig, PretrainedConfig, PreTrainedTokenizerBase

from trainer.core.errors import ArtifactError
from trainer.core.files import hash_file
from trainer.core.normalisation import Normalisation
from trainer.learning.hub import find_encoder, find_weights, refuse_segmented
from trainer.learning.model_config import ModelConfig, ShapeConfig
from trainer.learning.pretraining.vocabulary import NORMALISATION_FILE, count_words, train_wordpiece

logger = logging.getLogger(__name__)

_SEGMENTED_PIECES = ("ال+", "و+", "+ها", "+ات")
_ROBERTA_LIKE = ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl")


@dataclass(frozen=True, slots=True)
class Encoder:
    """What a tagger is built on.

    Attributes:
        name: As configured, or ``random weights``.
        directory: Where its files lie; None for random weights.
        config: Its architecture.
        tokenizer: Backed by a Rust tokenizer.
        normalisation: How words are folded before they are tokenised.
        weights_hash: SHA-256 of its weights file; None for random weights.
    """

    name: str
    directory: Path | None
    config: PretrainedConfig
    tokenizer: PreTrainedTokenizerBase
    normalisation: Normalisation
    weights_hash: str | None

    @property
    def from_scratch(self) -> bool:
        """Whether nothing was pretrained."""
        return self.directory is None

    @property
    def positions(self) -> int:
        """Most tokens it can read."""
        most = int(getattr(self.config, "max_position_embeddings", 512))
        return most - 2 if self.config.model_type in _ROBERTA_LIKE else most


def open_encoder(config: ModelConfig, texts: Iterable[str], vocabulary: Path | None = None) -> Encoder:
    """The configured encoder, or random weights of the configured shape.

    Args:
        config: See `ModelConfig`.
        texts: Training texts; they teach the vocabulary of random weights.
        vocabulary: Directory that keeps this vocabulary, so that a resumed run reads as it did before.

    Raises:
        ArtifactError: A local directory is missing or not an encoder's.
        HubError: The Hub was needed and cannot be reached.
        ConfigError: The encoder reads Farasa segments.
    """
    directory = find_encoder(config)
    if directory is None or config.encoder is None:
        return _from_scratch(config, texts, vocabulary)
    try:
        model_config = AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and the Rust library's own
        raise ArtifactError(f"cannot be loaded: {error}", file=directory, remedy="name a complete encoder") from error
    _check_tokenizer(config.encoder, tokenizer)
    weights = find_weights(directory)
    return Encoder(
        name=config.encoder,
        directory=directory,
        config=model_config,
        tokenizer=tokenizer,
        normalisation=_read_normalisation(directory) or config.normalisation.to_normalisation(),
        weights_hash=None if weights is None else hash_file(weights),
    )


def _from_scratch(model: ModelConfig, texts: Iterable[str], vocabulary: Path | None) -> Encoder:
    shape, normalisation = model.shape or ShapeConfig(), model.normalisation.to_normalisation()
    if model.encoder is not None:
        logger.warning(
            "%s does not exist: TRAINING FROM RANDOM WEIGHTS of the same shape, nothing is pretrained", model.encoder
        )
    else:
        logger.warning("TRAINING FROM RANDOM WEIGHTS: no encoder is configured, nothing is pretrained")
    if vocabulary is not None and vocabulary.is_dir():
        tokenizer = AutoTokenizer.from_pretrained(vocabulary, local_files_only=True)
    else:
        tokenizer = train_wordpiece(
            count_words(([text] for text in texts), normalisation), shape.vocabulary, shape.positions
        )
        if vocabulary is not None:
            unfinished = vocabulary.with_name(f"{vocabulary.name}.tmp")
            shutil.rmtree(unfinished, ignore_errors=True)
            tokenizer.save_pretrained(unfinished)
            unfinished.rename(vocabulary)
    config = BertConfig(
        vocab_size=len(tokenizer),
        num_hidden_layers=shape.layers,
        hidden_size=shape.hidden,
        num_attention_heads=shape.heads,
        intermediate_size=shape.intermediate,
        max_position_embeddings=shape.positions,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Encoder("random weights", None, config, tokenizer, normalisation, None)


def _read_normalisation(directory: Path) -> Normalisation | None:
    path = directory / NORMALISATION_FILE
    if not path.is_file():
        return None
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
        return Normalisation(**value)
    except (ValueError, TypeError) as error:
        raise ArtifactError(f"not valid: {error}", file=path, remedy="restore the encoder's directory") from error


def _check_tokenizer(name: str, tokenizer: PreTrainedTokenizerBase) -> None:
    if not getattr(tokenizer, "is_fast", False):
        raise ArtifactError("the tokenizer has no Rust form", record=name, remedy="name an encoder with tokenizer.json")
    vocabulary = tokenizer.get_vocab()
    if all(piece in vocabulary for piece in _SEGMENTED_PIECES):
        refuse_segmented(name)
