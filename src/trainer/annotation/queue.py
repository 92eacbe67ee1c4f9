"""Which article to annotate next: what the model is unsure of, what is unlike the rest, what costs little.

An article's gain is the mean over its words of one minus the margin between the two likeliest
tags (Scheffer et al. 2001; averaged over words, so that length alone wins nothing), times its
novelty, times the share of the annotator's effort that goes into words rather than into opening
the article. Where an article costs the same whatever its length, the sum over words takes the
place of the mean and that share (the usual step from gain to gain for the cost: Settles et al.
2008). Novelty is the distance to the nearest article that is labelled or already queued,
so a batch does not hold ten reports of one event (Brinker 2003).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.annotation.strategy import Effort, Strategy
from trainer.core.normalisation import Normalisation
from trainer.core.words import split_words

Floats = NDArray[np.float64]

_FOLDED = Normalisation(fold_alef=True, fold_ya=True, fold_ta_marbuta=True)
_COLUMNS = 4096
OVERHEAD_WORDS = 30.0  # opening, reading into and closing an article costs as much as marking so many words


@dataclass(frozen=True, slots=True)
class Candidate:
    """An article that waits.

    Attributes:
        article: Its id.
        text: Its text.
        words: How many words it has.
        uncertainty: See `measure_uncertainty`; 0 where no model was asked.
    """

    article: str
    text: str
    words: int
    uncertainty: float


@dataclass(frozen=True, slots=True)
class Queued:
    """A place in the queue.

    Attributes:
        article: Its id.
        gain: What the choice went by, comparable within one queue.
        uncertainty: Mean over words of one minus the margin, 0 to 1.
        novelty: One minus the cosine to the nearest labelled or queued article, 0 to 1.
        words: Its length.
    """

    article: str
    gain: float
    uncertainty: float
    novelty: float
    words: int


def measure_uncertainty(log_probabilities: NDArray[np.floating]) -> float:
    """Mean over words of one minus the difference of the two highest tag probabilities.

    Args:
        log_probabilities: ``(words, tags)``.
    """
    if len(log_probabilities) == 0:
        return 0.0
    probabilities = np.exp(log_probabilities.astype(np.float64))
    highest = np.partition(probabilities, -2, axis=1)[:, -2:]
    return float(np.mean(1.0 - (highest[:, 1] - highest[:, 0])))


def order_queue(
    candidates: Sequence[Candidate],
    labelled: Sequence[str] = (),
    strategy: Strategy = Strategy.BOTH,
    seed: int = 0,
    limit: int | None = None,
    effort: Effort = Effort.WORDS,
) -> tuple[Queued, ...]:
    """The candidates, best first.

    Args:
        candidates: Articles that wait.
        labelled: Texts of the articles that are annotated already.
        strategy: What to heed.
        seed: Of the random strategy and of ties.
        limit: Most places to fill; all by default.
        effort: What annotating costs.
    """
    count = len(candidates) if limit is None else min(limit, len(candidates))
    if not candidates:
        return ()
    words = np.array([candidate.words for candidate in candidates], dtype=np.float64)
    uncertainty = np.array([candidate.uncertainty for candidate in candidates])
    worth = _worth(uncertainty, words, strategy, effort, np.random.default_rng(seed))
    vectors = embed_texts([*(candidate.text for candidate in candidates), *labelled])
    waiting, known = vectors[: len(candidates)], vectors[len(candidates) :]
    nearest = (waiting @ known.T).max(axis=1) if len(known) else np.zeros(len(candidates))
    heeds_novelty = strategy in (Strategy.BOTH, Strategy.DIVERSITY)
    left = np.ones(len(candidates), dtype=bool)
    queue: list[Queued] = []
    for _ in range(count):
        novelty = np.clip(1.0 - nearest, 0.0, 1.0)
        gains = np.where(left, worth * novelty if heeds_novelty else worth, -np.inf)
        chosen = int(gains.argmax())
        candidate = candidates[chosen]
        queue.append(
            Queued(
                candidate.article, float(gains[chosen]), candidate.uncertainty, float(novelty[chosen]), candidate.words
            )
        )
        left[chosen] = False
        nearest = np.maximum(nearest, waiting @ waiting[chosen])
    return tuple(queue)


def embed_texts(texts: Sequence[str]) -> Floats:
    """``(texts, 4096)`` unit vectors: folded words, hashed, weighted by how few of the texts have them."""
    counts = np.zeros((len(texts), _COLUMNS))
    for row, text in enumerate(texts):
        forms = Counter(word.normal for word in split_words(text, _FOLDED) if any(map(str.isalpha, word.normal)))
        for form, count in forms.items():
            digest = hashlib.blake2b(form.encode("utf-8"), digest_size=4).digest()
            counts[row, int.from_bytes(digest, "big") % _COLUMNS] += count
    present = (counts > 0).sum(axis=0)
    weighted = np.log1p(counts) * np.log((1 + len(texts)) / (1 + present))
    lengths = np.linalg.norm(weighted, axis=1, keepdims=True)
    unit: Floats = weighted / np.where(lengths > 0, lengths, 1.0)
    return unit


def _worth(
    uncertainty: Floats, words: Floats, strategy: Strategy, effort: Effort, generator: np.random.Generator
) -> Floats:
    """What each candidate is worth before novelty, with ties broken by the seed."""
    ties = generator.random(len(words))
    if strategy is Strategy.RANDOM:
        return ties
    weight = words if effort is Effort.ARTICLES else words / (words + OVERHEAD_WORDS)
    heeded = uncertainty if strategy in (Strategy.BOTH, Strategy.UNCERTAINTY) else np.ones(len(words))
    worth: Floats = heeded * weight * (1.0 + 1e-9 * ties)
    return worth
