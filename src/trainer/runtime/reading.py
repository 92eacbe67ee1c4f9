"""How a checkpoint reads an article: words, their tokens, and windows.

The one code path from raw text to encoder input, shared by training, judging and serving. It
needs no torch: tokens come from the Rust tokenizer that lies in the checkpoint's directory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from trainer.core.errors import ArtifactError, ConfigError
from trainer.core.normalisation import Normalisation
from trainer.core.types import Paragraph, Window, Word
from trainer.core.windows import pack_windows
from trainer.core.words import split_paragraphs, split_words

SPECIAL_TOKENS = 2  # [CLS] … [SEP]


@dataclass(frozen=True, slots=True)
class ReadingSettings:
    """What must be the same wherever a checkpoint reads text.

    Attributes:
        normalisation: Folding of words before they are tokenised.
        max_length: Most tokens of a window, the two special tokens included.
        overlap: Tokens of context on each side of a cut inside a long paragraph.
    """

    normalisation: Normalisation = field(default_factory=Normalisation)
    max_length: int = 256
    overlap: int = 32

    def __post_init__(self) -> None:
        if self.max_length - SPECIAL_TOKENS <= 2 * self.overlap or self.overlap < 0:
            raise ConfigError(
                f"max_length {self.max_length} leaves no room beside an overlap of {self.overlap}",
                remedy="set max_length above twice the overlap",
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "normalisation": self.normalisation.to_dict(),
            "max_length": self.max_length,
            "overlap": self.overlap,
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> ReadingSettings:
        """The settings of `to_dict`.

        Raises:
            ArtifactError: A key is missing or unknown.
        """
        try:
            return cls(Normalisation(**value["normalisation"]), int(value["max_length"]), int(value["overlap"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"reading settings are not valid: {error}") from error


@dataclass(frozen=True, slots=True)
class EncodedWindow:
    """A window as an encoder takes it.

    Attributes:
        window: Its words.
        ids: ``(tokens,)`` token ids with the special tokens.
        first_tokens: ``(words,)`` position in ``ids`` of the first token of each word of the window.
    """

    window: Window
    ids: NDArray[np.int64]
    first_tokens: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reading:
    """An article, read: its words and paragraphs, and the windows that cover them."""

    text: str
    words: tuple[Word, ...]
    paragraphs: tuple[Paragraph, ...]
    windows: tuple[EncodedWindow, ...]


class Reader:
    """Turns raw texts into encoder inputs.

    Args:
        tokenizer: A Rust tokenizer; its own normaliser and pre-tokenizer see one word at a time.
        settings: See `ReadingSettings`.
    """

    def __init__(self, tokenizer: Tokenizer, settings: ReadingSettings) -> None:
        self.settings = settings
        self._tokenizer = tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._before, self._after, self._unknown = _special_ids(tokenizer)

    def read_texts(
        self, texts: Sequence[str], spell: Callable[[Sequence[Word]], list[str]] | None = None
    ) -> list[Reading]:
        """Readings of many texts; the tokenizer works on all of them in one call.

        Args:
            texts: Raw texts.
            spell: Gives the forms of a text's words that are tokenised; None takes their normal forms. Words and
                offsets stay those of the raw text whatever it gives.
        """
        words = [split_words(text, self.settings.normalisation) for text in texts]
        encodings = self._tokenizer.encode_batch(
            [[word.normal for word in row] if spell is None else spell(row) for row in words],
            is_pretokenized=True,
            add_special_tokens=False,
        )
        return [
            self._pack(text, row, encoding.ids, encoding.word_ids)
            for text, row, encoding in zip(texts, words, encodings, strict=True)
        ]

    def _pack(self, text: str, words: tuple[Word, ...], ids: Sequence[int], word_ids: Sequence[int | None]) -> Reading:
        paragraphs = split_paragraphs(text, words)
        token_ids, starts = self._fill_empty_words(len(words), ids, word_ids)
        lengths = np.diff(starts)
        limit = self.settings.max_length - SPECIAL_TOKENS
        windows = pack_windows(words, paragraphs, lengths.tolist(), limit, self.settings.overlap)
        encoded = tuple(self._encode(window, token_ids, starts, limit) for window in windows)
        return Reading(text, words, paragraphs, encoded)

    def _fill_empty_words(
        self, count: int, ids: Sequence[int], word_ids: Sequence[int | None]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Token ids and ``(words + 1,)`` start positions; a word without tokens gets the unknown token."""
        tokens = np.asarray(ids, dtype=np.int64)
        owners = np.asarray(word_ids, dtype=np.int64)
        lengths = np.bincount(owners, minlength=count) if count else np.zeros(0, dtype=np.int64)
        empty = np.flatnonzero(lengths == 0)
        if len(empty):
            positions = np.concatenate(([0], np.cumsum(lengths)))[empty]
            tokens = np.insert(tokens, positions, self._unknown)
            lengths[empty] = 1
        return tokens, np.concatenate(([0], np.cumsum(lengths)))

    def _encode(
        self, window: Window, tokens: NDArray[np.int64], starts: NDArray[np.int64], limit: int
    ) -> EncodedWindow:
        begin = int(starts[window.first])
        piece = tokens[begin : int(starts[window.last])][:limit]
        ids = np.concatenate((self._before, piece, self._after))
        return EncodedWindow(window, ids, starts[window.first : window.last] - begin + len(self._before))


def load_reader(directory: Path, settings: ReadingSettings) -> Reader:
    """The reader of a directory that holds a ``tokenizer.json``.

    Raises:
        ArtifactError: The file is missing or damaged.
    """
    path = directory / "tokenizer.json"
    if not path.is_file():
        raise ArtifactError("no tokenizer.json", file=directory, remedy="point to a complete run or encoder directory")
    try:
        return Reader(Tokenizer.from_file(str(path)), settings)
    except Exception as error:  # the Rust library raises bare Exception
        raise ArtifactError(f"tokenizer.json is damaged: {error}", file=path) from error


def _special_ids(tokenizer: Tokenizer) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Ids before and after a sequence (from the tokenizer's own template), and of the unknown token."""
    marked = tokenizer.encode(["0"], is_pretokenized=True, add_special_tokens=True)
    inner = [index for index, special in enumerate(marked.special_tokens_mask) if not special]
    ids = np.asarray(marked.ids, dtype=np.int64)
    before = ids[: inner[0]] if inner else ids[:1]
    after = ids[inner[-1] + 1 :] if inner else ids[1:]
    if len(before) + len(after) != SPECIAL_TOKENS:
        raise ArtifactError(
            f"the tokenizer frames a text with {len(before) + len(after)} special tokens, expected {SPECIAL_TOKENS}"
        )
    unknown = next((i for token in ("[UNK]", "<unk>") if (i := tokenizer.token_to_id(token)) is not None), None)
    if unknown is None:
        raise ArtifactError("the tokenizer has no unknown token ([UNK] or <unk>)")
    return before, after, unknown
