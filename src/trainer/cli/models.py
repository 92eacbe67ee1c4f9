"""A checkpoint as the annotation floor sees it: a version and a function over articles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from trainer.annotation.queue import Candidate, measure_uncertainty
from trainer.annotation.server.predictions import PreAnnotator
from trainer.core.errors import SchemaError
from trainer.core.schema import EventSchema
from trainer.core.types import Article
from trainer.runtime.model import load_model
from trainer.runtime.tagging import log_softmax
from trainer.runtime.version import model_version


def load_pre_annotator(directory: Path, schema: EventSchema) -> PreAnnotator:
    """The model of a run directory, for pre-annotation.

    Raises:
        ArtifactError: The directory is not a complete run.
        SchemaError: The model's labels are not those of the project.
    """
    model = load_model(directory)
    labels = model.checkpoint.schema.label_names
    if set(labels) != set(schema.label_names):
        raise SchemaError(
            f"the model marks {', '.join(labels)}, the project {', '.join(schema.label_names)}",
            file=directory,
            remedy="use a model that was trained on this schema, or name its own with --schema",
        )

    def predict(articles: Sequence[Article]) -> list[Article]:
        found = model.predict([article.text for article in articles])
        return [
            replace(article, spans=result.spans, links=result.links)
            for article, result in zip(articles, found, strict=True)
        ]

    return PreAnnotator(model_version(model.checkpoint, model.precision), predict)


def load_candidates(directory: Path, articles: Sequence[Article]) -> list[Candidate]:
    """Articles with how unsure the model of a run directory is of each.

    Raises:
        ArtifactError: The directory is not a complete run.
    """
    model = load_model(directory)
    temperature = model.checkpoint.calibration.temperature
    return [
        Candidate(article.id, article.text, len(reading.words), measure_uncertainty(log_softmax(logits / temperature)))
        for article, (reading, logits) in zip(articles, model.score([a.text for a in articles]), strict=True)
    ]
