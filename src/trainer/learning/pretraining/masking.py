"""Whole-word masking (Devlin et al. 2019, with Cui et al. 2021: all pieces of a word together)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.learning.pretraining.blocks import Block, Special

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Masked:
    """Sequences with words hidden.

    Attributes:
        ids: What the encoder sees; shape (sequences, length).
        places: Flat indexes into ``ids`` of the tokens to predict; shape (hidden,).
        labels: The true ids at these places; shape (hidden,).
    """

    ids: Ids
    places: Ids
    labels: Ids


def mask_words(block: Block, rate: float, special: Special, rng: np.random.Generator) -> Masked:
    """Hides a share of the words: of these 80 % become [MASK], 10 % random pieces, 10 % stay.

    Random pieces are drawn from the step's own text, which makes them as likely as they are in the language and
    never special, whatever ids a tokenizer gives its special tokens.

    Args:
        block: Packed sequences; special tokens are never hidden.
        rate: Chance of each word, in (0, 1).
        special: Ids of special tokens.
        rng: Draws everything; the same state hides the same words.
    """
    flat, starts = block.ids.ravel(), block.starts.ravel()
    # A block may begin in the middle of a word, whose rest then counts as a word of its own.
    begins = (starts >= 1) | np.concatenate(([True], starts[:-1] == 2))
    word = np.cumsum(begins) - 1
    words = int(word[-1]) + 1
    chosen = rng.random(words) < rate
    kind = rng.random(words)  # one draw a word: its pieces share their fate
    places = np.flatnonzero(chosen[word] & (starts != 2))
    labels = flat[places]
    fate = kind[word[places]]
    shown = np.where(fate < 0.8, special.mask, labels)
    random = fate >= 0.9
    shown[random] = rng.choice(flat[starts != 2], int(random.sum()))
    ids = flat.copy()
    ids[places] = shown
    return Masked(ids.reshape(block.ids.shape), places, labels)
