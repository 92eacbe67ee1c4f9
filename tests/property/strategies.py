"""Random Arabic texts that hold what real ones hold: marks, tatweel, presentation forms, emoji, bidi marks."""

from __future__ import annotations

from hypothesis import strategies as st

from trainer.core.types import Span, Word
from trainer.core.words import split_paragraphs, split_words

LETTERS = "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةأإآؤئءٱپچڤگکی"
MARKS = "\u064b\u064e\u064f\u0650\u0651\u0652\u0670"
FORMS = "ﻏﺰﺓﻼﷲ"
FORMAT = "\u200b\u200c\u200d\u200e\u200f\u061c\u2066\u2069\ufeff\u00ad"
DIGITS = "0123456789٠١٢٣٤٥٦٧٨٩۰۱۲۳"
PUNCTUATION = '.،؛؟!:"«»“”()[]-–/…_#@%'
EMOJI = "😀🚀👩🇮🇶❤\ufe0f"
SPACES = " \u00a0\t"
BREAKS = ("\n", "\r\n", "\n\n", "\r", "\u2028")
LABELS = ("ACTOR", "LOCATION", "OPERATION")

characters = st.one_of(
    st.sampled_from(LETTERS),
    st.sampled_from(LETTERS),
    st.sampled_from(MARKS + "ـ"),
    st.sampled_from(SPACES),
    st.sampled_from(PUNCTUATION + EMOJI + FORMS + FORMAT + DIGITS),
    st.sampled_from("AbZé"),
    st.sampled_from(BREAKS),
)
arabic_texts = st.lists(characters, max_size=120).map("".join)


@st.composite
def annotated_texts(draw: st.DrawFn) -> tuple[str, tuple[Word, ...], tuple[Span, ...]]:
    """A text, its words, and random spans that begin and end with words and stay in one paragraph."""
    text = draw(arabic_texts)
    words = split_words(text)
    spans: list[Span] = []
    for paragraph in split_paragraphs(text, words):
        cursor = paragraph.first_word
        while cursor < paragraph.last_word:
            length = draw(st.integers(1, 4))
            last = min(cursor + length, paragraph.last_word)
            if draw(st.booleans()):
                spans.append(Span(words[cursor].start, words[last - 1].end, draw(st.sampled_from(LABELS))))
            cursor = last
    return text, words, tuple(spans)
