"""The articles of a run: read, checked against gold, split."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from trainer.annotation.adjudication import rule_of
from trainer.annotation.corpus import expand_paths, infer_schema, load_corpus
from trainer.annotation.leakage import check_leakage, refuse_leakage
from trainer.annotation.split import load_split, split_corpus
from trainer.core.errors import ConfigError
from trainer.core.files import hash_file
from trainer.core.paths import default_schema_path
from trainer.core.schema import EventSchema, load_schema
from trainer.core.types import Article
from trainer.learning.config import DataConfig

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a run learns from and is chosen by.

    Attributes:
        train: Articles to learn from.
        dev: Articles that pick the epoch and fit the calibration.
        schema: Labels, types and roles.
        hash: Of the corpus: ids, texts, spans, types, links.
        gold_manifest_hash: SHA-256 of the manifest that the text was checked against.
    """

    train: tuple[Article, ...]
    dev: tuple[Article, ...]
    schema: EventSchema
    hash: str
    gold_manifest_hash: str | None


def load_data(config: DataConfig) -> TrainingData:
    """Read, check and split the annotated articles.

    Raises:
        AnnotationError: An export has a fault.
        LeakageError: A training or dev article repeats gold text.
        ConfigError: One side of the split is empty.
    """
    schema = _choose_schema(config)
    corpus = load_corpus(config.annotations, schema, rule_of(config.adjudication))
    if schema is None:
        schema = infer_schema(corpus.articles)
    manifest_hash = _check_gold(corpus.articles, config.gold_manifest)
    train, dev = split_corpus(corpus, None if config.split is None else load_split(config.split))
    if not train or not dev:
        raise ConfigError(
            f"{len(train)} articles to train on and {len(dev)} for dev; both are needed",
            record="data.split",
            remedy="name more annotated articles, or another split file",
        )
    if config.use_dev_for_training:
        logger.warning("dev articles are trained on too: the dev scores of this run are not held out")
        train = (*train, *dev)
    return TrainingData(train, dev, schema, corpus.hash, manifest_hash)


def _choose_schema(config: DataConfig) -> EventSchema | None:
    """The configured schema, else the one that ships; CoNLL files alone bring their own labels (None)."""
    if config.schema is None and all(path.suffix == ".conll" for path in expand_paths(config.annotations)):
        return None
    return load_schema(config.schema or default_schema_path())


def _check_gold(articles: tuple[Article, ...], manifest: Path | None) -> str | None:
    if manifest is None:
        logger.warning("data.gold_manifest is null: training text is not checked against any gold text")
        return None
    refuse_leakage(check_leakage(articles, manifest))
    return hash_file(manifest)
