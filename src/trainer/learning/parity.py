"""How far an exported graph strays from torch: logits, tags and dev F1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainer.annotation.corpus import load_corpus
from trainer.core.errors import ArtifactError
from trainer.core.metrics import count_matches, total
from trainer.core.types import Article
from trainer.learning.event_parity import EventParity, compare_events
from trainer.runtime.checkpoint import Checkpoint
from trainer.runtime.event_head import load_event_head
from trainer.runtime.reading import Reader, Reading
from trainer.runtime.tagging import Floats, StateScorer, decode_spans, score_states, score_words


@dataclass(frozen=True, slots=True)
class Parity:
    """One graph against torch on the dev articles.

    Attributes:
        largest_difference: Between logits of words, absolute.
        tag_agreement: Share of words with the same best tag.
        dev_f1: Strict span F1, 0 to 1.
        events: Of the event head; None where the run has none.
    """

    largest_difference: float
    tag_agreement: float
    dev_f1: float
    events: EventParity | None = None

    def to_dict(self) -> dict[str, float]:
        """Plain JSON values."""
        return {
            "largest_logit_difference": round(self.largest_difference, 6),
            "tag_agreement": round(self.tag_agreement, 6),
            "dev_strict_f1": round(self.dev_f1, 6),
            **({} if self.events is None else self.events.to_dict()),
        }


class ParityCheck:
    """Dev articles, read once and scored by torch; graphs are measured against that.

    Args:
        articles: With gold spans.
        reader: Reads their texts.
        reference: The torch scorer.
        checkpoint: Tags and temperature.
    """

    def __init__(
        self, articles: Sequence[Article], reader: Reader, reference: StateScorer, checkpoint: Checkpoint
    ) -> None:
        self._articles = articles
        self._readings: list[Reading] = reader.read_texts([article.text for article in articles])
        self._tags = checkpoint.schema.tags
        self._calibration = checkpoint.calibration
        self.head = load_event_head(checkpoint.directory, checkpoint.schema)
        self._schema = checkpoint.schema
        self._reference, self._states = self._score(reference)
        self.reference_f1 = self._dev_f1(self._reference)

    def measure(self, scorer: StateScorer) -> Parity:
        """Score the dev articles with a graph and compare."""
        scored, states = self._score(scorer)
        expected, found = np.concatenate(self._reference), np.concatenate(scored)
        return Parity(
            largest_difference=float(np.abs(expected - found).max()),
            tag_agreement=float((expected.argmax(axis=1) == found.argmax(axis=1)).mean()),
            dev_f1=self._dev_f1(scored),
            events=None
            if self.head is None
            else compare_events(self.head, self._articles, self._readings, (self._states, states), self._schema),
        )

    def _score(self, scorer: StateScorer) -> tuple[list[Floats], list[Floats]]:
        """Logits of each article, and states where there is a head to read them."""
        if self.head is None:
            return score_words(self._readings, scorer), []
        rows = score_states(self._readings, scorer, len(self._tags))
        return [logits for logits, _ in rows], [states for _, states in rows]

    def _dev_f1(self, scored: Sequence[Floats]) -> float:
        return total(
            count_matches(article.spans, decode_spans(reading, logits, self._tags, self._calibration))
            for article, reading, logits in zip(self._articles, self._readings, scored, strict=True)
        ).f1


def find_dev_articles(checkpoint: Checkpoint, paths: Sequence[Path] = ()) -> tuple[Article, ...]:
    """The dev articles of a run, from the files it was trained on, or all articles of other files.

    Args:
        checkpoint: Its provenance names the files and the ids.
        paths: Files to use instead.

    Raises:
        ArtifactError: The files are gone or hold none of the articles.
    """
    if paths:
        return load_corpus(list(paths), checkpoint.schema).articles
    provenance: Any = checkpoint.provenance
    wanted = set(provenance.get("data", {}).get("dev", ()))
    files = [Path(path) for path in provenance.get("configuration", {}).get("data", {}).get("annotations", ())]
    missing = [path for path in files if not path.exists()]
    articles = load_corpus(files, checkpoint.schema).articles if files and not missing else ()
    dev = tuple(article for article in articles if article.id in wanted)
    if not dev or len(dev) < len(wanted):
        gone = f" ({missing[0]} is missing)" if missing else ""
        raise ArtifactError(
            f"{len(wanted) - len(dev)} of {len(wanted)} dev articles of the run cannot be found{gone}",
            file=checkpoint.directory,
            remedy="run from the repository, or name annotated articles: export RUN --dev FILE",
        )
    return dev
