"""Every wrong span lies in exactly one error, whatever the spans."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.strategies import LABELS
from trainer.core.atlas import ErrorKind, classify_errors
from trainer.core.types import Span

_TEXT = 'وقال “الجيش” بالموصل (داعش) في شمال "غربي" كركوك'


@st.composite
def _flat_spans(draw):
    points = sorted(draw(st.lists(st.integers(0, len(_TEXT)), unique=True, max_size=14)))
    pairs = zip(points[::2], points[1::2], strict=False)
    return [Span(start, end, draw(st.sampled_from(LABELS))) for start, end in pairs]


any_spans = st.lists(
    st.builds(lambda s, n, x: Span(s, s + n, x), st.integers(0, 40), st.integers(1, 8), st.sampled_from(LABELS)),
    max_size=8,
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(_flat_spans(), any_spans), st.one_of(_flat_spans(), any_spans))
def test_each_wrong_span_is_in_exactly_one_error(gold, predicted):
    errors = classify_errors(_TEXT, gold, predicted)
    assert Counter(s for error in errors for s in error.gold) == Counter(set(gold) - set(predicted))
    assert Counter(s for error in errors for s in error.predicted) == Counter(set(predicted) - set(gold))


@settings(max_examples=200, deadline=None)
@given(_flat_spans(), _flat_spans())
def test_changing_sides_mirrors_the_kinds(gold, predicted):
    mirror = {
        ErrorKind.MISSED: ErrorKind.SPURIOUS,
        ErrorKind.SPURIOUS: ErrorKind.MISSED,
        ErrorKind.SPLIT: ErrorKind.MERGED,
        ErrorKind.MERGED: ErrorKind.SPLIT,
    }
    there = Counter(error.kind for error in classify_errors(_TEXT, gold, predicted))
    back = Counter(mirror.get(error.kind, error.kind) for error in classify_errors(_TEXT, predicted, gold))
    assert there.total() == back.total()
    assert there[ErrorKind.SPLIT] == back[ErrorKind.SPLIT]
    assert there[ErrorKind.MISSED] == back[ErrorKind.MISSED]
