"""What the letters of a word tell by themselves: its stem, its affixes, its shape.

Features of the CRF tagger and of the event head; needs neither CRFsuite nor a tokenizer.
"""

from __future__ import annotations

import re
from functools import lru_cache

from trainer.core.types import Word

_AFFIXES = (1, 2, 3, 4)
_NUMBER = re.compile(r"\d+")
_PROCLITICS = ("وبال", "وكال", "فال", "وال", "بال", "كال", "ولل", "لل", "ال")
_LEAST_STEM = 3


@lru_cache(maxsize=65_536)
def own_features(form: str) -> tuple[str, ...]:
    """Features of a word by itself: form, stem, affixes, shape."""
    stem = stem_of(form)
    features = [f"w={form}", f"t={stem}", f"shape={shape_of(form)}"]
    features += [f"p{size}={form[:size]}" for size in _AFFIXES if len(form) > size]
    features += [f"s{size}={form[-size:]}" for size in _AFFIXES if len(form) > size]
    if stem != form:
        features += [f"clitic={form[: len(form) - len(stem)]}", *(f"tp{n}={stem[:n]}" for n in (2, 3) if len(stem) > n)]
    return tuple(features)


@lru_cache(maxsize=65_536)
def edge_features(form: str) -> tuple[str, ...]:
    """The first two and last two letters of a neighbour, and its shape."""
    return (f"p2={form[:2]}", f"s2={form[-2:]}", f"shape={shape_of(form)}")


@lru_cache(maxsize=65_536)
def stem_of(form: str) -> str:
    """A word without its attached conjunction, preposition and article, as far as letters tell."""
    for clitic in _PROCLITICS:
        if form.startswith(clitic) and len(form) - len(clitic) >= _LEAST_STEM:
            return form[len(clitic) :]
    return form


def form_of(word: Word) -> str:
    """Its normal form, digits made alike; its surface where nothing of it is left."""
    return _NUMBER.sub("0", word.normal) or word.surface


def shape_of(form: str) -> str:
    """Punctuation, number, Latin or other letters."""
    if len(form) == 1 and not form.isalnum():
        return "punctuation"
    if form[0].isdigit():
        return "number"
    return "latin" if form.isascii() else "letters"
