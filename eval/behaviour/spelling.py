"""Perturbations of letters and digits: the words stay the same words."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from random import Random

from eval.behaviour.textmap import Edit, Joins
from trainer.core.normalisation import TATWEEL
from trainer.core.types import Article

_ARABIC_WORD = re.compile("[\u0621-\u063a\u0641-\u064a]+")
_VOWELS = "\u064e\u064f\u0650\u0652"
_SHADDA = "\u0651"
_NOT_JOINING_AFTER = frozenset("ءآأؤإاةدذرزوى")
_HAMZA_FOLDS = {"أ": "ا", "إ": "ا", "آ": "ا"}
_FINAL_FOLDS = {"ي": "ى", "ة": "ه"}


def add_tashkeel(article: Article, random: Random) -> list[Edit]:
    """Vowel signs, and now and then a shadda, on about half of the letters of two words in three."""
    edits: list[Edit] = []
    for match in _ARABIC_WORD.finditer(article.text):
        if random.random() < 2 / 3:
            for point in range(match.start() + 1, match.end() + 1):
                if random.random() < 0.5:
                    sign = (_SHADDA if random.random() < 0.15 else "") + random.choice(_VOWELS)
                    edits.append(Edit(point, point, sign, Joins.LEFT))
    return edits


def add_tatweel(article: Article, random: Random) -> list[Edit]:
    """One to three tatweels after a joining letter of every second word that has one."""
    edits: list[Edit] = []
    for match in _ARABIC_WORD.finditer(article.text):
        word = match.group()
        points = [index for index in range(1, len(word)) if word[index - 1] not in _NOT_JOINING_AFTER]
        if points and random.random() < 0.5:
            point = match.start() + random.choice(points)
            edits.append(Edit(point, point, TATWEEL * random.randint(1, 3), Joins.LEFT))
    return edits


def shape_letters(article: Article, random: Random) -> list[Edit]:
    """Presentation forms, as copied from old PDF files, for the letters of every third word."""
    edits: list[Edit] = []
    for match in _ARABIC_WORD.finditer(article.text):
        if random.random() < 1 / 3:
            word = match.group()
            for index, letter in enumerate(word):
                joined_before = index > 0 and word[index - 1] not in _NOT_JOINING_AFTER and letter != "ء"
                joins_after = index + 1 < len(word) and letter not in _NOT_JOINING_AFTER and word[index + 1] != "ء"
                form = _presentation_forms().get((letter, _position(joined_before, joins_after)))
                if form is not None:
                    point = match.start() + index
                    edits.append(Edit(point, point + 1, form))
    return edits


def vary_spelling(article: Article, random: Random) -> list[Edit]:
    """Hamzas left off alef, final ya without dots, final ta marbuta as ha: as many writers do."""
    edits: list[Edit] = []
    for match in _ARABIC_WORD.finditer(article.text):
        for point in range(match.start(), match.end()):
            folds = {**_HAMZA_FOLDS, **(_FINAL_FOLDS if point == match.end() - 1 else {})}
            new = folds.get(article.text[point])
            if new is not None and len(match.group()) > 2:
                edits.append(Edit(point, point + 1, new))
    return edits


def use_arabic_digits(article: Article, random: Random) -> list[Edit]:
    """ASCII digits become Arabic-Indic ones."""
    return _change_digits(article.text, 0x0660)


def use_persian_digits(article: Article, random: Random) -> list[Edit]:
    """ASCII and Arabic-Indic digits become Persian ones."""
    return _change_digits(article.text, 0x06F0)


def _change_digits(text: str, base: int) -> list[Edit]:
    changed = ((point, chr(base + unicodedata.digit(c))) for point, c in enumerate(text) if c.isdecimal())
    return [Edit(point, point + 1, new) for point, new in changed if text[point] != new]


def _position(joined_before: bool, joins_after: bool) -> str:
    if joined_before:
        return "medial" if joins_after else "final"
    return "initial" if joins_after else "isolated"


@cache
def _presentation_forms() -> dict[tuple[str, str], str]:
    """From (letter, position) to the code point of Arabic Presentation Forms-B."""
    forms: dict[tuple[str, str], str] = {}
    for point in range(0xFE80, 0xFEF5):
        kind, _, code = unicodedata.decomposition(chr(point)).partition(" ")
        if code and " " not in code:
            forms[chr(int(code, 16)), kind.strip("<>")] = chr(point)
    return forms
