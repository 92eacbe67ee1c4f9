"""Clitic-free names."""

from __future__ import annotations

import pytest

from trainer.core.types import Span
from trainer.core.words import split_words
from trainer.runtime.clitics import name_spans, strip_clitics


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("وبالموصل", "الموصل"),
        ("بالموصل", "الموصل"),
        ("للجيش", "الجيش"),
        ("وللجيش", "الجيش"),
        ("والجيش", "الجيش"),
        ("فالجيش", "الجيش"),
        ("للجنة", "اللجنة"),
        ("للواء", "اللواء"),
        ("بسوريا", "سوريا"),
        ("وبسوريا", "سوريا"),
        ("لسوريا", "سوريا"),
        ("وبغداد", "بغداد"),
        ("ووزارة", "وزارة"),
        ("وأوكرانيا", "أوكرانيا"),
        ("بتوقيف", "توقيف"),
    ],
)
def test_an_attached_conjunction_or_preposition_is_dropped(word: str, name: str) -> None:
    assert strip_clitics(word) == name


WHOLE = (
    "وزارة وزير وفد وحدات وادي والي والدته بغداد بيروت بنغازي بلدة بعثة فرنسا فلسطين فرقة فصائل فتحت كركوك كتائب "
    "كابول كاليفورنيا كمال لبنان ليبيا لندن لجنة لواء الجيش الموصل من و ب Reuters 2026 «"
)


@pytest.mark.parametrize("word", WHOLE.split())
def test_a_word_whose_first_letter_only_looks_like_a_clitic_stays(word: str) -> None:
    assert strip_clitics(word) == word


def test_a_word_behind_a_preposition_is_whole() -> None:
    assert strip_clitics("لحج", before="في") == "لحج"
    assert strip_clitics("بالموصل", before="في") == "بالموصل"


def test_a_name_that_the_article_also_holds_without_clitic_is_recognised() -> None:
    assert strip_clitics("وكراتشي") == "وكراتشي"
    assert strip_clitics("وكراتشي", local={"كراتشي"}) == "كراتشي"


def test_marks_go_with_their_letters() -> None:
    assert strip_clitics("وَبِالمَوصل") == "المَوصل"
    assert strip_clitics("لِلجَيش") == "الجَيش"
    assert strip_clitics("وـالجيش") == "الجيش"


def test_only_the_first_word_of_a_span_is_looked_at_and_the_rest_is_as_written() -> None:
    text = "قال وللجيش السوري «الحر» وبالموصل"
    words = split_words(text)
    spans = [Span(4, 24, "ACTOR"), Span(25, 33, "LOCATION")]
    assert name_spans(words, spans) == ("الجيش السوري «الحر»", "الموصل")


def test_no_spans_have_no_names() -> None:
    assert name_spans(split_words("قال"), ()) == ()
