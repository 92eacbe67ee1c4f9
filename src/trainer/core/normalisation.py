"""Normal forms of single words: what a tokenizer sees.

A word is normalised on its own and its offsets stay those of the raw text, so nothing done
here can move a boundary.
"""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, dataclass
from functools import lru_cache

TATWEEL = "\u0640"
_TASHKEEL = "".join(
    chr(point)
    for first, last in ((0x0610, 0x061A), (0x064B, 0x065F), (0x0670, 0x0670), (0x06D6, 0x06ED), (0x08D3, 0x08FF))
    for point in range(first, last + 1)
    if unicodedata.category(chr(point)) in ("Mn", "Me")
)
_DROPPED = dict.fromkeys(map(ord, _TASHKEEL + TATWEEL))
_DIGITS = {base + value: str(value) for base in (0x0660, 0x06F0) for value in range(10)}
_BASE = {**_DROPPED, **_DIGITS}
_ALEF = dict.fromkeys(map(ord, "أإآٱ"), "ا")
_YA = {ord("ى"): "ي"}
_TA_MARBUTA = {ord("ة"): "ه"}
_PERSIAN = {ord("ک"): "ك", ord("ی"): "ي", ord("ہ"): "ه", ord("ھ"): "ه", ord("ۀ"): "ه"}
_FORMAT_CATEGORIES = ("Cf", "Cc", "Zs", "Zl", "Zp")


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What is folded beyond the base form (an encoder's ``normalise`` setting).

    The base form is NFKC without tashkeel, tatweel, zero-width and bidi marks, and with
    Arabic-Indic and Persian digits as ASCII digits.

    Attributes:
        fold_alef: أ إ آ ٱ become ا.
        fold_ya: ى becomes ي.
        fold_ta_marbuta: ة becomes ه.
        fold_persian: ک ی and other Persian or Urdu letter variants become their Arabic twins.
        lowercase: Latin and other cased letters become lower case.
    """

    fold_alef: bool = False
    fold_ya: bool = False
    fold_ta_marbuta: bool = False
    fold_persian: bool = True
    lowercase: bool = False

    def to_dict(self) -> dict[str, bool]:
        """The settings as plain JSON values."""
        return asdict(self)


@lru_cache(maxsize=32)
def _table(normalisation: Normalisation) -> dict[int, str | None]:
    table: dict[int, str | None] = dict(_BASE)
    if normalisation.fold_alef:
        table.update(_ALEF)
    if normalisation.fold_ya:
        table.update(_YA)
    if normalisation.fold_ta_marbuta:
        table.update(_TA_MARBUTA)
    if normalisation.fold_persian:
        table.update(_PERSIAN)
        if normalisation.fold_ya:
            table[ord("ی")] = "ي"
    return table


@lru_cache(maxsize=262_144)
def normalise_word(surface: str, normalisation: Normalisation = Normalisation()) -> str:
    """The normal form of one word; empty when the word is nothing but dropped characters.

    >>> normalise_word("ﻏﺰﺓ"), normalise_word("قَتَلَ"), normalise_word("٣۴"), normalise_word("العـــراق")
    ('غزة', 'قتل', '34', 'العراق')
    """
    if surface.isascii():
        return surface.lower() if normalisation.lowercase else surface
    normal = unicodedata.normalize("NFKC", surface).translate(_table(normalisation))
    if not normal.isalnum():
        normal = "".join(c for c in normal if unicodedata.category(c) not in _FORMAT_CATEGORIES)
    return normal.lower() if normalisation.lowercase else normal
