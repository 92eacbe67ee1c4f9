"""What the event head learns from: pooled spans and candidate pairs of annotated articles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.core.candidates import Candidates, find_candidates
from trainer.core.schema import EventSchema
from trainer.core.types import Article
from trainer.learning.event_net import NO_LINK, Pairs
from trainer.runtime.event_head import pool_spans, widen_states
from trainer.runtime.reading import Reading
from trainer.runtime.tagging import Floats
from trainer.runtime.word_hashes import average_ranges

ScoreStates = Callable[[Sequence[Reading]], list[tuple[Floats, Floats]]]
"""From readings to ``(words, tags)`` logits and ``(words, width)`` states of each, as the tagger gives them."""

_TOGETHER = 32  # articles scored at a time; only what spans and pairs need of their states is kept


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Gold spans of some articles.

    Attributes:
        pooled: ``(spans, 2 x width)``, of states widened by the letters of words.
        operations: ``(operations,)`` rows of ``pooled`` that have a type.
        types: ``(operations,)`` index of each one's type.
        pairs: Candidate pairs.
        roles: ``(pairs,)`` 0 for no link, else 1 + index of the role.
        links: All gold links of these articles; those that are no candidate pair count as missed.
    """

    pooled: torch.Tensor
    operations: torch.Tensor
    types: torch.Tensor
    pairs: Pairs
    roles: torch.Tensor
    links: int

    @property
    def width(self) -> int:
        """Numbers in a word's widened state."""
        return int(self.pooled.shape[1]) // 2


def gather_examples(
    articles: Sequence[Article], readings: Sequence[Reading], score: ScoreStates, schema: EventSchema
) -> Examples:
    """Examples of articles, their states computed some articles at a time.

    Raises:
        AnnotationError: A span does not begin and end with whole words.
    """
    parts = [
        (article, candidates, pool_spans(states, candidates.first, candidates.last), between)
        for article, candidates, states, between in _iterate_states(articles, readings, score, schema)
    ]
    offsets = np.cumsum([0, *(len(article.spans) for article, *_ in parts)])
    typed = [
        (offset + index, schema.type_names.index(span.type))
        for (article, *_), offset in zip(parts, offsets, strict=False)
        for index, span in enumerate(article.spans)
        if span.label == schema.typed_label and span.type is not None
    ]
    rows = np.array(typed, dtype=np.int64).reshape(-1, 2)
    found = [candidates for _, candidates, *_ in parts]
    return Examples(
        pooled=_join([pooled for *_, pooled, _ in parts]),
        operations=torch.from_numpy(rows[:, 0].copy()),
        types=torch.from_numpy(rows[:, 1].copy()),
        pairs=Pairs(
            _join([part.operations + offset for part, offset in zip(found, offsets, strict=False)]),
            _join([part.arguments + offset for part, offset in zip(found, offsets, strict=False)]),
            _join([between for *_, between in parts]),
            _join([part.structure for part in found]),
            _join([part.allowed for part in found]),
        ),
        roles=_join([find_roles(article, candidates, schema) for article, candidates, *_ in parts]),
        links=sum(len(article.links) for article in articles),
    )


def find_roles(article: Article, candidates: Candidates, schema: EventSchema) -> NDArray[np.int64]:
    """``(pairs,)`` 0 for no link, else 1 + index of the role; of two roles of one pair the first counts."""
    order = {role.name: index for index, role in enumerate(schema.roles, NO_LINK + 1)}
    known: dict[tuple[int, int], int] = {}
    for link in sorted(article.links, key=lambda link: order[link.role]):
        known.setdefault((link.operation, link.argument), order[link.role])
    pairs = zip(candidates.operations.tolist(), candidates.arguments.tolist(), strict=True)
    return np.array([known.get(pair, NO_LINK) for pair in pairs], dtype=np.int64)


def _iterate_states(
    articles: Sequence[Article], readings: Sequence[Reading], score: ScoreStates, schema: EventSchema
) -> Iterator[tuple[Article, Candidates, Floats, Floats]]:
    """Each article with words: its pairs, the states of its words, and the means between its pairs."""
    rows = [row for row in zip(articles, readings, strict=True) if row[1].words]
    for start in range(0, len(rows), _TOGETHER):
        some = rows[start : start + _TOGETHER]
        for (article, reading), (_, bare) in zip(some, score([reading for _, reading in some]), strict=True):
            states = widen_states(reading, bare)
            candidates = find_candidates(reading.words, reading.paragraphs, article.spans, schema)
            yield article, candidates, states, average_ranges(states, *candidates.between())


def _join(parts: Sequence[NDArray[np.generic]]) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(parts))
