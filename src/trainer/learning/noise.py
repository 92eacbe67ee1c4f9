"""Noise on the words of training articles: the spellings that an encoder must not mind, and words it must do without.

It changes what the tokenizer sees and nothing else, so words, offsets and tags stay those of the raw text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

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


class WordMask:
    """Hides words of training batches behind the mask token, whole words at a time.

    A few hundred articles are soon known by heart; a tagger that now and then must tag a word it cannot see learns
    from the words around it. An encoder pretrained on masked words knows the token. Draws come from torch's generator,
    whose state checkpoints keep.

    Args:
        share: Chance of a word.
        tokenizer: Names the mask token (the unknown token where it has none) and the special ones, which stay.
    """

    def __init__(self, share: float, tokenizer: PreTrainedTokenizerBase) -> None:
        self._share = share
        hidden = tokenizer.mask_token_id if tokenizer.mask_token_id is not None else tokenizer.unk_token_id
        self._hidden = int(hidden)
        self._special = torch.tensor(sorted({*tokenizer.all_special_ids} - {self._hidden, tokenizer.unk_token_id}))

    def hide(self, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Token ids with some words hidden.

        Args:
            ids: ``(rows, tokens)`` of a batch.
            labels: ``(rows, tokens)``; a word begins where there is one. Words of context count to the word before.
        """
        words = (labels >= 0).cumsum(dim=1)
        drawn = torch.rand(ids.shape, device=ids.device) < self._share
        special = torch.isin(ids, self._special.to(ids.device))
        return ids.masked_fill(drawn.gather(1, words.clamp(max=ids.shape[1] - 1)) & ~special, self._hidden)


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
