"""First weights of a compact encoder: what is known beforehand is written in, not learnt.

- Piece embeddings (tied to the output layer) are static vectors of the corpus.
- Positions are sinusoids in dimensions of their own, so that "one to the left" is a rotation.
- Some heads of the first layer are those rotations: they look at the neighbours from the first step on
  (after Trockman and Kolter 2023, mimetic initialisation).
- The output bias is the logarithm of each piece's frequency.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from transformers import BertConfig, BertForMaskedLM

_OFFSETS = (-1, 1, -2, 2)
_CAUTION = 0.25  # first guesses follow the frequencies of pieces, little disturbed by what is not learnt yet
_SHARPNESS = 2.0  # at 2 a head puts about two thirds of its attention on the one position it looks for


def position_size(config: BertConfig) -> int:
    """Dimensions kept for positions: what one head can read, at most 32."""
    return min(32, int(config.hidden_size) // int(config.num_attention_heads))


def _frequencies(size: int) -> torch.Tensor:
    return torch.logspace(math.log10(2.0), math.log10(0.01), size // 2)


def _sinusoids(positions: int, size: int) -> torch.Tensor:
    """Cosines then sines; shape (positions, size)."""
    angle = torch.arange(positions)[:, None] * _frequencies(size)[None, :]
    return torch.cat([angle.cos(), angle.sin()], 1)


def _rotation(offset: int, size: int) -> torch.Tensor:
    """The matrix that turns the sinusoids of a position into those of ``position + offset``."""
    angle = _frequencies(size) * offset
    cos, sin = torch.diag(angle.cos()), torch.diag(angle.sin())
    return torch.cat([torch.cat([cos, -sin], 1), torch.cat([sin, cos], 1)], 0)


@torch.no_grad()  # type: ignore[untyped-decorator]
def initialise(
    model: BertForMaskedLM, vectors: torch.Tensor, frequency: npt.NDArray[np.int64], scale: float = 0.05
) -> None:
    """Overwrites a fresh model's weights.

    Args:
        model: BERT-shaped masked language model with tied embeddings.
        vectors: Static vectors of the pieces, root mean square 1; shape (pieces, hidden - `position_size`).
        frequency: How often each piece occurs; shape (pieces,).
        scale: Root mean square of the embeddings.
    """
    config = model.config
    hidden, space = config.hidden_size, position_size(config)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=1 / math.sqrt(module.in_features))
            nn.init.zeros_(module.bias)
    embeddings = model.bert.embeddings
    table = torch.zeros(config.vocab_size, hidden)
    unseen = vectors.abs().sum(1) == 0
    table[:, : hidden - space] = vectors * scale
    table[unseen, : hidden - space] = torch.randn(int(unseen.sum()), hidden - space) * scale
    embeddings.word_embeddings.weight.copy_(table)
    embeddings.token_type_embeddings.weight.zero_()
    positions = torch.zeros(config.max_position_embeddings, hidden)
    positions[:, hidden - space :] = _sinusoids(config.max_position_embeddings, space) * math.sqrt(2) * scale
    embeddings.position_embeddings.weight.copy_(positions)
    for layer in model.bert.encoder.layer:
        layer.attention.output.dense.weight.mul_(0.5)
        layer.output.dense.weight.mul_(0.5)
    _aim_heads(model.bert.encoder.layer[0].attention.self, hidden, space, config.num_attention_heads)
    model.cls.predictions.transform.LayerNorm.weight.fill_(_CAUTION)
    model.cls.predictions.decoder.weight = embeddings.word_embeddings.weight
    model.cls.predictions.bias.copy_(torch.from_numpy(np.log((frequency + 1) / (frequency.sum() + 1))))
    model.cls.predictions.decoder.bias = model.cls.predictions.bias


def _aim_heads(attention: nn.Module, hidden: int, space: int, heads: int) -> None:
    """Makes one head look at each offset, as far as one head stays free."""
    width = hidden // heads
    query, key = attention.query.weight, attention.key.weight
    for head, offset in enumerate(_OFFSETS[: heads - 1]):
        rows = slice(head * width, head * width + space)
        query[head * width : (head + 1) * width] = 0.0
        key[head * width : (head + 1) * width] = 0.0
        key[rows, hidden - space :] = torch.eye(space) * _SHARPNESS
        query[rows, hidden - space :] = _rotation(offset, space) * _SHARPNESS
