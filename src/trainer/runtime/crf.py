"""The linear-chain CRF tagger: features of words, and marginal tag scores from CRFsuite.

A paragraph is one sequence. Features are the word, its affixes and its neighbours up to three
words away, all on forms folded for alef, ya and ta marbuta (``reading.json`` says which); and, where the run
holds `word_clusters.tsv`, the clusters of words up to two words away.
No tokenizer, no encoder and no torch are involved.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pycrfsuite
from numpy.typing import NDArray

from trainer.core.errors import ArtifactError
from trainer.core.types import Word
from trainer.core.words import split_paragraphs, split_words
from trainer.runtime.checkpoint import CRF_MODEL as CRF_MODEL
from trainer.runtime.packing import find_file, read_file
from trainer.runtime.reading import Reading, ReadingSettings
from trainer.runtime.word_clusters import WordClusters
from trainer.runtime.word_forms import edge_features, form_of, own_features
from trainer.runtime.word_forms import stem_of as stem_of

REACH = 3  # words of context on each side
_STEM_CONTEXT = 2  # neighbours this near also lend their stem
_CLUSTER_CONTEXT = 2  # and their clusters
_LEAST_PROBABILITY = 1e-9
_OPENING, _CLOSING = "«“([{‘", "»”)]}’"

Floats = NDArray[np.float32]


def read_words(text: str, settings: ReadingSettings) -> Reading:
    """Words and paragraphs of a text; no windows, since a CRF reads whole paragraphs."""
    words = split_words(text, settings.normalisation)
    return Reading(text, words, split_paragraphs(text, words), ())


def paragraph_features(words: Sequence[Word], clusters: WordClusters | None = None) -> list[list[str]]:
    """For each word of a paragraph the names of its active features.

    Args:
        words: Of one paragraph, in order.
        clusters: Lend what raw text taught about words; none without.
    """
    forms = [form_of(word) for word in words]
    stems = [stem_of(form) for form in forms]
    quoted = quote_depths([word.surface for word in words])
    padded = ["<s>"] * REACH + forms + ["</s>"] * REACH
    rows: list[list[str]] = []
    for index, form in enumerate(forms):
        row = [*own_features(form), f"quoted={quoted[index]}"]
        for step in range(-REACH, REACH + 1):
            if step:
                row.append(f"w{step}={padded[REACH + index + step]}")
        for step in range(-_STEM_CONTEXT, _STEM_CONTEXT + 1):
            if step and 0 <= index + step < len(forms):
                row.append(f"t{step}={stems[index + step]}")
        for step in (-1, 1):
            if 0 <= index + step < len(forms):
                row.extend(f"{name}@{step}" for name in edge_features(forms[index + step]))
        row.append(f"w-1w={padded[REACH + index - 1]}|{form}")
        row.append(f"ww+1={form}|{padded[REACH + index + 1]}")
        rows.append(row)
    if clusters is not None:
        _add_clusters(rows, forms, clusters)
    return rows


def _add_clusters(rows: Sequence[list[str]], forms: Sequence[str], clusters: WordClusters) -> None:
    known = [clusters.clusters_of(form) for form in forms]
    for index, row in enumerate(rows):
        for step in range(-_CLUSTER_CONTEXT, _CLUSTER_CONTEXT + 1):
            if 0 <= index + step < len(known):
                found = zip(clusters.sizes, known[index + step], strict=False)  # none of a word that is unknown
                row.extend(f"c{size}@{step}={cluster}" for size, cluster in found)


def quote_depths(surfaces: Sequence[str]) -> list[str]:
    """``in`` between a pair of quotes or brackets, else ``out``; straight quotes toggle."""
    depth, straight = 0, False
    depths: list[str] = []
    for surface in surfaces:
        if surface in _CLOSING and depth:
            depth -= 1
        depths.append("in" if depth or straight else "out")
        if surface in _OPENING:
            depth += 1
        elif surface == '"':
            straight = not straight
    return depths


class CrfScorer:
    """Tag scores of whole readings from a CRFsuite model.

    Args:
        path: The model file; where it is packed (`trainer.runtime.packing`), its plain name.
        tags: Tags in the order of the schema; a tag that the model never saw scores as impossible.
        clusters: Those it was trained with.

    Raises:
        ArtifactError: The file is missing or not a CRFsuite model.
    """

    def __init__(self, path: Path, tags: Sequence[str], clusters: WordClusters | None = None) -> None:
        found = find_file(path)
        if found is None:
            raise ArtifactError("no CRF model", file=path, remedy="train it: python -m trainer train +exp=crf")
        self._tagger = pycrfsuite.Tagger()
        try:
            if found == path:
                self._tagger.open(str(path))
            else:
                self._content = read_file(found)  # CRFsuite reads from this memory and does not keep it alive
                self._tagger.open_inmemory(self._content)
        except ValueError as error:
            raise ArtifactError(f"not a CRFsuite model: {error}", file=path, remedy="train it again") from error
        known = set(self._tagger.labels())
        self._columns = [(column, tag) for column, tag in enumerate(tags) if tag in known]
        self._tags = len(tags)
        self._clusters = clusters
        self._turn = threading.Lock()  # CRFsuite keeps the sequence between two calls

    def score_readings(self, readings: Sequence[Reading]) -> list[Floats]:
        """For each reading ``(words, tags)`` log-probabilities: the marginals of forward and backward."""
        with self._turn:
            return [self._score(reading) for reading in readings]

    def _score(self, reading: Reading) -> Floats:
        probabilities = np.full((len(reading.words), self._tags), _LEAST_PROBABILITY, dtype=np.float32)
        for paragraph in reading.paragraphs:
            words = reading.words[paragraph.first_word : paragraph.last_word]
            self._tagger.set(paragraph_features(words, self._clusters))
            for index in range(len(words)):
                row = probabilities[paragraph.first_word + index]
                for column, tag in self._columns:
                    row[column] = max(self._tagger.marginal(tag, index), _LEAST_PROBABILITY)
        scores: Floats = np.log(probabilities)
        return scores
