"""Perturbations by hand: what each does to a sentence, and where its spans go."""

from __future__ import annotations

from random import Random

import pytest

from eval.behaviour.spelling import shape_letters, use_arabic_digits, use_persian_digits, vary_spelling
from eval.behaviour.surroundings import add_conjunctions, add_emoji, change_quotes, drop_spaces
from eval.behaviour.swaps import swap_names
from eval.behaviour.textmap import Edit, Joins, apply_edits
from trainer.core.types import Article, Span


class _Always(Random):
    """Chance that always strikes."""

    def random(self):
        return 0.0


def _run(change, text, *surfaces, label="LOCATION"):
    spans = tuple(Span(text.index(s), text.index(s) + len(s), label) for s in surfaces)
    edited = apply_edits(text, change(Article("a", text, spans), _Always(3)))
    return edited.text, [edited.text[m.start : m.end] for m in map(edited.move, spans)]


@pytest.mark.parametrize(
    ("joins", "left", "right"),
    [(Joins.NONE, "ab", "cd"), (Joins.LEFT, "abX", "cd"), (Joins.RIGHT, "ab", "Xcd")],
)
def test_an_insertion_belongs_where_it_says(joins, left, right):
    edited = apply_edits("abcd", [Edit(2, 2, "X", joins)])
    assert edited.text == "abXcd"
    spans = [edited.move(Span(0, 2, "L")), edited.move(Span(2, 4, "L"))]
    assert [edited.text[s.start : s.end] for s in spans] == [left, right]


def test_several_insertions_at_one_point_go_left_none_right():
    edited = apply_edits("ab", [Edit(1, 1, "R", Joins.RIGHT), Edit(1, 1, "-"), Edit(1, 1, "L", Joins.LEFT)])
    assert edited.text == "aL-Rb"
    assert [edited.ends[1], edited.starts[1]] == [2, 3]


def test_a_replaced_span_is_the_new_text_and_a_boundary_inside_goes_to_its_edge():
    edited = apply_edits("abcdef", [Edit(1, 4, "XY")])
    assert edited.text == "aXYef"
    assert edited.move(Span(1, 4, "L")) == Span(1, 3, "L")
    assert edited.move(Span(2, 6, "L")) == Span(1, 5, "L")
    assert edited.move(Span(0, 2, "L")) == Span(0, 3, "L")


def test_insertions_at_both_ends_of_the_text_stay_outside():
    edited = apply_edits("ab", [Edit(0, 0, "X"), Edit(2, 2, "Y")])
    assert edited.text == "XabY"
    assert edited.move(Span(0, 2, "L")) == Span(1, 3, "L")


@pytest.mark.parametrize("edits", [[Edit(0, 3, ""), Edit(2, 4, "")], [Edit(3, 2, "")], [Edit(0, 9, "")]])
def test_edits_that_overlap_or_leave_the_text_are_refused(edits):
    with pytest.raises(ValueError, match="overlaps another or lies outside"):
        apply_edits("abcd", edits)


def test_moving_keeps_label_type_and_score():
    moved = apply_edits("ab", [Edit(0, 0, "X")]).move(Span(0, 1, "OPERATION", "raid", 0.5))
    assert (moved.label, moved.type, moved.score) == ("OPERATION", "raid", 0.5)


def test_letters_take_the_form_of_their_place():
    assert _run(shape_letters, "غزة")[0] == "ﻏﺰﺓ"
    assert _run(shape_letters, "سماء")[0] == "ﺳﻤﺎﺀ"


def test_spelling_variants_are_what_writers_leave_off():
    assert _run(vary_spelling, "أعلن الجيش إلى مدينة علي آب أو")[0] == "اعلن الجيش الى مدينه على آب أو"


def test_digits_change_their_script():
    assert _run(use_arabic_digits, "عام 2014 و٣")[0] == "عام ٢٠١٤ و٣"
    assert _run(use_persian_digits, "عام 2014 و٣")[0] == "عام ۲۰۱۴ و۳"


def test_quotes_take_another_style_and_stay_in_pairs():
    text, spans = _run(change_quotes, 'تنظيم “داعش” و«حماس» و"فتح"', "تنظيم “داعش”", "فتح")
    assert text == 'تنظيم "داعش" و“حماس” و«فتح»'
    assert spans == ['تنظيم "داعش"', "فتح"]


def test_spaces_after_punctuation_go_and_line_breaks_stay():
    assert _run(drop_spaces, "قال، ثم ذهب.\nوعاد: إلى حلب. انتهى", "حلب") == (
        "قال،ثم ذهب.\nوعاد:إلى حلب.انتهى",
        ["حلب"],
    )


def test_emoji_stand_outside_the_spans():
    text, spans = _run(add_emoji, "حلب تحت القصف", "حلب", "القصف")
    assert spans == ["حلب", "القصف"]
    assert len(text) > len("حلب تحت القصف") + 3


def test_a_conjunction_joins_the_span_it_stands_on():
    assert _run(add_conjunctions, "قصف حلب", "حلب") == ("قصف وحلب", ["وحلب"])


@pytest.mark.parametrize(("text", "surface"), [("قصف وحلب", "وحلب"), ("قصف (حلب)", "حلب"), ("قصف «حلب»", "«حلب»")])
def test_no_conjunction_on_a_clitic_a_bracket_or_a_quote(text, surface):
    assert _run(add_conjunctions, text, surface)[0] == text


def test_a_name_is_swapped_for_one_of_its_kind_and_keeps_its_prefix():
    _, spans = _run(swap_names, "في بغداد وفي ودمشق", "بغداد", "ودمشق")
    assert spans[0] != "بغداد"
    assert spans[1].startswith("و")
    assert spans[1] != "ودمشق"


def test_a_name_has_one_stand_in_in_an_article():
    text = "في بغداد ثم بغداد"
    spans = (Span(3, 8, "LOCATION"), Span(12, 17, "LOCATION"))
    edits = swap_names(Article("a", text, spans), Random(1))
    assert edits[0].new == edits[1].new


def test_names_that_are_not_listed_and_other_labels_stay():
    assert _run(swap_names, "في قرية كذا", "قرية كذا")[0] == "في قرية كذا"
    assert _run(swap_names, "في بغداد", "بغداد", label="OPERATION")[0] == "في بغداد"
