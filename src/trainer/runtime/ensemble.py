"""Several runs as one: the mean of their calibrated tag distributions, word by word.

An encoder and a CRF err on different spans, so their mean is right more often than either. An ensemble is a run
directory of kind ``ensemble`` that holds its members whole, in the form in which they serve, under ``members/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.core.errors import ArtifactError
from trainer.runtime.checkpoint import Checkpoint
from trainer.runtime.reading import Reading
from trainer.runtime.taggers import Tagger
from trainer.runtime.tagging import Floats, log_softmax

ENSEMBLE = "ensemble"
MEMBERS = "members"
_LEAST_PROBABILITY = 1e-9


def list_members(checkpoint: Checkpoint) -> list[Path]:
    """Run directories of an ensemble's members, the one that gives the windows and states first.

    Raises:
        ArtifactError: Its provenance names none.
    """
    members = checkpoint.provenance.get(MEMBERS)
    if not isinstance(members, list) or not members:
        raise ArtifactError("an ensemble that names no members", file=checkpoint.directory, remedy="combine them again")
    return [checkpoint.directory / MEMBERS / str(member["name"]) for member in members]


@dataclass(frozen=True, slots=True)
class Member:
    """One voice of an ensemble.

    Attributes:
        tagger: Scores words; its tags stand in the ensemble's order.
        temperature: Divides its logits.
    """

    tagger: Tagger
    temperature: float


class EnsembleTagger:
    """Scores words by the mean of several taggers' distributions.

    The others work while the first does: ONNX Runtime leaves the interpreter to a CRF.

    Args:
        members: At least one; the first gives readings and states.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._first, *self._others = members
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="ensemble")

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """As the first member reads them."""
        return self._first.tagger.read(texts)

    def score(self, readings: Sequence[Reading]) -> list[Floats]:
        """For each reading ``(words, tags)`` log-probabilities."""
        others = self._executor.submit(self._score_others, readings)
        return self._average(self._first.tagger.score(readings), others.result())

    def score_with_states(self, readings: Sequence[Reading]) -> list[tuple[Floats, Floats]]:
        """For each reading ``(words, tags)`` log-probabilities, and the first member's ``(words, width)`` states."""
        others = self._executor.submit(self._score_others, readings)
        scored = self._first.tagger.score_with_states(readings)
        averages = self._average([logits for logits, _ in scored], others.result())
        return [(average, states) for average, (_, states) in zip(averages, scored, strict=True)]

    def _score_others(self, readings: Sequence[Reading]) -> list[list[Floats]]:
        """Members fold words each in their own way, but all divide a text into the same words."""
        texts = [reading.text for reading in readings]
        return [member.tagger.score(member.tagger.read(texts)) for member in self._others]

    def _average(self, first: Sequence[Floats], others: Sequence[Sequence[Floats]]) -> list[Floats]:
        sums = [_distribution(logits, self._first) for logits in first]
        for member, scored in zip(self._others, others, strict=True):
            for total, logits in zip(sums, scored, strict=True):
                if len(total):  # a text without words has no columns either
                    total += _distribution(logits, member)
        count = 1 + len(self._others)
        return [np.log(np.maximum(total / count, _LEAST_PROBABILITY)).astype(np.float32) for total in sums]


def _distribution(logits: Floats, member: Member) -> Floats:
    return np.exp(log_softmax(logits / member.temperature))
