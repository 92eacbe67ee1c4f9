"""Training of the linear-chain CRF baseline: CRFsuite, L-BFGS, the same run directory and judge.

The recipe has no epoch to pick, so dev articles can serve twice: they score (and calibrate) a fit
without them, and with ``data.use_dev_for_training`` the model that is kept is fitted on them too.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pycrfsuite

from trainer.core.bio import spans_to_tags
from trainer.core.errors import AnnotationError
from trainer.core.files import write_json
from trainer.core.types import Article
from trainer.learning.calibrate import fit_calibration
from trainer.learning.config import TrainConfig
from trainer.learning.data import TrainingData
from trainer.learning.development import count_scores
from trainer.learning.events import add_event_head
from trainer.learning.model_card import write_crf_card
from trainer.learning.model_config import CrfConfig, ModelKind
from trainer.learning.progress import TrainingBar
from trainer.learning.provenance import describe_run
from trainer.learning.tracking import Curves
from trainer.runtime.calibration import Calibration
from trainer.runtime.checkpoint import SCHEMA, seal_checkpoint, write_calibration, write_reading
from trainer.runtime.crf import CRF_MODEL, CrfScorer, paragraph_features, read_words
from trainer.runtime.reading import Reading, ReadingSettings
from trainer.runtime.tagging import Floats, decode_spans
from trainer.runtime.word_clusters import WORD_CLUSTERS, WordClusters, load_word_clusters

logger = logging.getLogger(__name__)


def train_crf(config: TrainConfig, data: TrainingData, directory: Path) -> Path:
    """Fit, score on dev, calibrate and seal.

    Args:
        config: ``model.crf`` and ``model.normalisation`` matter.
        data: Training and dev articles; the two overlap under ``data.use_dev_for_training``.
        directory: The run's directory, already opened.

    Returns:
        The directory, complete.
    """
    started = time.monotonic()
    settings = ReadingSettings(config.model.normalisation.to_normalisation())
    dev_ids = {article.id for article in data.dev}
    held_out = [article for article in data.train if article.id not in dev_ids]
    path = directory / CRF_MODEL
    clusters = _copy_clusters(config.model.crf, directory)
    curves = Curves(config)
    curves.start()
    fit_crf(held_out, path, settings, config.model.crf, clusters, curves)
    scorer = CrfScorer(path, data.schema.tags, clusters)
    metrics, calibration = _score_on_dev(scorer, data, settings)
    curves.add({"dev/f1": metrics["dev"]["strict"]["f1"]}, config.model.crf.iterations)
    curves.finish()
    metrics["dev"]["events"] = _add_events(config, scorer, held_out, data, settings)
    if len(held_out) < len(data.train):
        logger.info("dev was scored by a fit on %d articles; now fitting all %d", len(held_out), len(data.train))
        fit_crf(data.train, path, settings, config.model.crf, clusters)
    data.schema.save(directory / SCHEMA)
    write_reading(directory, settings)
    write_calibration(directory, calibration)
    write_json(directory / "metrics.json", {**metrics, "dev_scored_by_articles": len(held_out)})
    provenance = describe_run(config, data, time.monotonic() - started)
    write_crf_card(directory, provenance, metrics)
    seal_checkpoint(directory, ModelKind.crf.value, provenance)
    logger.info("%s: dev strict F1 %.1f", directory.name, 100 * metrics["dev"]["strict"]["f1"])
    return directory


def fit_crf(
    articles: Sequence[Article],
    path: Path,
    settings: ReadingSettings,
    config: CrfConfig,
    clusters: WordClusters | None = None,
    curves: Curves | None = None,
) -> None:
    """Fit a CRF on the paragraphs of articles and write CRFsuite's model file; the loss goes to ``curves``.

    ``clusters`` are those that ``config`` names, loaded.

    Raises:
        AnnotationError: A span does not begin and end with whole words; names the article.
    """
    trainer = _Trainer(config.iterations, curves)
    for article in articles:
        for features, tags in iterate_paragraphs(article, settings, clusters):
            trainer.append(features, tags)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        trainer.run(config, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def iterate_paragraphs(
    article: Article, settings: ReadingSettings, clusters: WordClusters | None = None
) -> Iterator[tuple[list[list[str]], list[str]]]:
    """Features and tags of each paragraph of an annotated article."""
    reading = read_words(article.text, settings)
    try:
        tags = spans_to_tags(reading.words, article.spans)
    except AnnotationError as error:
        raise AnnotationError(error.message, record=article.id, remedy=error.remedy) from error
    for paragraph in reading.paragraphs:
        covered = slice(paragraph.first_word, paragraph.last_word)
        yield paragraph_features(reading.words[covered], clusters), tags[covered]


def _copy_clusters(config: CrfConfig, directory: Path) -> WordClusters | None:
    """The run keeps its clusters: it must read words as it learnt them."""
    if config.clusters is None:
        return None
    clusters = load_word_clusters(config.clusters)
    shutil.copyfile(config.clusters, directory / WORD_CLUSTERS)
    return clusters


def _score_on_dev(
    scorer: CrfScorer, data: TrainingData, settings: ReadingSettings
) -> tuple[dict[str, Any], Calibration]:
    tags = data.schema.tags
    readings = [read_words(article.text, settings) for article in data.dev]
    scores = scorer.score_readings(readings)
    predicted = [decode_spans(reading, rows, tags) for reading, rows in zip(readings, scores, strict=True)]
    calibration, fit = fit_calibration(data.dev, readings, scores, tags)
    dev = count_scores(data.dev, predicted, data.schema.label_names)
    return {"dev": dev.to_dict(), "calibration": fit}, calibration


def _add_events(
    config: TrainConfig, scorer: CrfScorer, held_out: Sequence[Article], data: TrainingData, settings: ReadingSettings
) -> dict[str, Any] | None:
    """A CRF's event head reads the letters of words alone; fitted without the dev articles, which choose its epochs."""

    def read(texts: Sequence[str]) -> list[Reading]:
        return [read_words(text, settings) for text in texts]

    def score(readings: Sequence[Reading]) -> list[tuple[Floats, Floats]]:
        return [(row, row[:, :0]) for row in scorer.score_readings(readings)]

    return add_event_head(config, held_out, data.dev, data.schema, read, score)


class _Trainer(pycrfsuite.Trainer):  # type: ignore[misc]  # the package has no types
    """CRFsuite's trainer behind our progress bar."""

    def __init__(self, iterations: int, curves: Curves | None) -> None:
        super().__init__(algorithm="lbfgs", verbose=True)
        self._curves = curves
        self._bar = TrainingBar()
        self._iterations = iterations

    def run(self, config: CrfConfig, path: Path) -> None:
        """Fit and write the model file."""
        self.set_params({"c1": config.c1, "c2": config.c2, "max_iterations": config.iterations})
        self.set("feature.possible_transitions", True)
        self._bar.start(self._iterations)
        try:
            self.train(str(path))
        finally:
            self._bar.stop()

    def on_iteration(self, log: str, info: dict[str, Any]) -> None:
        """Move the bar."""
        self._bar.advance(int(info["num"]))
        self._bar.show({"loss": f"{info['loss']:.0f}"})
        if self._curves is not None:
            self._curves.add({"train/loss": float(info["loss"])}, int(info["num"]))

    def _keep_quiet(self, *ignored: object) -> None:
        """The rest of CRFsuite's log is not shown."""

    on_start = on_featgen_progress = on_featgen_end = on_prepared = on_prepare_error = _keep_quiet
    on_optimization_end = on_end = _keep_quiet
