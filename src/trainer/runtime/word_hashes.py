"""What the letters of words tell the event head, as vectors: hashed forms, stems and affixes.

The type of an operation is largely a matter of its word, and a tagger's last layer keeps little
of that once it knows the word is an operation. So the head reads, beside the encoder's state, the
word's own features, each hashed to a signed place of a short vector (Weinberger et al. 2009), and
their mean over the neighbourhood. Runs without an encoder (the CRF) have nothing else.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from trainer.core.normalisation import Normalisation, normalise_word
from trainer.core.types import Word
from trainer.runtime.reading import Reading
from trainer.runtime.tagging import Floats
from trainer.runtime.word_forms import form_of, own_features

WIDTH = 256
REACH = 3  # words on each side whose mean stands for the neighbourhood
_FOLDING = Normalisation(
    fold_alef=True, fold_ya=True, fold_ta_marbuta=True, fold_persian=True, lowercase=True
)  # the same whatever the encoder's own


def hash_words(reading: Reading) -> Floats:
    """``(words, WIDTH)`` own features of each word."""
    vectors = np.zeros((len(reading.words), WIDTH), dtype=np.float32)
    hashed = [_hash_surface(word.surface) for word in reading.words]
    if hashed:
        rows = np.repeat(np.arange(len(hashed)), [len(places) for places, _ in hashed])
        vectors[rows, np.concatenate([places for places, _ in hashed])] = np.concatenate([sums for _, sums in hashed])
    return vectors


def hash_neighbourhoods(reading: Reading, own: Floats) -> Floats:
    """``(words, WIDTH)`` mean of the own features of the words near each one, in its paragraph."""
    means = np.zeros_like(own)
    for paragraph in reading.paragraphs:
        covered = slice(paragraph.first_word, paragraph.last_word)
        count = covered.stop - covered.start
        padded = np.zeros((count + 2 * REACH, own.shape[1]), dtype=np.float32)
        padded[REACH : REACH + count] = own[covered]
        for step in range(2 * REACH + 1):
            means[covered] += padded[step : step + count]
        before, after = np.arange(count), np.arange(count)[::-1]
        means[covered] /= (1 + np.minimum(before, REACH) + np.minimum(after, REACH)).astype(np.float32)[:, None]
    return means


def average_ranges(states: Floats, first: NDArray[np.int64], last: NDArray[np.int64]) -> Floats:
    """``(ranges, width)`` mean state over words ``first:last`` of each range; zeros for an empty one."""
    sums = np.zeros((len(states) + 1, states.shape[1]), dtype=np.float64)
    np.cumsum(states, axis=0, dtype=np.float64, out=sums[1:])
    sizes = np.maximum(last - first, 1)[:, None]
    averages: Floats = ((sums[last] - sums[first]) / sizes).astype(np.float32)
    return averages


@lru_cache(maxsize=32_768)
def _hash_surface(surface: str) -> tuple[NDArray[np.int64], Floats]:
    word = Word(0, len(surface), surface, normalise_word(surface, _FOLDING))
    codes = [zlib.crc32(feature.encode("utf-8", "surrogatepass")) for feature in own_features(form_of(word))]
    sums: dict[int, float] = {}
    for code in codes:
        sums[code % WIDTH] = sums.get(code % WIDTH, 0.0) + (1.0 if code >> 31 else -1.0)
    return np.array(list(sums), dtype=np.int64), np.array(list(sums.values()), dtype=np.float32)
