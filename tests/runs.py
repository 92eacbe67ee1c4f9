"""Small run directories and a fake model, for the tests of runtime and extraction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainer.core.paths import default_schema_path
from trainer.core.schema import load_schema
from trainer.core.types import Link, Span
from trainer.core.words import split_words
from trainer.runtime.calibration import Calibration
from trainer.runtime.checkpoint import seal_checkpoint, write_calibration, write_reading
from trainer.runtime.clitics import name_spans
from trainer.runtime.reading import ReadingSettings
from trainer.runtime.result import Extraction

SCHEMA = load_schema(default_schema_path())
LETTERS = "ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأؤإئىة"

LABELS = {"الجيش": "ACTOR", "للجيش": "ACTOR", "قصف": "OPERATION", "الموصل": "LOCATION", "وبالموصل": "LOCATION"}


def build_encoder_run(directory: Path, seed: int = 0, events: bool = False) -> Path:
    """A sealed run of random weights, two layers of 32, a vocabulary of letters, and an event head if so wanted."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForTokenClassification

    directory.mkdir(parents=True)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *LETTERS, *(f"##{letter}" for letter in LETTERS), ".", "،"]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(directory / "tokenizer.json"))
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        id2label=dict(enumerate(SCHEMA.tags)),
        label2id={tag: index for index, tag in enumerate(SCHEMA.tags)},
    )
    model = BertForTokenClassification(config)
    model.classifier.weight.data *= 20  # confident, so that int8 rarely changes a tag
    model.save_pretrained(directory)
    SCHEMA.save(directory / "schema.yaml")
    write_reading(directory, ReadingSettings(max_length=64, overlap=8))
    write_calibration(directory, Calibration(1.5))
    if events:
        from tests.event_heads import build_head
        from trainer.learning.event_head import write_event_head

        write_event_head(directory, build_head(SCHEMA))
    seal_checkpoint(directory, "encoder", {"data": {"train": [], "dev": []}})
    return directory


class WordModel:
    """Marks known words; fails on a text that holds its poison, and remembers how often it was asked."""

    fingerprint, runtime, precision = "word-model", "fake", "float32"

    def __init__(self, poison: str = "سم") -> None:
        self.poison = poison
        self.calls = 0

    def predict(self, texts: Sequence[str], ids: Sequence[str] | None = None) -> list[Extraction]:
        self.calls += 1
        return [self._extract(text, id) for text, id in zip(texts, ids or [""] * len(texts), strict=True)]

    def _extract(self, text: str, id: str) -> Extraction:
        words = split_words(text)
        if any(word.surface == self.poison for word in words):
            raise RuntimeError("poison")
        spans = tuple(
            Span(word.start, word.end, LABELS[word.surface], score=0.5 + 0.01 * (index % 40))
            for index, word in enumerate(words)
            if word.surface in LABELS
        )
        kinds = [span.label for span in spans]
        links = tuple(
            Link(kinds.index("OPERATION"), index, {"ACTOR": "agent", "LOCATION": "place"}[kind], 0.8)
            for index, kind in enumerate(kinds)
            if kind != "OPERATION" and "OPERATION" in kinds
        )
        return Extraction(id, text, spans, links, name_spans(words, spans), SCHEMA)
