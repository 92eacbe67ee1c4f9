"""From torch weights to ONNX graphs: float32, and int8 by several recipes."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn
from torch.export import Dim
from transformers import PreTrainedModel

_ROWS = 4096  # most rows of a batch; only a bound for the exporter
_SAMPLE = (2, 8)


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to make an int8 graph.

    Attributes:
        name: How reports call it.
        per_channel: One scale a column of a weight instead of one a weight.
        reduce_range: Weights of 7 bits. On processors without VNNI the 16-bit sums of full 8-bit products saturate.
        keep_embeddings: Leave the embedding tables in float32.
        keep_last: Leave the matrices of so many last layers and of the classifier in float32.
    """

    name: str
    per_channel: bool = False
    reduce_range: bool = False
    keep_embeddings: bool = False
    keep_last: int = 0


RECIPES = (
    Recipe("per tensor"),
    Recipe("per tensor, 7 bits", reduce_range=True),
    Recipe("per channel, 7 bits", per_channel=True, reduce_range=True),
    Recipe("per channel, 7 bits, last layer float32", per_channel=True, reduce_range=True, keep_last=1),
    Recipe(
        "per channel, 7 bits, last two layers and embeddings float32",
        per_channel=True,
        reduce_range=True,
        keep_embeddings=True,
        keep_last=2,
    ),
)
"""Tried in this order until one passes the gate: first the smallest and fastest."""


class _Plain(nn.Module):  # type: ignore[misc]
    """A token classifier with plain tensors in and out: logits and, where asked for, last hidden states."""

    def __init__(self, model: PreTrainedModel, states: bool) -> None:
        super().__init__()
        self.model, self.states = model, states

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        output = self.model(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=self.states)
        return (output.logits, output.hidden_states[-1]) if self.states else (output.logits,)


def write_float_graph(model: PreTrainedModel, path: Path, states: bool = False) -> None:
    """Export a token classifier with dynamic rows and tokens.

    Args:
        model: In evaluation mode, on the CPU; its attention is switched to the plain implementation.
        path: Where the graph goes. Inputs ``input_ids`` and ``attention_mask`` ``(rows, tokens)``,
            output ``logits`` ``(rows, tokens, tags)``.
        states: Whether a second output ``states`` ``(rows, tokens, width)`` is there for an event head.
    """
    rows, tokens = Dim("rows", min=1, max=_ROWS), Dim("tokens", min=2, max=_longest(model))
    shape = {0: rows, 1: tokens}
    sample = torch.ones(_SAMPLE, dtype=torch.long)
    model.set_attn_implementation("eager")  # the graph of the fused kind guards against rows that are all padding
    with _quiet():
        torch.onnx.export(
            _Plain(model, states),
            (sample, sample.clone()),
            str(path),
            dynamo=True,
            dynamic_shapes={"input_ids": shape, "attention_mask": shape},
            input_names=["input_ids", "attention_mask"],
            output_names=["logits", "states"] if states else ["logits"],
            external_data=False,
            verbose=False,
        )
    _forget_origin(path)


def _forget_origin(path: Path) -> None:
    """Takes out what the exporter notes of the code behind each node: it names directories of this machine."""
    model = onnx.load(str(path), load_external_data=False)
    graph = model.graph
    for holder in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        holder.doc_string = ""
        del holder.metadata_props[:]
    onnx.save(model, str(path))


def write_int8_graph(source: Path, path: Path, recipe: Recipe) -> None:
    """Quantise the weights of a float32 graph to int8; activations are quantised as they come."""
    kept = _kept_nodes(source, recipe)
    with _quiet():
        quantize_dynamic(
            str(source),
            str(path),
            weight_type=QuantType.QInt8,
            per_channel=recipe.per_channel,
            reduce_range=recipe.reduce_range,
            nodes_to_exclude=kept,
        )


def _kept_nodes(source: Path, recipe: Recipe) -> list[str]:
    """Names of the nodes that a recipe leaves in float32."""
    if not recipe.keep_embeddings and not recipe.keep_last:
        return []
    graph = onnx.load(str(source), load_external_data=False).graph
    weights = {tensor.name for tensor in graph.initializer}
    kept = [node.name for node in graph.node if node.op_type == "Gather"] if recipe.keep_embeddings else []
    if recipe.keep_last:
        products = [
            node.name for node in graph.node if node.op_type in ("MatMul", "Gemm") and weights & set(node.input)
        ]
        kept += products[-(1 + _PRODUCTS_A_LAYER * recipe.keep_last) :]
    return kept


_PRODUCTS_A_LAYER = 6  # query, key, value, attention output, two of the feed-forward part


def _longest(model: PreTrainedModel) -> int:
    """Most tokens that the encoder has positions for."""
    config: Any = model.config
    offset = 2 if config.model_type in ("roberta", "xlm-roberta", "camembert") else 0
    return int(getattr(config, "max_position_embeddings", 512)) - offset


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Neither the exporter's progress nor the quantiser's advice reaches the terminal."""
    levels = {name: logging.getLogger(name).level for name in ("torch.onnx", "onnxscript", "onnx_ir", "root")}
    try:
        for name in levels:
            logging.getLogger(name).setLevel(logging.ERROR)
        with (
            warnings.catch_warnings(),
            Path(os.devnull).open("w") as nowhere,
            contextlib.redirect_stdout(nowhere),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
