"""States of words for runs without an encoder: hashed features of the word and of its neighbourhood.

The CRF baseline has no hidden states for the event head to read. Its words' form, stem and
affixes, each hashed to a signed place of a short vector (Weinberger et al. 2009), stand in.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np

from trainer.runtime.crf import own_features
from trainer.runtime.event_head import average_ranges
from trainer.runtime.reading import Reading
from trainer.runtime.tagging import Floats

WIDTH = 256
REACH = 3  # words on each side whose mean stands for the context


def hash_words(reading: Reading) -> Floats:
    """``(words, 2 x WIDTH)``: each word's own features, then the mean over its neighbourhood in the paragraph."""
    if not reading.words:
        return np.zeros((0, 2 * WIDTH), dtype=np.float32)
    own = np.stack([_hash_form(word.normal or word.surface) for word in reading.words])
    first, last = (np.empty(len(own), dtype=np.int64) for _ in range(2))
    for paragraph in reading.paragraphs:
        covered = np.arange(paragraph.first_word, paragraph.last_word)
        first[covered] = np.maximum(covered - REACH, paragraph.first_word)
        last[covered] = np.minimum(covered + REACH + 1, paragraph.last_word)
    return np.concatenate((own, average_ranges(own, first, last)), axis=1)


@lru_cache(maxsize=65_536)
def _hash_form(form: str) -> Floats:
    vector = np.zeros(WIDTH, dtype=np.float32)
    for feature in own_features(form):
        code = zlib.crc32(feature.encode("utf-8"))
        vector[code % WIDTH] += 1.0 if code >> 31 else -1.0
    return vector
