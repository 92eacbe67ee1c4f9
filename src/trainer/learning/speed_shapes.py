"""Encoders of a given shape with random weights, exported, for measuring speed alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertForTokenClassification

from trainer.core.files import write_json
from trainer.core.paths import default_schema_path
from trainer.core.schema import load_schema
from trainer.core.words import split_words
from trainer.learning.export import describe_graph
from trainer.learning.graph import RECIPES, write_float_graph, write_int8_graph
from trainer.learning.pretraining.vocabulary import train_wordpiece
from trainer.runtime.calibration import Calibration
from trainer.runtime.checkpoint import seal_checkpoint, write_calibration, write_reading
from trainer.runtime.graphs import FLOAT32, GRAPH_FILES, GRAPHS, INT8, PARITY
from trainer.runtime.reading import ReadingSettings, load_reader
from trainer.runtime.tagging import score_words

_OUTSIDE_SHARE = 0.8  # of words, as in annotated articles
_PIECES = 8000  # real pieces that the texts give; the embedding table keeps its full size


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of an encoder."""

    name: str
    layers: int
    hidden: int
    heads: int
    intermediate: int
    vocabulary: int

    @property
    def weights_a_token(self) -> int:
        """Weights that each token is multiplied with: those of all layers, not the embedding tables."""
        return self.layers * (4 * self.hidden * self.hidden + 2 * self.hidden * self.intermediate)


ARABERT = Shape("arabert", 12, 768, 12, 3072, 64_000)
COMPACT = Shape("compact", 6, 320, 10, 1088, 24_000)


def build_shape(shape: Shape, texts: Sequence[str], directory: Path) -> Path:
    """A sealed and exported run of random weights whose tags are mostly ``O``, as a trained one's are."""
    schema = load_schema(default_schema_path())
    directory.mkdir(parents=True)
    counts = Counter(word.normal for text in texts for word in split_words(text) if word.normal)
    tokenizer = train_wordpiece(counts, _PIECES, 512)
    tokenizer.save_pretrained(directory)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=max(shape.vocabulary, len(tokenizer)),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.intermediate,
        pad_token_id=tokenizer.pad_token_id,
        id2label=dict(enumerate(schema.tags)),
        label2id={tag: index for index, tag in enumerate(schema.tags)},
    )
    model = BertForTokenClassification(config).eval()
    settings = ReadingSettings()
    write_reading(directory, settings)
    _favour_outside(model, directory, settings, texts[:20])
    model.save_pretrained(directory)
    schema.save(directory / "schema.yaml")
    write_calibration(directory, Calibration())
    seal_checkpoint(directory, "encoder", {"data": {"train": [], "dev": []}, "note": "random weights"})
    _export(model, directory)
    return directory


def _favour_outside(
    model: BertForTokenClassification, directory: Path, settings: ReadingSettings, texts: Sequence[str]
) -> None:
    """Raise the bias of ``O`` until it is the best tag of the usual share of words."""
    from trainer.learning.torch_scorer import TorchScorer

    readings = load_reader(directory, settings).read_texts(texts)
    logits = np.concatenate(score_words(readings, TorchScorer(model)))
    gap = logits[:, 1:].max(axis=1) - logits[:, 0]
    with torch.no_grad():
        model.classifier.bias[0] += float(np.quantile(gap, _OUTSIDE_SHARE))


def _export(model: BertForTokenClassification, directory: Path) -> None:
    folder = directory / GRAPHS
    folder.mkdir()
    paths = {precision: folder / name for precision, name in GRAPH_FILES.items()}
    write_float_graph(model, paths[FLOAT32])
    write_int8_graph(paths[FLOAT32], paths[INT8], RECIPES[0])
    graphs = {precision: describe_graph(path) for precision, path in paths.items()}
    write_json(folder / PARITY, {"default": INT8, "graphs": graphs, "padding_id": model.config.pad_token_id})
