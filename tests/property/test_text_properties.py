"""Offsets, tags and windows hold for any text."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from tests.property.strategies import LABELS, annotated_texts, arabic_texts
from trainer.core.bio import spans_to_tags, tag_names, tags_to_spans
from trainer.core.normalisation import Normalisation, normalise_word
from trainer.core.windows import pack_windows
from trainer.core.words import split_paragraphs, split_words

foldings = st.builds(Normalisation, *[st.booleans()] * 5)


@given(annotated_texts())
def test_spans_to_tags_and_back_is_the_identity(case):
    _, words, spans = case
    assert tags_to_spans(words, spans_to_tags(words, spans)) == spans


@given(arabic_texts)
def test_the_text_between_a_words_offsets_is_its_surface(text):
    for word in split_words(text):
        assert text[word.start : word.end] == word.surface != ""


@given(st.text())
def test_every_visible_character_of_any_text_lies_in_exactly_one_word(text):
    covered = [index for word in split_words(text) for index in range(word.start, word.end)]
    assert len(covered) == len(set(covered))
    invisible = ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp")
    missing = set(range(len(text))) - set(covered)
    assert all(unicodedata.category(text[index]) in invisible for index in missing)


@given(arabic_texts)
def test_paragraphs_hold_every_word_once_and_no_line_break(text):
    words = split_words(text)
    paragraphs = split_paragraphs(text, words)
    assert [i for p in paragraphs for i in range(p.first_word, p.last_word)] == list(range(len(words)))
    for paragraph in paragraphs:
        assert not set(text[paragraph.start : paragraph.end]) & set("\n\r\u2028\u2029")
        assert paragraph.start <= words[paragraph.first_word].start
        assert words[paragraph.last_word - 1].end <= paragraph.end


@given(arabic_texts, st.integers(1, 60), st.integers(0, 10), st.randoms(use_true_random=False))
def test_windows_own_every_word_exactly_once_and_keep_to_the_limit(text, limit, overlap, random):
    if 2 * overlap >= limit:
        overlap = 0
    words = split_words(text)
    lengths = [random.randint(1, 5) for _ in words]
    windows = pack_windows(words, split_paragraphs(text, words), lengths, limit, overlap)
    owned = [index for window in windows for index in range(window.own_first, window.own_last)]
    assert owned == list(range(len(words)))
    for window in windows:
        assert window.first <= window.own_first < window.own_last <= window.last
        cost = sum(lengths[window.first : window.last])
        assert cost <= limit or window.last - window.first == 1 or window.own_last - window.own_first == 1


@given(arabic_texts, foldings)
def test_normalising_twice_changes_nothing_more(text, normalisation):
    for word in split_words(text):
        once = normalise_word(word.surface, normalisation)
        assert normalise_word(once, normalisation) == once


@given(st.lists(st.sampled_from(tag_names(LABELS)), max_size=30))
def test_any_tag_sequence_gives_spans_that_tag_to_a_stable_sequence(tags):
    text = " ".join("كلمة" for _ in tags)
    words = split_words(text)
    spans = tags_to_spans(words, tags)
    assert tags_to_spans(words, spans_to_tags(words, spans)) == spans
