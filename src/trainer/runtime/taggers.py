"""What tags words: an encoder, whatever runs it, or the CRF baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from trainer.runtime.checkpoint import Checkpoint
from trainer.runtime.reading import Reader, Reading
from trainer.runtime.tagging import Floats, StateScorer, score_states, score_words


class Tagger(Protocol):
    """Reads texts and scores their words; may be asked from several threads at once."""

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Words, paragraphs and windows of each text."""
        ...

    def score(self, readings: Sequence[Reading]) -> list[Floats]:
        """For each reading ``(words, tags)`` logits."""
        ...

    def score_with_states(self, readings: Sequence[Reading]) -> list[tuple[Floats, Floats]]:
        """For each reading ``(words, tags)`` logits and ``(words, width)`` states, for the event head."""
        ...


class EncoderTagger:
    """A reader and a scorer of windows, whatever runs the encoder."""

    def __init__(self, reader: Reader, scorer: StateScorer, tags: int) -> None:
        self.reader = reader
        self.scorer = scorer
        self._tags = tags

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Words, paragraphs and windows of each text; tokens of all texts in one call."""
        return self.reader.read_texts(texts)

    def score(self, readings: Sequence[Reading]) -> list[Floats]:
        """For each reading ``(words, tags)`` logits."""
        return score_words(readings, self.scorer)

    def score_with_states(self, readings: Sequence[Reading]) -> list[tuple[Floats, Floats]]:
        """For each reading ``(words, tags)`` logits and ``(words, width)`` last hidden states."""
        return score_states(readings, self.scorer, self._tags)


class CrfTagger:
    """The CRF baseline."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        from trainer.runtime.crf import CRF_MODEL, CrfScorer, read_words  # its library need not load otherwise
        from trainer.runtime.packing import find_file
        from trainer.runtime.word_clusters import WORD_CLUSTERS, load_word_clusters

        clusters = find_file(checkpoint.directory / WORD_CLUSTERS)
        self._read = read_words
        self._settings = checkpoint.reading
        self._scorer = CrfScorer(
            checkpoint.directory / CRF_MODEL,
            checkpoint.schema.tags,
            None if clusters is None else load_word_clusters(clusters),
        )

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Words and paragraphs of each text."""
        return [self._read(text, self._settings) for text in texts]

    def score(self, readings: Sequence[Reading]) -> list[Floats]:
        """For each reading ``(words, tags)`` log-probabilities."""
        return self._scorer.score_readings(readings)

    def score_with_states(self, readings: Sequence[Reading]) -> list[tuple[Floats, Floats]]:
        """For each reading ``(words, tags)`` log-probabilities, and no states: ``(words, 0)``."""
        return [(scores, scores[:, :0]) for scores in self.score(readings)]
