"""Words, normal forms, paragraphs, windows and tags on cases that cost others months."""

from __future__ import annotations

import pytest

from trainer.core.bio import spans_to_tags, tags_to_spans, word_range
from trainer.core.errors import AnnotationError, ConfigError
from trainer.core.normalisation import Normalisation, normalise_word
from trainer.core.types import Span
from trainer.core.windows import pack_windows
from trainer.core.words import split_paragraphs, split_words


def surfaces(text):
    return [word.surface for word in split_words(text)]


def test_a_diacritic_does_not_cut_a_word():
    assert surfaces("قَتَلَ الجَيْشُ") == ["قَتَلَ", "الجَيْشُ"]


def test_quotes_and_brackets_are_words_of_their_own():
    assert surfaces("“داعش”، (تنظيم)") == ["“", "داعش", "”", "،", "(", "تنظيم", ")"]


def test_a_bidi_mark_beside_a_word_is_no_part_of_it_but_a_joiner_inside_is():
    assert surfaces("\u200fالعراق\u200e می\u200cخواهم") == ["العراق", "می\u200cخواهم"]


def test_a_hyphen_separates_two_places():
    assert surfaces("وبغداد-البصرة") == ["وبغداد", "-", "البصرة"]


def test_a_lone_surrogate_and_a_null_byte_are_no_words():
    assert surfaces("ا\ud800 \x00ب") == ["ا", "ب"]


@pytest.mark.parametrize(
    ("surface", "normal"),
    [
        ("ﻏﺰﺓ", "غزة"),
        ("العـــراق", "العراق"),
        ("۱۲٣", "123"),
        ("پاکستان", "پاكستان"),
        ("ﷲ", "الله"),
        ("\u0651", ""),
        ("ﹰ", ""),
        ("ڤيتنام", "ڤيتنام"),
        ("BBC", "BBC"),
    ],
)
def test_normal_forms_keep_what_peers_lose(surface, normal):
    assert normalise_word(surface) == normal


def test_foldings_are_each_a_setting():
    assert normalise_word("أُمّة", Normalisation(fold_alef=True)) == "امة"
    assert normalise_word("مستشفى", Normalisation(fold_ya=True)) == "مستشفي"
    assert normalise_word("قوة", Normalisation(fold_ta_marbuta=True)) == "قوه"
    assert normalise_word("BBC", Normalisation(lowercase=True)) == "bbc"


def test_crlf_makes_one_paragraph_break():
    text = "قصف.\r\n\r\nهجوم"
    words = split_words(text)
    assert [(p.first_word, p.last_word) for p in split_paragraphs(text, words)] == [(0, 2), (2, 3)]


def test_a_boundary_inside_a_word_is_refused_by_name():
    words = split_words("والموصل")
    assert word_range(words, 1, 7) is None
    with pytest.raises(AnnotationError, match="1:7"):
        spans_to_tags(words, [Span(1, 7, "LOCATION")])


def test_overlapping_spans_are_refused():
    words = split_words("قيادة عمليات نينوى")
    with pytest.raises(AnnotationError, match="overlaps"):
        spans_to_tags(words, [Span(0, 18, "ACTOR"), Span(13, 18, "LOCATION")])


def test_two_adjacent_spans_of_one_label_stay_two():
    words = split_words("الجيش والحشد")
    spans = (Span(0, 5, "ACTOR"), Span(6, 12, "ACTOR"))
    assert tags_to_spans(words, spans_to_tags(words, spans)) == spans


def test_an_inside_tag_after_another_label_opens_a_span():
    words = split_words("الجيش بغداد")
    assert [s.label for s in tags_to_spans(words, ["B-ACTOR", "I-LOCATION"])] == ["ACTOR", "LOCATION"]


def windows_of(text, limit, overlap=0):
    words = split_words(text)
    return words, pack_windows(words, split_paragraphs(text, words), [1] * len(words), limit, overlap)


def test_short_paragraphs_share_a_window():
    _, windows = windows_of("ا ب\nج د\nه و", 4)
    assert [(w.first, w.last) for w in windows] == [(0, 4), (4, 6)]


def test_a_long_paragraph_is_cut_at_a_sentence_end_with_overlap():
    words, windows = windows_of("ا ب ج د . ه و ز ح ط ي ك", 8, overlap=2)
    assert words[windows[0].own_last - 1].surface == "."
    assert windows[1].first == windows[0].own_last - 2
    assert all(w.last - w.first <= 8 for w in windows)


def test_a_limit_without_room_is_an_error():
    with pytest.raises(ConfigError, match="hold nothing"):
        windows_of("ا ب", 4, overlap=2)
