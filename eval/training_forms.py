"""What a model has seen: the surfaces and head words of the spans it was trained on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from eval.guard import find_training_articles
from trainer.core.normalisation import Normalisation, normalise_word
from trainer.core.types import Article
from trainer.core.words import split_words
from trainer.runtime.checkpoint import Checkpoint
from trainer.runtime.crf import stem_of

_FOLDED = Normalisation(fold_alef=True, fold_ya=True, fold_ta_marbuta=True, lowercase=True)


@dataclass(frozen=True, slots=True)
class TrainingForms:
    """Folded surfaces and head words of training spans, each with its label.

    The head word is the first word of a span without attached clitics: Arabic noun phrases begin with their head.
    """

    surfaces: frozenset[tuple[str, str]]
    heads: frozenset[tuple[str, str]]

    def has_surface(self, surface: str, label: str) -> bool:
        """Whether a training span of that label has that surface."""
        return (_fold(surface), label) in self.surfaces

    def has_head(self, surface: str, label: str) -> bool:
        """Whether a training span of that label has the same head word."""
        return (_head(surface), label) in self.heads


def collect_forms(articles: Iterable[Article]) -> TrainingForms:
    """The forms of all spans of some articles."""
    pairs = {(article.surface(span), span.label) for article in articles for span in article.spans}
    return TrainingForms(
        frozenset((_fold(surface), label) for surface, label in pairs),
        frozenset((_head(surface), label) for surface, label in pairs),
    )


def find_forms(checkpoint: Checkpoint) -> TrainingForms | None:
    """The forms that a run was trained on; None where its training texts are no longer at hand."""
    articles = find_training_articles(checkpoint)
    if articles is None:
        return None
    trained = set(checkpoint.provenance["data"]["train"])
    return collect_forms(article for article in articles if article.id in trained)


@lru_cache(maxsize=65_536)
def _fold(surface: str) -> str:
    return " ".join(normal for word in split_words(surface) if (normal := normalise_word(word.surface, _FOLDED)))


def _head(surface: str) -> str:
    return stem_of(_fold(surface).partition(" ")[0])
