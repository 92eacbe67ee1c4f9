"""A checkpoint in use: texts in, extractions out.

>>> from trainer import load  # doctest: +SKIP
>>> model = load("models/default")  # doctest: +SKIP
>>> model("قصف الجيش مدينة الموصل.").spans  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trainer.core.errors import ArtifactError, ConfigError
from trainer.core.files import hash_texts
from trainer.core.types import Span
from trainer.runtime.checkpoint import Checkpoint, load_checkpoint
from trainer.runtime.clitics import name_spans
from trainer.runtime.event_head import EventHead, load_event_head
from trainer.runtime.graphs import FLOAT32, find_graph, is_exported, read_parity
from trainer.runtime.joining import Completed
from trainer.runtime.reading import Reader, Reading, load_reader
from trainer.runtime.result import Extraction
from trainer.runtime.slim import refuse_slim
from trainer.runtime.tagging import Floats, StateScorer, decode_spans, score_states, score_words

logger = logging.getLogger(__name__)

RUNTIMES = ("auto", "onnx", "openvino", "torch")
PRECISIONS = ("auto", "int8", "float32")


class Tagger(Protocol):
    """Reads texts and scores their words."""

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Words, paragraphs and windows of each text."""
        ...

    def score(self, readings: Sequence[Reading]) -> list[Floats]:
        """For each reading ``(words, tags)`` logits."""
        ...

    def score_with_states(self, readings: Sequence[Reading]) -> list[tuple[Floats, Floats]]:
        """For each reading ``(words, tags)`` logits and ``(words, width)`` states, for the event head."""
        ...


class EncoderTagger:
    """A reader and a scorer of windows, whatever runs the encoder."""

    def __init__(self, reader: Reader, scorer: StateScorer, tags: int) -> None:
        self.reader = reader
        self.scorer = scorer
        self._tags = tags

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Words, paragraphs and windows of each text; tokens of all texts in one call."""
        return self.reader.read_texts(texts)

    def score(self, readings: Sequence[Reading]) -> list[Floats]:
        """For each reading ``(words, tags)`` logits."""
        return score_words(readings, self.scorer)

    def score_with_states(self, readings: Sequence[Reading]) -> list[tuple[Floats, Floats]]:
        """For each reading ``(words, tags)`` logits and ``(words, width)`` last hidden states."""
        return score_states(readings, self.scorer, self._tags)


class CrfTagger:
    """The CRF baseline."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        from trainer.runtime.crf import CRF_MODEL, CrfScorer, read_words  # its library need not load otherwise

        self._read = read_words
        self._settings = checkpoint.reading
        self._scorer = CrfScorer(checkpoint.directory / CRF_MODEL, checkpoint.schema.tags)

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Words and paragraphs of each text."""
        return [self._read(text, self._settings) for text in texts]

    def score(self, readings: Sequence[Reading]) -> list[Floats]:
        """For each reading ``(words, tags)`` log-probabilities."""
        return self._scorer.score_readings(readings)

    def score_with_states(self, readings: Sequence[Reading]) -> list[tuple[Floats, Floats]]:
        """For each reading ``(words, tags)`` log-probabilities, and no states: ``(words, 0)``."""
        return [(scores, scores[:, :0]) for scores in self.score(readings)]


class Model:
    """A loaded checkpoint.

    Attributes:
        checkpoint: The verified run directory.
        runtime: ``onnx``, ``openvino``, ``torch`` or ``crf``.
        precision: ``int8`` or ``float32``.
        head: Gives types and links; None where the run (or its exported graph) has none.
    """

    def __init__(
        self, checkpoint: Checkpoint, tagger: Tagger, runtime: str, precision: str, head: EventHead | None = None
    ) -> None:
        self.checkpoint = checkpoint
        self.runtime = runtime
        self.precision = precision
        self.head = head
        self._tagger = tagger

    @property
    def name(self) -> str:
        """The run's name."""
        return self.checkpoint.name

    @property
    def fingerprint(self) -> str:
        """A hash over all files of the run and its exported graphs: two models with the same one extract the same."""
        directory, files = self.checkpoint.directory, self.checkpoint.provenance.get("files", {})
        graphs = read_parity(directory).get("graphs") if is_exported(directory) else None
        return hash_texts([*(f"{name}={value}" for name, value in sorted(files.items())), str(graphs)])[:16]

    def __call__(self, text: str, id: str = "") -> Extraction:
        """Extract from one text."""
        return self.predict([text], [id])[0]

    def predict(self, texts: Sequence[str], ids: Sequence[str] | None = None) -> list[Extraction]:
        """Extract from many texts at once; much faster than one by one.

        Args:
            texts: Raw texts of any length.
            ids: Their ids; empty when left out.

        Returns:
            One extraction a text, in the order given.
        """
        readings = self._tagger.read(texts)
        names = ids if ids is not None else [""] * len(texts)
        schema = self.checkpoint.schema
        if self.head is None:
            completed: Sequence[Completed] = [
                (self._decode(*pair), ()) for pair in zip(readings, self._tagger.score(readings), strict=True)
            ]
        else:
            scored = self._tagger.score_with_states(readings)
            spans = [self._decode(reading, logits) for reading, (logits, _) in zip(readings, scored, strict=True)]
            completed = self.head.complete_all(readings, spans, [states for _, states in scored], schema)
        return [
            Extraction(name, reading.text, spans, links, name_spans(reading.words, spans), schema)
            for name, reading, (spans, links) in zip(names, readings, completed, strict=True)
        ]

    def score(self, texts: Sequence[str]) -> list[tuple[Reading, NDArray[np.float32]]]:
        """Readings and ``(words, tags)`` logits, for those who want more than spans (calibration, labelling queue)."""
        readings = self._tagger.read(texts)
        return list(zip(readings, self._tagger.score(readings), strict=True))

    def _decode(self, reading: Reading, logits: Floats) -> tuple[Span, ...]:
        return decode_spans(reading, logits, self.checkpoint.schema.tags, self.checkpoint.calibration)


def load_model(
    directory: str | Path, runtime: str = "auto", precision: str = "auto", threads: int | None = None
) -> Model:
    """Load a run directory.

    Args:
        directory: A complete run directory, such as ``models/default``.
        runtime: ``onnx``, ``openvino`` or ``torch``; ``auto`` takes the exported graph in ONNX
            Runtime, or torch where the run has not been exported.
        precision: ``int8`` or ``float32``; ``auto`` takes what the export's gate chose.
        threads: Threads of one pass; every usable core by default.

    Raises:
        ArtifactError: The directory is not a complete run, a file was altered, or the graph asked for is missing.
        ConfigError: Unknown runtime or precision, or a runtime that is not installed.
    """
    _check_choice("runtime", runtime, RUNTIMES)
    _check_choice("precision", precision, PRECISIONS)
    checkpoint = load_checkpoint(Path(directory))
    head = load_event_head(checkpoint.directory, checkpoint.schema)
    if checkpoint.kind == "crf":
        return Model(checkpoint, CrfTagger(checkpoint), "crf", FLOAT32, head)
    reader = load_reader(checkpoint.directory, checkpoint.reading)
    if runtime == "auto":
        runtime = "onnx" if is_exported(checkpoint.directory) else "torch"
    if runtime == "torch":
        tagger = EncoderTagger(reader, _torch_scorer(checkpoint, precision), len(checkpoint.schema.tags))
        return Model(checkpoint, tagger, runtime, FLOAT32, head)
    graph, precision = find_graph(checkpoint.directory, precision, checkpoint.weights_hash)
    padding_id = int(read_parity(checkpoint.directory).get("padding_id", 0))
    scorer = _graph_scorer(runtime, graph, threads, padding_id)
    if head is not None and not scorer.has_states:
        logger.warning("%s was exported without the event head: no types, no links; export it again", checkpoint.name)
        head = None
    return Model(checkpoint, EncoderTagger(reader, scorer, len(checkpoint.schema.tags)), runtime, precision, head)


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ConfigError(f"unknown {name} {value!r}", remedy=f"choose one of {', '.join(choices)}")


def _graph_scorer(runtime: str, graph: Path, threads: int | None, padding_id: int) -> StateScorer:
    if runtime == "openvino":
        if importlib.util.find_spec("openvino") is None:
            raise ConfigError(
                "OpenVINO is not installed", remedy="pip install 'arabic-event-extraction[openvino]', or use onnx"
            )
        from trainer.runtime.openvino_scorer import OpenvinoScorer

        return OpenvinoScorer(graph, threads, padding_id)
    from trainer.runtime.onnx_scorer import OnnxScorer

    return OnnxScorer(graph, threads, padding_id)


def _torch_scorer(checkpoint: Checkpoint, precision: str) -> StateScorer:
    """The only look upwards: by name, so that this floor neither needs torch nor loads it unasked."""
    refuse_slim(checkpoint, "torch")
    if precision == "int8":
        raise ArtifactError(
            "torch runs the float32 weights only",
            file=checkpoint.directory,
            remedy="export the run for int8: python -m trainer export RUN",
        )
    if importlib.util.find_spec("torch") is None:
        raise ArtifactError(
            "the run has no exported graph and torch is not installed",
            file=checkpoint.directory,
            remedy="export the run where torch is: python -m trainer export RUN",
        )
    module: Any = importlib.import_module("trainer.learning.torch_scorer")
    scorer: StateScorer = module.load_torch_scorer(checkpoint.directory)
    return scorer
