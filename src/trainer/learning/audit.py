"""Cross-validated judgement of annotated articles, for `trainer.annotation.audit`.

Spans are judged by a CRF with the word clusters of the repository, where it has them; operation types by
logistic regression on the operation's words and their neighbours. Both are fast enough to be
fitted once a fold on two processor cores.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from trainer.annotation.audit import Judged, Suspect, find_suspects
from trainer.core.errors import AnnotationError
from trainer.core.normalisation import Normalisation
from trainer.core.paths import repository_directory
from trainer.core.schema import EventSchema
from trainer.core.types import Article, Span, Word
from trainer.learning.crf import fit_crf
from trainer.learning.model_config import CrfConfig
from trainer.runtime.crf import CRF_MODEL, CrfScorer, read_words, stem_of
from trainer.runtime.reading import Reading, ReadingSettings
from trainer.runtime.tagging import decode_spans, log_softmax
from trainer.runtime.word_clusters import WORD_CLUSTERS, load_word_clusters

logger = logging.getLogger(__name__)

FOLDS = 5
CLUSTERS = repository_directory() / "models" / "clusters" / WORD_CLUSTERS
CRF = CrfConfig(c1=0.05, c2=0.01, iterations=60, clusters=CLUSTERS if CLUSTERS.is_file() else None)
_SETTINGS = ReadingSettings(
    Normalisation(fold_alef=True, fold_ya=True, fold_ta_marbuta=True, fold_persian=True, lowercase=True)
)  # as configs/model/crf.yaml
_NEIGHBOURS = 5


def audit_articles(
    articles: Sequence[Article], schema: EventSchema, folds: int = FOLDS, seed: int = 0, crf: CrfConfig = CRF
) -> tuple[Suspect, ...]:
    """Suspects of a corpus, most suspicious first.

    Args:
        articles: Annotated articles.
        schema: Their labels and types.
        folds: Parts of the corpus; each is judged by a model of the others.
        seed: Of the division into folds.
        crf: Settings of the CRF.

    Raises:
        AnnotationError: Fewer articles than folds.
    """
    return find_suspects(judge_articles(articles, schema, folds, seed, crf), schema.tags)


def judge_articles(
    articles: Sequence[Article], schema: EventSchema, folds: int, seed: int, crf: CrfConfig
) -> list[Judged]:
    """Each article as seen by models that were fitted without it, in the order given."""
    if len(articles) < folds:
        raise AnnotationError(
            f"{len(articles)} articles cannot be divided into {folds} folds", remedy="audit more articles, or ask for "
            "fewer folds"
        )  # fmt: skip
    clusters = None if crf.clusters is None else load_word_clusters(crf.clusters)
    fold_of = np.random.default_rng(seed).permutation(len(articles)) % folds
    readings = [read_words(article.text, _SETTINGS) for article in articles]
    judged: dict[int, Judged] = {}
    for fold in range(folds):
        logger.info("fold %d of %d", fold + 1, folds)
        learnt = [index for index in range(len(articles)) if fold_of[index] != fold]
        asked = [index for index in range(len(articles)) if fold_of[index] == fold]
        types = _judge_types(articles, readings, learnt, asked)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / CRF_MODEL
            fit_crf([articles[index] for index in learnt], path, _SETTINGS, crf, clusters)
            scores = CrfScorer(path, schema.tags, clusters).score_readings([readings[index] for index in asked])
        for index, logits in zip(asked, scores, strict=True):
            probabilities = np.exp(log_softmax(logits)).astype(np.float64)
            predicted = decode_spans(readings[index], logits, schema.tags)
            words = tuple(readings[index].words)
            judged[index] = Judged(articles[index], words, probabilities, predicted, types[index])
    return [judged[index] for index in range(len(articles))]


def _judge_types(
    articles: Sequence[Article], readings: Sequence[Reading], learnt: Sequence[int], asked: Sequence[int]
) -> dict[int, Mapping[int, Mapping[str, float]]]:
    """For each article asked about: for the start of each typed span, probabilities of the types."""
    examples = [(index, span) for index in learnt for span in articles[index].spans if span.type is not None]
    if len({span.type for _, span in examples}) < 2:
        return {index: {} for index in asked}
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(DictVectorizer(), LogisticRegression(C=3.0, max_iter=300))
    model.fit([_type_features(readings[i].words, s) for i, s in examples], [s.type for _, s in examples])
    found: dict[int, Mapping[int, Mapping[str, float]]] = {}
    for index in asked:
        spans = [span for span in articles[index].spans if span.type is not None]
        features = [_type_features(readings[index].words, span) for span in spans]
        rows = model.predict_proba(features) if spans else np.zeros((0, 0))
        found[index] = {
            span.start: dict(zip(model.classes_, map(float, row), strict=True))
            for span, row in zip(spans, rows, strict=True)
        }
    return found


def _type_features(words: Sequence[Word], span: Span) -> dict[str, float]:
    inside = [word for word in words if span.start <= word.start and word.end <= span.end]
    first = words.index(inside[0])
    last = first + len(inside)
    around = [*words[max(0, first - _NEIGHBOURS) : first], *words[last : last + _NEIGHBOURS]]
    features = {f"stem={stem_of(word.normal)}": 2.0 for word in inside}
    features |= {f"root={stem_of(word.normal)[:3]}": 1.0 for word in inside}
    features |= {f"near={stem_of(word.normal)}": 0.5 for word in around}
    return features
