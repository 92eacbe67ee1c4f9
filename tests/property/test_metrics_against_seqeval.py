"""Our strict F1 against seqeval's, which it must equal wherever both are defined."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

from tests.property.strategies import LABELS
from trainer.core.bio import spans_to_tags, tag_names, tags_to_spans
from trainer.core.metrics import Policy, count_matches, total
from trainer.core.types import Span
from trainer.core.words import split_words

sequences = st.lists(st.tuples(*[st.sampled_from(tag_names(LABELS))] * 2), min_size=1, max_size=25)
spans = st.lists(
    st.builds(
        lambda s, n, label: Span(s, s + n, label), st.integers(0, 12), st.integers(1, 4), st.sampled_from(LABELS)
    ),
    max_size=6,
)


def _legal(words, tags):
    return spans_to_tags(words, tags_to_spans(words, tags))


@settings(max_examples=150, deadline=None)
@given(st.lists(sequences, min_size=1, max_size=4))
def test_strict_scores_equal_seqevals_strict_scores(documents):
    counts, gold_tags, predicted_tags = [], [], []
    for pairs in documents:
        words = split_words(" ".join("كلمة" for _ in pairs))
        gold, predicted = (_legal(words, [pair[side] for pair in pairs]) for side in (0, 1))
        gold_tags.append(gold)
        predicted_tags.append(predicted)
        counts.append(count_matches(tags_to_spans(words, gold), tags_to_spans(words, predicted)))
    ours = total(counts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
        assert ours.f1 == pytest.approx(f1_score(gold_tags, predicted_tags, **options))
        assert ours.precision == pytest.approx(precision_score(gold_tags, predicted_tags, **options))
        assert ours.recall == pytest.approx(recall_score(gold_tags, predicted_tags, **options))


@given(spans, spans)
def test_policies_only_ever_relax(gold, predicted):
    correct = {policy: count_matches(gold, predicted, policy) for policy in Policy}
    assert correct[Policy.STRICT].correct <= correct[Policy.LABEL_OVERLAP].correct
    assert correct[Policy.BOUNDARY].correct <= correct[Policy.OVERLAP].correct
    assert all(c.correct <= min(c.predicted, c.gold) for c in correct.values())


@given(spans)
def test_a_perfect_prediction_scores_one_under_every_policy(gold):
    for policy in Policy:
        counts = count_matches(gold, gold, policy)
        assert counts.correct == counts.gold == counts.predicted
