"""The error atlas: hand-made cases for each kind, and the order in which they are read."""

from __future__ import annotations

import pytest

from trainer.core.atlas import ErrorKind, SpanError, classify_errors
from trainer.core.types import Span

TEXT = 'قال تنظيم “داعش” إن قوات الجيش العراقي دخلت بالموصل و"القائم" ثم انسحبت من شمال غربي كركوك.'


def _span(surface, label="ACTOR", occurrence=0):
    start = -1
    for _ in range(occurrence + 1):
        start = TEXT.index(surface, start + 1)
    return Span(start, start + len(surface), label)


def _kinds(gold, predicted, text=TEXT):
    return [error.kind for error in classify_errors(text, gold, predicted)]


def test_right_spans_are_no_errors():
    gold = [_span("تنظيم “داعش”"), _span("قوات الجيش العراقي")]
    assert classify_errors(TEXT, gold, list(reversed(gold))) == ()


def test_score_and_type_do_not_make_an_error():
    assert classify_errors(TEXT, [Span(0, 3, "X", "raid", 0.1)], [Span(0, 3, "X", "strike", 0.9)]) == ()


def test_a_gold_span_that_nothing_touches_is_missed():
    span = _span("قوات الجيش العراقي")
    assert classify_errors(TEXT, [span], []) == (SpanError(ErrorKind.MISSED, (span,), ()),)


def test_a_predicted_span_that_touches_no_gold_is_spurious():
    span = _span("دخلت", "OPERATION")
    assert classify_errors(TEXT, [], [span]) == (SpanError(ErrorKind.SPURIOUS, (), (span,)),)


def test_neighbours_that_only_meet_are_missed_and_spurious():
    gold, predicted = Span(0, 3, "ACTOR"), Span(3, 9, "ACTOR")
    assert _kinds([gold], [predicted]) == [ErrorKind.MISSED, ErrorKind.SPURIOUS]


def test_the_same_edges_with_another_label_are_a_wrong_label():
    gold, predicted = _span("كركوك", "LOCATION"), _span("كركوك", "ACTOR")
    assert classify_errors(TEXT, [gold], [predicted]) == (SpanError(ErrorKind.WRONG_LABEL, (gold,), (predicted,)),)


def test_another_label_comes_before_other_edges():
    assert _kinds([_span("غربي كركوك", "LOCATION")], [_span("كركوك", "ACTOR")]) == [ErrorKind.WRONG_LABEL]


@pytest.mark.parametrize(
    ("gold", "predicted"),
    [('"القائم"', "القائم"), ("القائم", '"القائم"'), ("“داعش”", "داعش”"), ("“داعش”", "“داعش"), ("داعش", " “داعش” ")],
)
def test_only_quotes_and_space_between_the_edges_are_a_quote_error(gold, predicted):
    assert _kinds([_span(gold)], [_span(predicted)]) == [ErrorKind.QUOTE]


@pytest.mark.parametrize("marks", ["()", "[]", "{}", "«»", "‘’", "‹›", "''", "<>"])
def test_every_kind_of_bracket_counts_as_a_quote(marks):
    text = f"{marks[0]}غزة{marks[1]}"
    assert _kinds([Span(0, 5, "X")], [Span(1, 4, "X")], text) == [ErrorKind.QUOTE]


@pytest.mark.parametrize(
    ("word", "clitic"),
    [
        ("بالموصل", "ب"),
        ("بالموصل", "بال"),
        ("والموصل", "و"),
        ("فالموصل", "ف"),
        ("لبغداد", "ل"),
        ("كبغداد", "ك"),
        ("للموصل", "لل"),
        ("الموصل", "ال"),
        ("وبالموصل", "وبال"),
        ("وَلِلموصل", "وَلِل"),
    ],
)
def test_only_an_attached_clitic_between_the_left_edges_is_a_clitic_error(word, clitic):
    text = f"في {word} اليوم"
    whole, bare = Span(3, 3 + len(word), "X"), Span(3 + len(clitic), 3 + len(word), "X")
    assert _kinds([whole], [bare], text) == [ErrorKind.CLITIC]
    assert _kinds([bare], [whole], text) == [ErrorKind.CLITIC]


def test_a_clitic_at_the_left_with_another_right_edge_is_no_clitic_error():
    text = "في بالموصل اليوم"
    assert _kinds([Span(3, 10, "X")], [Span(4, 16, "X")], text) == [ErrorKind.BOUNDARY_BOTH]


def test_letters_that_are_no_clitic_are_a_boundary_error():
    text = "في مالموصل اليوم"
    assert _kinds([Span(3, 10, "X")], [Span(4, 10, "X")], text) == [ErrorKind.BOUNDARY_LEFT]


def test_boundaries_are_told_apart_by_side():
    gold = _span("قوات الجيش العراقي")
    assert _kinds([gold], [_span("الجيش العراقي")]) == [ErrorKind.BOUNDARY_LEFT]
    assert _kinds([gold], [_span("قوات الجيش")]) == [ErrorKind.BOUNDARY_RIGHT]
    assert _kinds([gold], [_span("الجيش")]) == [ErrorKind.BOUNDARY_BOTH]
    assert _kinds([_span("الجيش")], [gold]) == [ErrorKind.BOUNDARY_BOTH]


def test_a_quote_on_one_side_and_words_on_the_other_are_a_boundary_error():
    assert _kinds([_span("تنظيم “داعش”")], [_span("“داعش")]) == [ErrorKind.BOUNDARY_BOTH]


def test_one_gold_span_in_pieces_is_split_whatever_the_labels():
    gold = _span("قوات الجيش العراقي")
    pieces = (_span("قوات"), _span("العراقي", "LOCATION"))
    assert classify_errors(TEXT, [gold], pieces) == (SpanError(ErrorKind.SPLIT, (gold,), pieces),)


def test_one_prediction_over_several_gold_spans_is_merged():
    gold = (_span("قوات"), _span("الجيش العراقي"))
    whole = _span("قوات الجيش العراقي")
    assert classify_errors(TEXT, gold, [whole]) == (SpanError(ErrorKind.MERGED, gold, (whole,)),)


def test_a_chain_is_read_pair_by_pair_with_the_largest_overlap_first():
    text = "ا" * 40
    gold = (Span(0, 10, "X"), Span(12, 30, "X"))
    predicted = (Span(5, 14, "X"), Span(15, 28, "X"))
    errors = classify_errors(text, gold, predicted)
    assert errors == (
        SpanError(ErrorKind.BOUNDARY_BOTH, (gold[0],), (predicted[0],)),
        SpanError(ErrorKind.BOUNDARY_BOTH, (gold[1],), (predicted[1],)),
    )


def test_what_a_chain_leaves_over_is_missed_or_spurious():
    text = "ا" * 60
    gold = (Span(0, 10, "X"), Span(11, 20, "X"), Span(40, 45, "X"))
    predicted = (Span(5, 12, "X"), Span(13, 42, "X"))
    errors = classify_errors(text, gold, predicted)
    assert [error.kind for error in errors] == [ErrorKind.BOUNDARY_BOTH, ErrorKind.BOUNDARY_BOTH, ErrorKind.MISSED]
    assert errors[2].gold == (gold[2],)
    mirrored = classify_errors(text, predicted, gold)
    assert [error.kind for error in mirrored][-1] is ErrorKind.SPURIOUS
    assert mirrored[-1].predicted == (gold[2],)


def test_ties_in_a_chain_go_to_the_earlier_spans():
    text = "ا" * 30
    gold = (Span(0, 6, "X"), Span(8, 14, "X"))
    predicted = (Span(4, 10, "X"), Span(12, 16, "X"))
    pairs = [(error.gold, error.predicted) for error in classify_errors(text, gold, predicted)]
    assert pairs == [((gold[0],), (predicted[0],)), ((gold[1],), (predicted[1],))]


def test_errors_come_in_text_order_with_their_extent():
    gold = [_span("كركوك", "LOCATION"), _span("تنظيم “داعش”")]
    errors = classify_errors(TEXT, gold, [_span("تنظيم")])
    assert [error.kind for error in errors] == [ErrorKind.BOUNDARY_RIGHT, ErrorKind.MISSED]
    assert (errors[0].start, errors[0].end) == (gold[1].start, gold[1].end)
    assert errors[0].start < errors[1].start


def test_repeated_spans_are_one_error():
    span = _span("كركوك", "LOCATION")
    assert len(classify_errors(TEXT, [span, span], [])) == 1


def test_a_span_inside_a_long_one_still_joins_the_group():
    # The long gold span reaches over both predictions, though a short one ends in between.
    text = "ا" * 40
    gold, predicted = [Span(0, 30, "X")], [Span(2, 4, "X"), Span(20, 25, "X")]
    assert _kinds(gold, predicted, text) == [ErrorKind.SPLIT]
