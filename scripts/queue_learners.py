"""The learners of the queue's simulation: each is fitted on some articles and reads others."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np
import pycrfsuite

from trainer.annotation.jsonl import render_jsonl
from trainer.core.normalisation import Normalisation
from trainer.core.paths import repository_directory
from trainer.core.schema import EventSchema
from trainer.core.types import Article, Span
from trainer.learning.config import TrainConfig
from trainer.learning.crf import iterate_paragraphs
from trainer.runtime.crf import CrfScorer, read_words
from trainer.runtime.reading import Reader, Reading, ReadingSettings
from trainer.runtime.tagging import Floats, Scorer, decode_spans, log_softmax, score_words

FOLDED = Normalisation(fold_alef=True, fold_ya=True, fold_ta_marbuta=True, lowercase=True)  # configs/model/crf.yaml
EPOCHS = 4


class Fitted(Protocol):
    """A model fitted on the articles that are annotated so far."""

    def predict(self, articles: Sequence[Article]) -> list[tuple[Span, ...]]:
        """Spans of each article."""

    def score(self, articles: Sequence[Article]) -> list[Floats]:
        """``(words, tags)`` log probabilities of each article."""


class Learner(Protocol):
    """Fits a model; ``settings`` are recorded beside the results, curves of another ``fingerprint`` are not used."""

    settings: dict[str, object]
    fingerprint: str

    def fit(self, labelled: Sequence[Article], seed: int) -> Fitted:
        """A model of these articles alone."""


class CrfLearner:
    """The CRF baseline with fewer iterations; features of an article are made once."""

    def __init__(self, schema: EventSchema, pool: Sequence[Article], dev: Sequence[Article]) -> None:
        self.settings: dict[str, object] = {"kind": "crf", "iterations": 40, "c1": 0.05, "c2": 0.01}
        reading = ReadingSettings(FOLDED)
        self.fingerprint = ""
        self._tags = schema.tags
        self._examples = {article.id: list(iterate_paragraphs(article, reading)) for article in pool}
        self._readings = {article.id: read_words(article.text, reading) for article in (*pool, *dev)}

    def fit(self, labelled: Sequence[Article], seed: int) -> Fitted:
        """L-BFGS from nothing; chance plays no part."""
        trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
        chosen = {key: self.settings[key] for key in ("c1", "c2")}
        trainer.set_params({**chosen, "max_iterations": self.settings["iterations"]})
        trainer.set("feature.possible_transitions", True)
        for article in labelled:
            for features, tags in self._examples[article.id]:
                trainer.append(features, tags)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "crf"
            trainer.train(str(path))
            return _FittedCrf(self, CrfScorer(path, self._tags))

    def score(self, scorer: CrfScorer, articles: Sequence[Article]) -> list[Floats]:
        """Log probabilities of each word's tags."""
        return scorer.score_readings([self._readings[article.id] for article in articles])

    def decode(self, article: Article, rows: Floats) -> tuple[Span, ...]:
        """The likeliest spans."""
        return decode_spans(self._readings[article.id], rows, self._tags)


class _FittedCrf:
    def __init__(self, learner: CrfLearner, scorer: CrfScorer) -> None:
        self._learner, self._scorer = learner, scorer

    def predict(self, articles: Sequence[Article]) -> list[tuple[Span, ...]]:
        rows = self.score(articles)
        return [self._learner.decode(article, row) for article, row in zip(articles, rows, strict=True)]

    def score(self, articles: Sequence[Article]) -> list[Floats]:
        return self._learner.score(self._scorer, articles)


class EncoderLearner:
    """The compact encoder as ``train +exp=compact`` fine-tunes it, with fewer epochs and without event head."""

    def __init__(self, schema: EventSchema, dev: Sequence[Article]) -> None:
        self._tags, self._dev = schema.tags, dev
        weights = repository_directory() / "models" / "encoder" / "model.safetensors"
        encoder = sha256(weights.read_bytes()).hexdigest()[:12]
        training = asdict(self._configure(["directory=run"]).training)
        settings = json.dumps(
            {"kind": "compact", "encoder": encoder, "training": training}, sort_keys=True, default=str
        )
        self.settings: dict[str, object] = json.loads(settings)
        self.fingerprint = sha256(settings.encode()).hexdigest()[:12]

    def fit(self, labelled: Sequence[Article], seed: int) -> Fitted:
        """A run like any other, dev articles for its epoch included; its directory does not outlive the fit."""
        from trainer.learning.torch_scorer import load_torch_scorer
        from trainer.learning.train import train
        from trainer.runtime.checkpoint import load_checkpoint
        from trainer.runtime.reading import load_reader

        with tempfile.TemporaryDirectory() as folder:
            directory = Path(folder)
            (directory / "articles.jsonl").write_text(render_jsonl([*labelled, *self._dev]), "utf-8")
            sides = {"train": [a.id for a in labelled], "dev": [a.id for a in self._dev], "dev_share": 0.0}
            (directory / "split.json").write_text(json.dumps(sides), "utf-8")
            data = [f"data.annotations=[{directory / 'articles.jsonl'}]", f"data.split={directory / 'split.json'}"]
            run = train(self._configure([f"seed={seed}", f"directory={directory / 'run'}", *data]))
            checkpoint = load_checkpoint(run)
            reader = load_reader(run, checkpoint.reading)
            temperature = checkpoint.calibration.temperature
            return _FittedEncoder(reader, load_torch_scorer(run), self._tags, temperature)

    def _configure(self, overrides: Sequence[str]) -> TrainConfig:
        """Of a short training without event head."""
        from hydra import compose, initialize_config_dir
        from hydra.core.config_store import ConfigStore

        from trainer.cli.hydra import to_dataclass
        from trainer.core.paths import configuration_directory

        ConfigStore.instance().store(name="train_schema", node=TrainConfig)
        chosen = ["+exp=compact", f"training.epochs={EPOCHS}", "event_head.enabled=false", *overrides]
        with initialize_config_dir(str(configuration_directory()), version_base="1.3"):
            config: TrainConfig = to_dataclass(compose("train", chosen))
        return config


class _FittedEncoder:
    def __init__(self, reader: Reader, scorer: Scorer, tags: Sequence[str], temperature: float) -> None:
        self._reader, self._scorer, self._tags, self._temperature = reader, scorer, tags, temperature

    def _read(self, articles: Sequence[Article]) -> list[tuple[Reading, Floats]]:
        readings = self._reader.read_texts([article.text for article in articles])
        return list(zip(readings, score_words(readings, self._scorer), strict=True))

    def predict(self, articles: Sequence[Article]) -> list[tuple[Span, ...]]:
        return [decode_spans(reading, rows, self._tags) for reading, rows in self._read(articles)]

    def score(self, articles: Sequence[Article]) -> list[Floats]:
        return [log_softmax(rows / np.float32(self._temperature)) for _, rows in self._read(articles)]
