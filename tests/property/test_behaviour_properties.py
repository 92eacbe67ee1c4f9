"""Perturbed texts: every span can be found again, and only what was meant to change has changed."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.behaviour.suite import PERTURBATIONS, perturb
from eval.behaviour.textmap import Edit, Joins, apply_edits
from tests.property.strategies import annotated_texts, arabic_texts
from trainer.core.bio import spans_to_tags
from trainer.core.normalisation import Normalisation, normalise_word
from trainer.core.types import Article, Span
from trainer.core.words import split_words

FOLDED = Normalisation(fold_alef=True, fold_ya=True, fold_ta_marbuta=True)
SAME_WORDS = ("tashkeel", "tatweel", "presentation_forms", "spelling_variants", "arabic_digits", "persian_digits")
PUT_WORDS_IN = ("emoji", "latin_words")
CHANGE_WORDS = ("name_swap", "clitic_added")


@st.composite
def edited_texts(draw):
    text = draw(arabic_texts)
    points = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    edits, reach = [], 0
    for start, end in zip(points[::2], points[1::2], strict=False):
        if start >= reach:
            edits.append(Edit(start, end, draw(st.text("اب ", max_size=3)), draw(st.sampled_from(Joins))))
            reach = end + 1
    return text, edits


@given(edited_texts())
def test_boundaries_keep_their_order_and_their_text(case):
    text, edits = case
    edited = apply_edits(text, edits)
    assert edited.starts[len(text)] == len(edited.text) or any(e.end == len(text) for e in edits)
    assert list(edited.starts) == sorted(edited.starts)
    assert list(edited.ends) == sorted(edited.ends)
    touched = {point for edit in edits for point in range(edit.start, edit.end)}
    for point, character in enumerate(text):
        if point not in touched:
            assert edited.text[edited.starts[point] : edited.ends[point + 1]].count(character) >= 1


@given(edited_texts(), st.data())
def test_a_span_away_from_all_edits_keeps_its_surface(case, data):
    text, edits = case
    if not text:
        return
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    if any(edit.start <= end and start <= edit.end for edit in edits):
        return
    edited = apply_edits(text, edits)
    moved = edited.move(Span(start, end, "X"))
    assert edited.text[moved.start : moved.end] == text[start:end]


@given(edited_texts())
def test_undoing_the_edits_gives_the_text_back(case):
    text, edits = case
    edited = apply_edits(text, edits)
    undone, cursor, old = [], 0, 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        undone.append(edited.text[cursor : cursor + edit.start - old])
        cursor += edit.start - old + len(edit.new)
        undone.append(text[edit.start : edit.end])
        old = edit.end
    assert "".join([*undone, edited.text[cursor:]]) == text


@pytest.mark.parametrize("name", PERTURBATIONS)
@settings(max_examples=40, deadline=None)
@given(annotated_texts(), st.integers(0, 3))
def test_every_span_still_begins_and_ends_with_words(name, case, seed):
    text, _, spans = case
    edited, _ = perturb(Article("a", text, spans), PERTURBATIONS[name], seed)
    moved = [edited.move(span) for span in spans]
    spans_to_tags(split_words(edited.text), moved)
    for old, new in zip(spans, moved, strict=True):
        before = "".join(normalise_word(w.surface, FOLDED) for w in split_words(text[old.start : old.end]))
        after = "".join(normalise_word(w.surface, FOLDED) for w in split_words(edited.text[new.start : new.end]))
        if name == "clitic_added":
            assert after in (before, "و" + before)
        elif name in SAME_WORDS or name in PUT_WORDS_IN or name in ("missing_space", "bidi_marks"):
            assert after == before


@pytest.mark.parametrize("name", SAME_WORDS)
@settings(max_examples=40, deadline=None)
@given(arabic_texts)
def test_perturbed_letters_are_the_same_words_once_normalised(name, text):
    edited, _ = perturb(Article("a", text), PERTURBATIONS[name], 1)
    forms = [[normalise_word(word.surface, FOLDED) for word in split_words(t)] for t in (text, edited.text)]
    assert forms[0] == forms[1]


@pytest.mark.parametrize("name", PERTURBATIONS)
@given(annotated_texts())
@settings(max_examples=10, deadline=None)
def test_a_perturbation_repeats_with_its_seed_and_keeps_the_lines(name, case):
    text, _, spans = case
    article = Article("a", text, spans)
    once, twice = (perturb(article, PERTURBATIONS[name], 5)[0] for _ in range(2))
    assert once == twice
    assert once.text.count("\n") == text.count("\n")
    assert PERTURBATIONS[name](article, Random(1)) == PERTURBATIONS[name](article, Random(1))
