"""The span tagger: a plain ``AutoModelForTokenClassification`` with our tags."""

from __future__ import annotations

from pickle import UnpicklingError

import torch
from torch import nn
from transformers import AutoModelForTokenClassification, PreTrainedModel

from trainer.core.errors import ArtifactError
from trainer.learning.config import Precision, TrainingConfig
from trainer.learning.encoder import Encoder


def build_tagger(encoder: Encoder, tags: tuple[str, ...], config: TrainingConfig) -> PreTrainedModel:
    """A token classifier over an encoder; its head is random, and so is the encoder if nothing was pretrained.

    Raises:
        ArtifactError: The weights cannot be read, or the architecture has no token classifier.
    """
    settings = encoder.config
    settings.num_labels = len(tags)
    settings.id2label = dict(enumerate(tags))
    settings.label2id = {tag: index for index, tag in enumerate(tags)}
    for key, value in (
        ("hidden_dropout_prob", config.dropout),
        ("attention_probs_dropout_prob", config.attention_dropout),
        ("classifier_dropout", config.dropout),
    ):
        if hasattr(settings, key):
            setattr(settings, key, value)
    model = _load(encoder)
    table = model.get_input_embeddings()
    if isinstance(table, nn.Embedding):
        table.weight.requires_grad_(not config.freeze_embeddings)
        table.sparse = config.lazy_embeddings and not config.freeze_embeddings
    return model


def _load(encoder: Encoder) -> PreTrainedModel:
    if encoder.directory is None:
        return AutoModelForTokenClassification.from_config(encoder.config, dtype=torch.float32)
    try:
        return AutoModelForTokenClassification.from_pretrained(
            encoder.directory,
            config=encoder.config,
            dtype=torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            weights_only=True,
        )
    except (OSError, ValueError, RuntimeError, KeyError, UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ArtifactError(
            f"the weights cannot be loaded: {reason}",
            file=encoder.directory,
            remedy="name an encoder with PyTorch weights and a token-classification head in transformers",
        ) from error


def choose_autocast(precision: Precision) -> torch.dtype | None:
    """bfloat16 where it is asked for, or where the hardware multiplies it faster; None means float32."""
    if precision is Precision.fp32:
        return None
    if precision is Precision.bf16 or _has_bf16():
        return torch.bfloat16
    return None


def _has_bf16() -> bool:
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
