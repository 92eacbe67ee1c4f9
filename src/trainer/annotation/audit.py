"""Probable annotation errors: where a model that never saw an article is sure that it is annotated otherwise.

The model's tag probabilities must come from cross-validation (Northcutt et al. 2021 call this
confident learning): a model that was trained on an error defends it. Each stretch where the
annotated and the predicted spans differ is one suspect; its score is the log odds of the model's
tags over the annotated ones, plus how the same words are annotated in the rest of the corpus.
Kinds of suspicion take turns in the ranking: a model that misses many spans would otherwise fill
it with spans it has missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.annotation.surfaces import Marked, SurfaceUse
from trainer.core.bio import spans_to_tags, word_range
from trainer.core.types import Article, Span, Word

_SURFACE_WEIGHT = 4.0  # nats that unanimous use of the same words elsewhere is worth
_LEAST_PROBABILITY = 1e-6
_CONTEXT = 60  # code points shown on each side


class Suspicion(Enum):
    """What is probably wrong."""

    MISSED = "missed span"
    SPURIOUS = "span that should not be"
    BOUNDARY = "wrong boundary"
    LABEL = "wrong label"
    DIVISION = "wrong division"
    TYPE = "wrong type"


@dataclass(frozen=True, slots=True)
class Suspect:
    """A stretch of an article that is probably annotated wrongly.

    Attributes:
        article: Article id.
        kind: What is probably wrong.
        score: Log odds in nats, comparable within a kind.
        start: First code point of the stretch.
        end: One past its last.
        annotated: Spans there as annotated.
        proposed: Spans there as the model sees them.
        elsewhere: How the same words are annotated in the other articles, most often first.
    """

    article: str
    kind: Suspicion
    score: float
    start: int
    end: int
    annotated: tuple[Span, ...]
    proposed: tuple[Span, ...]
    elsewhere: tuple[tuple[str, int], ...]

    def to_dict(self, text: str) -> dict[str, Any]:
        """Plain JSON values, with the words and their context."""
        return {
            **asdict(self),
            "kind": self.kind.value,
            "words": text[self.start : self.end],
            "before": text[max(0, self.start - _CONTEXT) : self.start],
            "after": text[self.end : self.end + _CONTEXT],
        }


@dataclass(frozen=True, slots=True)
class Judged:
    """An article with what a model that did not train on it says.

    Attributes:
        article: With its annotation.
        words: Its words.
        probabilities: ``(words, tags)``.
        predicted: The model's spans.
        types: For typed spans, probabilities of types by the span's start; empty where no model of types was asked.
    """

    article: Article
    words: tuple[Word, ...]
    probabilities: NDArray[np.float64]
    predicted: tuple[Span, ...]
    types: Mapping[int, Mapping[str, float]]


def find_suspects(judged: Sequence[Judged], tags: Sequence[str]) -> tuple[Suspect, ...]:
    """Suspects of a corpus: the most suspicious of each kind first, kinds in turn.

    Args:
        judged: The articles.
        tags: Names of the tags, in the order of the probabilities' columns.
    """
    usage = SurfaceUse([Marked(one.article, one.words, one.predicted) for one in judged])
    column = {tag: index for index, tag in enumerate(tags)}
    suspects = [suspect for one in judged for suspect in _compare(one, column, usage)]
    suspects += [suspect for one in judged for suspect in _doubt_types(one)]
    return _take_turns(suspects)


def _take_turns(suspects: Sequence[Suspect]) -> tuple[Suspect, ...]:
    ranked: list[tuple[int, float, Suspect]] = []
    for kind in Suspicion:
        own = [suspect for suspect in suspects if suspect.kind is kind]
        own.sort(key=lambda suspect: (-suspect.score, suspect.article, suspect.start))
        ranked += [(place, -suspect.score, suspect) for place, suspect in enumerate(own)]
    return tuple(suspect for *_, suspect in sorted(ranked, key=lambda entry: entry[:2]))


def _compare(judged: Judged, column: Mapping[str, int], usage: SurfaceUse) -> Iterator[Suspect]:
    article, words = judged.article, judged.words
    annotated_tags = spans_to_tags(words, article.spans)
    predicted_tags = spans_to_tags(words, judged.predicted)
    for annotated, proposed in _differences(article.spans, judged.predicted):
        spans = sorted([*annotated, *proposed])
        start, end = min(span.start for span in spans), max(span.end for span in spans)
        covered = word_range(words, start, end)
        if covered is None:
            continue
        odds = [
            _log_odds(
                judged.probabilities[index, column[predicted_tags[index]]],
                judged.probabilities[index, column[annotated_tags[index]]],
            )
            for index in range(*covered)
            if annotated_tags[index] != predicted_tags[index]
        ]
        score = float(np.mean(odds)) + _SURFACE_WEIGHT * usage.support(article, annotated, proposed)
        kind = _name(annotated, proposed)
        elsewhere = usage.elsewhere(article, (start, end))
        yield Suspect(article.id, kind, score, start, end, annotated, proposed, elsewhere)


def _doubt_types(judged: Judged) -> Iterator[Suspect]:
    """Typed spans whose type the model finds far less likely than another."""
    for span in judged.article.spans:
        likely = judged.types.get(span.start)
        if span.type is None or not likely:
            continue
        best = max(likely, key=lambda kind: likely[kind])
        if best != span.type:
            score = _log_odds(likely[best], likely.get(span.type, 0.0))
            proposed = (Span(span.start, span.end, span.label, best, likely[best]),)
            yield Suspect(judged.article.id, Suspicion.TYPE, score, span.start, span.end, (span,), proposed, ())


def _log_odds(wanted: float, found: float) -> float:
    return float(np.log(max(wanted, _LEAST_PROBABILITY) / max(found, _LEAST_PROBABILITY)))


def _differences(
    annotated: Sequence[Span], predicted: Sequence[Span]
) -> Iterator[tuple[tuple[Span, ...], tuple[Span, ...]]]:
    """Groups of spans that overlap each other and are not the same on both sides."""
    common = {(s.start, s.end, s.label) for s in annotated} & {(s.start, s.end, s.label) for s in predicted}
    marked = [(span, side) for side, spans in enumerate((annotated, predicted)) for span in spans]
    rest = sorted((s.start, s.end, side, s) for s, side in marked if (s.start, s.end, s.label) not in common)
    group: tuple[list[Span], list[Span]] = ([], [])
    reach = -1
    for start, end, side, span in rest:
        if start >= reach and (group[0] or group[1]):
            yield tuple(group[0]), tuple(group[1])
            group = ([], [])
        group[side].append(span)
        reach = max(reach, end)
    if group[0] or group[1]:
        yield tuple(group[0]), tuple(group[1])


def _name(annotated: Sequence[Span], proposed: Sequence[Span]) -> Suspicion:
    if not annotated:
        return Suspicion.MISSED
    if not proposed:
        return Suspicion.SPURIOUS
    if len(annotated) == len(proposed) == 1:
        same_place = (annotated[0].start, annotated[0].end) == (proposed[0].start, proposed[0].end)
        if same_place or annotated[0].label != proposed[0].label:
            return Suspicion.LABEL
        return Suspicion.BOUNDARY
    return Suspicion.DIVISION
