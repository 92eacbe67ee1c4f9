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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.errors import ArtifactError, ConfigError
from trainer.core.files import hash_texts
from trainer.core.types import Span
from trainer.runtime.checkpoint import Checkpoint, load_checkpoint
from trainer.runtime.clitics import name_spans
from trainer.runtime.ensemble import ENSEMBLE, EnsembleTagger, Member, list_members
from trainer.runtime.event_head import EventHead, load_event_head
from trainer.runtime.graphs import FLOAT32, find_graph, is_exported, read_parity
from trainer.runtime.joining import Completed
from trainer.runtime.reading import Reading, load_reader
from trainer.runtime.result import Extraction
from trainer.runtime.slicing import slice_texts, work_ahead
from trainer.runtime.slim import refuse_slim
from trainer.runtime.taggers import CrfTagger, EncoderTagger, Tagger
from trainer.runtime.tagging import Floats, StateScorer, decode_spans

logger = logging.getLogger(__name__)

RUNTIMES = ("auto", "onnx", "openvino", "torch")
PRECISIONS = ("auto", "int8", "float32")


Scored = tuple[Sequence[Reading], Sequence[Floats], Sequence[Floats] | None]
"""Articles, the logits of their words, and the states where there is an event head."""


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
        """Extract from many texts at once; much faster than one by one. Several threads may ask.

        Args:
            texts: Raw texts of any length.
            ids: Their ids; empty when left out.

        Returns:
            One extraction a text, in the order given.
        """
        if not texts:
            return []
        names = ids if ids is not None else [""] * len(texts)
        done = [
            pair
            for part in work_ahead(slice_texts(texts), self._tagger.read, self._score, self._complete)
            for pair in part
        ]
        return [
            Extraction(name, reading.text, spans, links, name_spans(reading.words, spans), self.checkpoint.schema)
            for name, (reading, (spans, links)) in zip(names, done, strict=True)
        ]

    def score(self, texts: Sequence[str]) -> list[tuple[Reading, NDArray[np.float32]]]:
        """Readings and ``(words, tags)`` logits, for those who want more than spans (calibration, labelling queue)."""
        readings = self._tagger.read(texts)
        return list(zip(readings, self._tagger.score(readings), strict=True))

    def _score(self, readings: list[Reading]) -> Scored:
        if self.head is None:
            return readings, self._tagger.score(readings), None
        logits, states = zip(*self._tagger.score_with_states(readings), strict=True)
        return readings, logits, states

    def _complete(self, scored: Scored) -> list[tuple[Reading, Completed]]:
        readings, logits, states = scored
        spans = [self._decode(*pair) for pair in zip(readings, logits, strict=True)]
        if self.head is None or states is None:
            return [(reading, (own, ())) for reading, own in zip(readings, spans, strict=True)]
        completed = self.head.complete_all(readings, spans, states, self.checkpoint.schema)
        return list(zip(readings, completed, strict=True))

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
    if checkpoint.kind == ENSEMBLE:
        members = [load_model(member, runtime, precision, threads) for member in list_members(checkpoint)]
        return _join_members(checkpoint, members)
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


def _join_members(checkpoint: Checkpoint, members: Sequence[Model]) -> Model:
    """One model whose words are scored by all members; the first gives types and links."""
    tagger = EnsembleTagger([Member(model._tagger, model.checkpoint.calibration.temperature) for model in members])
    first = members[0]
    return Model(checkpoint, tagger, first.runtime, first.precision, first.head)


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
