"""Noise on the words of training articles: the spellings that an encoder must not mind.

It changes what the tokenizer sees and nothing else, so words, offsets and tags stay those of the raw text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from trainer.core.types import Word

_ALEF = str.maketrans("أإآ", "ااا")
_FINAL = {"ي": "ى", "ة": "ه"}
_TAKES_CONJUNCTION = re.compile("[اأإآتثجحخدذرزسشصضطظعغقمنهي][\u0621-\u064a]{2,}")  # no clitic, hamza or و at its head


class WordNoise:
    """Spells words otherwise now and then.

    Args:
        spelling: Chance of an article to be spelt as hurried writers spell: alef without hamza, final ya without
            dots, final ta marbuta as ha.
        conjunction: Chance of a word that could take an attached و to get one; by the guidelines it lies inside the
            span, so no tag changes.
        seed: Draws everything.
    """

    def __init__(self, spelling: float, conjunction: float, seed: int) -> None:
        self._spelling, self._conjunction = spelling, conjunction
        self._generator = np.random.default_rng([seed, 47])

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self._spelling > 0 or self._conjunction > 0

    def spell(self, words: Sequence[Word]) -> list[str]:
        """The forms of an article's words, one for each."""
        forms = [word.normal for word in words]
        if self._generator.random() < self._spelling:
            forms = [spell_in_haste(form) for form in forms]
        drawn = (self._generator.random(len(forms)) < self._conjunction).tolist()
        pairs = zip(forms, drawn, strict=True)
        return [f"و{form}" if take and can_take_conjunction(form) else form for form, take in pairs]


def spell_in_haste(form: str) -> str:
    """Alef without hamza, final ya without dots, final ta marbuta as ha.

    >>> spell_in_haste("أزمة"), spell_in_haste("في"), spell_in_haste("إيراني")
    ('ازمه', 'في', 'ايرانى')
    """
    if len(form) < 3:
        return form
    return form[:-1].translate(_ALEF) + _FINAL.get(form[-1], form[-1].translate(_ALEF))


def can_take_conjunction(form: str) -> bool:
    """Whether a word is of Arabic letters and begins with none that may be a clitic already.

    >>> can_take_conjunction("الجيش"), can_take_conjunction("وقال"), can_take_conjunction("12")
    (True, False, False)
    """
    return _TAKES_CONJUNCTION.fullmatch(form) is not None
