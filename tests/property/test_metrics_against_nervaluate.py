"""Our policies against nervaluate where the definitions agree: strict (same edges and label) and exact (same edges)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nervaluate import Evaluator

from tests.property.strategies import LABELS
from trainer.core.bio import spans_to_tags, tag_names, tags_to_spans
from trainer.core.metrics import Policy, count_by_label, count_matches, total
from trainer.core.words import split_words

_sequences = st.lists(st.tuples(*[st.sampled_from(tag_names(LABELS))] * 2), min_size=1, max_size=20)


def _read(documents):
    for pairs in documents:
        words = split_words(" ".join("كلمة" for _ in pairs))
        yield words, *(tags_to_spans(words, [pair[side] for pair in pairs]) for side in (0, 1))


@settings(max_examples=80, deadline=None)
@given(st.lists(_sequences, min_size=1, max_size=3))
def test_strict_and_boundary_equal_nervaluates_strict_and_exact(documents):
    read = list(_read(documents))
    tags = [[spans_to_tags(words, spans) for words, *sides in read for spans in (sides[side],)] for side in (0, 1)]
    evaluator = Evaluator(*tags, tags=list(LABELS), loader="list")
    found = evaluator.evaluate()
    for policy, name in ((Policy.STRICT, "strict"), (Policy.BOUNDARY, "exact")):
        ours = total(count_matches(gold, predicted, policy) for _, gold, predicted in read)
        theirs = found["overall"][name]
        assert ours.correct == theirs.correct
        assert ours.gold == theirs.possible
        assert ours.predicted == theirs.actual
        assert ours.precision == pytest.approx(theirs.precision)
        assert ours.recall == pytest.approx(theirs.recall)
        assert ours.f1 == pytest.approx(theirs.f1)


@settings(max_examples=50, deadline=None)
@given(st.lists(_sequences, min_size=1, max_size=3))
def test_strict_by_label_finds_what_nervaluate_finds(documents):
    read = list(_read(documents))
    tags = [[spans_to_tags(words, spans) for words, *sides in read for spans in (sides[side],)] for side in (0, 1)]
    found = Evaluator(*tags, tags=list(LABELS), loader="list").evaluate()["entities"]
    for label in LABELS:
        ours = total(count_by_label(gold, predicted, [label])[label] for _, gold, predicted in read)
        if label in found:  # a label that occurs nowhere is left out there
            assert ours.correct == found[label]["strict"].correct
            assert ours.gold == found[label]["strict"].possible
        else:
            assert ours.correct == ours.gold == 0
