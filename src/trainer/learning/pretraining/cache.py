"""Token ids of a corpus, made once and read through memory maps.

A cache is a directory: ``tokens.bin`` (ids, uint16 or uint32), ``starts.bin`` (1 where a word begins),
``documents.npy`` (offsets, one more than documents) and ``cache.json``. It is built under another name and
renamed when complete: a cache exists whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerFast

from trainer.core.normalisation import Normalisation
from trainer.core.words import split_words
from trainer.learning.pretraining.corpus import read_batches

_FORMAT = 1
_SAMPLE = 1_048_576  # bytes of a corpus file that are hashed at its beginning, middle and end
Encoded = tuple[npt.NDArray[Any], npt.NDArray[np.uint8], list[int]]


@dataclass(frozen=True, slots=True)
class TokenCache:
    """A tokenised corpus.

    Attributes:
        tokens: Ids of all documents, one after another, without special tokens; shape (tokens,).
        starts: 1 where a word begins, else 0; shape (tokens,).
        documents: Offset of each document, then the total; shape (documents + 1,).
    """

    tokens: npt.NDArray[Any]
    starts: npt.NDArray[np.uint8]
    documents: npt.NDArray[np.int64]


class _Encoder:
    """Encodes words through a table, since a corpus repeats itself: each distinct word is tokenised once."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, normalisation: Normalisation) -> None:
        self.backend = tokenizer.backend_tokenizer
        self.normalisation = normalisation
        self.wide = np.uint16 if len(tokenizer) <= 65_536 else np.uint32
        self.table: dict[str, tuple[int, ...]] = {}

    def encode(self, documents: list[tuple[str, ...]]) -> Encoded:
        """Ids, word starts, and each document's length."""
        texts = [
            [w.normal for paragraph in document for w in split_words(paragraph, self.normalisation) if w.normal]
            for document in documents
        ]
        self._learn(sorted({word for words in texts for word in words} - self.table.keys()))
        ids: list[int] = []
        starts: list[int] = []
        lengths = []
        for words in texts:
            before = len(ids)
            for word in words:
                pieces = self.table[word]
                ids.extend(pieces)
                starts.append(1)
                starts.extend((0,) * (len(pieces) - 1))
            lengths.append(len(ids) - before)
        return np.array(ids, self.wide), np.array(starts, np.uint8), lengths

    def _learn(self, words: list[str]) -> None:
        batch = self.backend.encode_batch([[word] for word in words], is_pretokenized=True, add_special_tokens=False)
        unknown = self.backend.token_to_id("[UNK]") or 0
        for word, encoding in zip(words, batch, strict=True):
            self.table[word] = tuple(encoding.ids) or (unknown,)


_worker: _Encoder | None = None


def _start_worker(tokenizer: PreTrainedTokenizerFast, normalisation: Normalisation) -> None:
    global _worker  # one encoder, with its table, for the life of a worker process
    _worker = _Encoder(tokenizer, normalisation)


def _encode_batch(documents: list[tuple[str, ...]]) -> Encoded:
    if _worker is None:
        raise RuntimeError("the worker was not started")
    return _worker.encode(documents)


def fingerprint(files: Sequence[Path], tokenizer: PreTrainedTokenizerFast, normalisation: Normalisation) -> str:
    """Names a cache by what went into it: files (name and content), pieces and folding.

    A copied or touched file keeps its cache. Of a large file the size and three samples stand for the content.
    """
    parts = [(path.name, path.stat().st_size, _hash_samples(path)) for path in files]
    whole = [_FORMAT, parts, tokenizer.backend_tokenizer.to_str(), normalisation.to_dict()]
    return hashlib.sha256(json.dumps(whole, ensure_ascii=False).encode()).hexdigest()[:16]


def _hash_samples(path: Path) -> str:
    size, digest = path.stat().st_size, hashlib.sha256()
    with path.open("rb") as stream:
        for offset in (0, size // 2, size - _SAMPLE):
            stream.seek(max(0, offset))
            digest.update(stream.read(_SAMPLE))
    return digest.hexdigest()


def _encode_all(batches: Iterator[list[tuple[str, ...]]], workers: int, *context: Any) -> Iterator[Encoded]:
    if workers <= 1:
        encoder = _Encoder(*context)
        yield from map(encoder.encode, batches)
        return
    with multiprocessing.get_context("fork").Pool(workers, _start_worker, context) as pool:
        yield from pool.imap(_encode_batch, batches)


def build_cache(
    files: Sequence[Path],
    folder: Path,
    tokenizer: PreTrainedTokenizerFast,
    normalisation: Normalisation,
    workers: int = 1,
) -> TokenCache:
    """Opens the cache of these files below ``folder``, tokenising them first if nobody has.

    Args:
        files: Raw text, as `find_files` returns it.
        folder: Where caches are kept.
        tokenizer: A fast tokenizer; it gets normal forms, one word at a time.
        normalisation: What the tokenizer's encoder expects of a word.
        workers: Processes that tokenise.
    """
    final = folder / fingerprint(files, tokenizer, normalisation)
    if not final.exists():
        part = final.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        lengths: list[int] = [0]
        with (part / "tokens.bin").open("wb") as tokens, (part / "starts.bin").open("wb") as starts:
            for ids, begins, counts in _encode_all(read_batches(files), workers, tokenizer, normalisation):
                ids.tofile(tokens)
                begins.tofile(starts)
                lengths += counts
        np.save(part / "documents.npy", np.cumsum(lengths, dtype=np.int64))
        width = "uint16" if len(tokenizer) <= 65_536 else "uint32"
        facts = {
            "dtype": width,
            "tokens": sum(lengths),
            "documents": len(lengths) - 1,
            "files": [f.name for f in files],
        }
        (part / "cache.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        part.rename(final)
    return open_cache(final)


def open_cache(folder: Path) -> TokenCache:
    """Maps a finished cache into memory."""
    facts = json.loads((folder / "cache.json").read_text(encoding="utf-8"))
    return TokenCache(
        np.memmap(folder / "tokens.bin", np.dtype(facts["dtype"]), "r"),
        np.memmap(folder / "starts.bin", np.uint8, "r"),
        np.load(folder / "documents.npy"),
    )
