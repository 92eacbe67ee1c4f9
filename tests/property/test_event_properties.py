"""The event head on random Arabic text: candidates by their definition, links that can be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.event_heads import WIDTH, build_head
from tests.property.strategies import annotated_texts
from trainer.core.candidates import REACH, STRUCTURE, find_candidates
from trainer.core.paths import default_schema_path
from trainer.core.schema import load_schema
from trainer.core.types import Span, Word
from trainer.core.words import split_paragraphs
from trainer.runtime.reading import Reading

SCHEMA = load_schema(default_schema_path())
HEAD = build_head(SCHEMA, threshold=0.3)
Annotated = tuple[str, tuple[Word, ...], tuple[Span, ...]]


def naive_pairs(text: str, words: tuple[Word, ...], spans: tuple[Span, ...]) -> set[tuple[int, int]]:
    def paragraph(span: Span) -> int:
        return next(i for i, p in enumerate(split_paragraphs(text, words)) if p.start <= span.start < p.end)

    def gap(a: Span, b: Span) -> int:
        left, right = sorted((a, b))
        return sum(left.end <= word.start and word.end <= right.start for word in words)

    return {
        (i, j)
        for i, a in enumerate(spans)
        for j, b in enumerate(spans)
        if any((a.label, b.label) == (role.source, role.filler) for role in SCHEMA.roles)
        and paragraph(a) == paragraph(b)
        and gap(a, b) <= REACH
    }


@given(annotated_texts())
def test_candidates_are_what_their_definition_says(annotated: Annotated) -> None:
    text, words, spans = annotated
    found = find_candidates(words, split_paragraphs(text, words), spans, SCHEMA)
    pairs = list(zip(found.operations.tolist(), found.arguments.tolist(), strict=True))
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == naive_pairs(text, words, spans)
    assert found.structure.shape == (len(pairs), STRUCTURE)
    assert ((found.structure == 0) | (found.structure == 1)).all()
    first, last = found.between()
    assert (first <= last).all()


@given(annotated_texts(), st.integers(0, 2**32 - 1))
def test_a_head_never_moves_a_span_and_never_draws_a_link_that_cannot_be(annotated: Annotated, seed: int) -> None:
    text, words, spans = annotated
    reading = Reading(text, words, split_paragraphs(text, words), ())
    states = np.random.default_rng(seed).normal(size=(len(words), WIDTH)).astype(np.float32)
    completed, links = HEAD.complete(reading, spans, states, SCHEMA)
    assert [replace(span, type=None) for span in completed] == list(spans)
    assert all((span.type in SCHEMA.type_names) == (span.label == SCHEMA.typed_label) for span in completed)
    pairs = [(link.operation, link.argument) for link in links]
    assert len(set(pairs)) == len(pairs)
    assert set(pairs) <= naive_pairs(text, words, spans)
    for link in links:
        role = SCHEMA.role(link.role)
        assert role is not None
        assert (role.source, role.filler) == (spans[link.operation].label, spans[link.argument].label)
        assert link.score is not None
        assert 0.3 <= link.score <= 1.0 + 1e-6
