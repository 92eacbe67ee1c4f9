"""How the same words are annotated over a corpus."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.core.bio import OUTSIDE, spans_to_tags, word_range
from trainer.core.normalisation import Normalisation, normalise_word
from trainer.core.types import Article, Span, Word

_FOLDED = Normalisation(fold_alef=True, fold_ya=True, fold_ta_marbuta=True)
_PRIOR = 1.0  # strength of the belief that a surface is as often marked one way as another


@dataclass(frozen=True, slots=True)
class Marked:
    """An annotated article, its words, and the spans that somebody proposes for it."""

    article: Article
    words: tuple[Word, ...]
    proposed: tuple[Span, ...]


class SurfaceUse:
    """How each sequence of words that is ever a span is annotated, by article."""

    def __init__(self, marked: Sequence[Marked]) -> None:
        self._forms = {one.article.id: [_form(word) for word in one.words] for one in marked}
        self._words = {one.article.id: one.words for one in marked}
        surfaces = {
            self._key(one.article, span.start, span.end)
            for one in marked
            for span in (*one.article.spans, *one.proposed)
        }
        by_first: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        for surface in surfaces:
            if surface:
                by_first[surface[0]].add(surface)
        self._counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        self._own: dict[tuple[str, tuple[str, ...]], Counter[str]] = defaultdict(Counter)
        for one in marked:
            labels = {(s.start, s.end): s.label for s in one.article.spans}
            inside = _inside(one)
            forms = self._forms[one.article.id]
            for index, form in enumerate(forms):
                for surface in by_first.get(form, ()):
                    last = index + len(surface)
                    if tuple(forms[index:last]) != surface:
                        continue
                    label = labels.get((one.words[index].start, one.words[last - 1].end))
                    if label is None and any(inside[index:last]):
                        continue  # part of a longer span says nothing about the shorter
                    self._counts[surface][label or OUTSIDE] += 1
                    self._own[one.article.id, surface][label or OUTSIDE] += 1

    def elsewhere(self, article: Article, place: tuple[int, int]) -> tuple[tuple[str, int], ...]:
        """Labels of the same words in the other articles."""
        surface = self._key(article, *place)
        return tuple((self._counts[surface] - self._own[article.id, surface]).most_common()) if surface else ()

    def support(self, article: Article, annotated: Sequence[Span], proposed: Sequence[Span]) -> float:
        """How much better the rest of the corpus bears out the proposal than the annotation, 0 to 1."""
        if proposed:
            wanted = np.mean([self._share(article, span, span.label) for span in proposed])
        else:
            wanted = np.mean([self._share(article, span, OUTSIDE) for span in annotated])
        if annotated:
            found = np.mean([self._share(article, span, span.label) for span in annotated])
        else:
            found = np.mean([self._share(article, span, OUTSIDE) for span in proposed])
        return float(np.clip(0.5 + (wanted - found) / 2, 0.0, 1.0))

    def _share(self, article: Article, span: Span, label: str) -> float:
        counts = dict(self.elsewhere(article, (span.start, span.end)))
        return (counts.get(label, 0) + _PRIOR / 2) / (sum(counts.values()) + _PRIOR)

    def _key(self, article: Article, start: int, end: int) -> tuple[str, ...]:
        covered = word_range(self._words[article.id], start, end)
        return () if covered is None else tuple(self._forms[article.id][slice(*covered)])


def _inside(marked: Marked) -> list[bool]:
    tags = spans_to_tags(marked.words, marked.article.spans)
    return [tag != OUTSIDE for tag in tags]


def _form(word: Word) -> str:
    return normalise_word(word.surface, _FOLDED) or word.surface
