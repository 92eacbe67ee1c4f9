"""Perturbations of what stands around the words: marks, spaces, emoji, foreign words."""

from __future__ import annotations

import re
from random import Random

from eval.behaviour.textmap import Edit, Joins
from trainer.core.types import Article

_OPENING, _CLOSING = "«“„‹", "»”‟›"
_STYLES = (("«", "»"), ("“", "”"), ('"', '"'))
_SPACE_AFTER_MARK = re.compile(r"(?<=[،؛:.!؟])[ \u00a0](?=\S)")
_BETWEEN_WORDS = re.compile(r"(?<=\w) (?=\w)")
_BIDI_MARKS = ("\u200f", "\u200e", "\u061c")
_EMOJI = ("🚨", "🔴", "👨‍👩‍👧", "🇵🇸", "✌🏽")
_FOREIGN = ("Reuters", "BREAKING", "AFP", "via WhatsApp", "COVID-19")
_PROCLITIC_START = re.compile("[وفبلك]")
_LINE = re.compile("[^\n]+")


def change_quotes(article: Article, random: Random) -> list[Edit]:
    """Every pair of quotes takes another style."""
    edits: list[Edit] = []
    opened = False
    for point, character in enumerate(article.text):
        if character == '"':
            opened = not opened
            edits.append(_requote(point, '"', opened))
        elif character in _OPENING or character in _CLOSING:
            edits.append(_requote(point, character, character in _OPENING))
    return edits


def drop_spaces(article: Article, random: Random) -> list[Edit]:
    """No space after punctuation, as in hurried posts."""
    return [Edit(*match.span(), "") for match in _SPACE_AFTER_MARK.finditer(article.text)]


def add_bidi_marks(article: Article, random: Random) -> list[Edit]:
    """Invisible direction marks before every fifth space, as browsers and editors leave them."""
    return [
        Edit(match.start(), match.start(), random.choice(_BIDI_MARKS))
        for match in _BETWEEN_WORDS.finditer(article.text)
        if random.random() < 0.2
    ]


def add_emoji(article: Article, random: Random) -> list[Edit]:
    """An emoji before each paragraph and one after it."""
    edits: list[Edit] = []
    for match in _LINE.finditer(article.text):
        edits.append(Edit(match.start(), match.start(), random.choice(_EMOJI) + " "))
        edits.append(Edit(match.end(), match.end(), " " + random.choice(_EMOJI)))
    return edits


def add_latin_words(article: Article, random: Random) -> list[Edit]:
    """A foreign word in brackets at the end of each paragraph."""
    ends = (match.end() for match in _LINE.finditer(article.text))
    return [Edit(end, end, f" ({random.choice(_FOREIGN)})") for end in ends]


def add_conjunctions(article: Article, random: Random) -> list[Edit]:
    """An attached و on every second gold span that begins with no clitic; by the guidelines it stays inside."""
    edits: list[Edit] = []
    for span in article.spans:
        first = article.text[span.start]
        free = span.start == 0 or article.text[span.start - 1].isspace()
        if free and first.isalpha() and not _PROCLITIC_START.match(first) and random.random() < 0.5:
            edits.append(Edit(span.start, span.start, "و", Joins.RIGHT))
    return edits


def _requote(point: int, character: str, opening: bool) -> Edit:
    style = next((index for index, pair in enumerate(_STYLES) if character in pair), 0)
    new = _STYLES[(style + 1) % len(_STYLES)][0 if opening else 1]
    return Edit(point, point + 1, new)
