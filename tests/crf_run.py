"""A CRF run made in a second from the sample articles, for tests of everything that needs a sealed run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainer.annotation.corpus import load_corpus
from trainer.core.schema import EventSchema
from trainer.core.types import Article
from trainer.learning.config import DataConfig, TrainConfig
from trainer.learning.crf import train_crf
from trainer.learning.data import TrainingData
from trainer.learning.event_config import EventHeadConfig
from trainer.learning.model_config import CrfConfig, ModelConfig, ModelKind, NormalisationConfig


def make_crf_run(
    directory: Path,
    annotations: Path,
    schema: EventSchema,
    dev: Sequence[str],
    *,
    iterations: int = 20,
    c1: float = 0.05,
    seed: int = 1,
    on_dev_too: bool = False,
    name: str = "",
    events: bool = False,
    clusters: Path | None = None,
) -> Path:
    """Train and seal a CRF on all articles of a file but those of dev, with an event head of two epochs if wanted."""
    corpus = load_corpus([annotations], schema)
    held_out = tuple(article for article in corpus.articles if article.id in dev)
    train: tuple[Article, ...] = tuple(article for article in corpus.articles if article.id not in dev)
    config = TrainConfig(
        name=name or directory.name,
        directory=directory,
        seed=seed,
        data=DataConfig(annotations=[annotations], split=None, gold_manifest=None, use_dev_for_training=on_dev_too),
        model=ModelConfig(
            kind=ModelKind.crf,
            normalisation=NormalisationConfig(fold_alef=True, fold_ya=True, fold_ta_marbuta=True),
            crf=CrfConfig(c1=c1, iterations=iterations, clusters=clusters),
        ),
        event_head=EventHeadConfig(enabled=events, epochs=2),
    )
    directory.mkdir(parents=True, exist_ok=True)
    data = TrainingData((*train, *held_out) if on_dev_too else train, held_out, schema, corpus.hash, None)
    return train_crf(config, data, directory)
