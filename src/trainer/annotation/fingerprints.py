"""Fingerprints of texts: enough to recognise a repetition, too little to read anything back.

A text is reduced to its words' normal forms with every folding on and punctuation left out. Its
fingerprint is a hash of the raw text, a hash of that reduced form, and a MinHash signature of
the reduced form's 5-word shingles (Broder, 1997), whose share of equal places estimates the
Jaccard similarity of the shingle sets (standard error at most 0.045 with 128 places).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.annotation.shapes import Node
from trainer.core.errors import AnnotationError
from trainer.core.normalisation import Normalisation
from trainer.core.types import Article
from trainer.core.words import split_paragraphs, split_words

PLACES = 128
SHINGLE = 5
SHORT = 8  # paragraphs of fewer words have too few shingles for a signature
_FOLDED = Normalisation(fold_alef=True, fold_ya=True, fold_ta_marbuta=True, fold_persian=True, lowercase=True)
_SEED = 20_170_401

Signature = NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """What is kept of a text.

    Attributes:
        exact: Hash of the raw text without white space at its edges.
        normalised: Hash of the reduced form.
        words: Words of the reduced form.
        signature: ``(128,)`` MinHash places; None for a short text.
    """

    exact: str
    normalised: str
    words: int
    signature: Signature | None

    def similarity(self, other: Fingerprint) -> float:
        """Estimated Jaccard similarity; 0 where one of the two is short."""
        if self.signature is None or other.signature is None:
            return 0.0
        return float((self.signature == other.signature).mean())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        signature = self.signature
        encoded = None if signature is None else base64.b85encode(signature.astype("<u4").tobytes()).decode()
        return {"exact": self.exact, "normalised": self.normalised, "words": self.words, "signature": encoded}


@dataclass(frozen=True, slots=True, eq=False)
class ArticlePrint:
    """Fingerprints of an article and of its paragraphs, in order."""

    id: str
    whole: Fingerprint
    paragraphs: tuple[Fingerprint, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        paragraphs = [paragraph.to_dict() for paragraph in self.paragraphs]
        return {"id": self.id, "whole": self.whole.to_dict(), "paragraphs": paragraphs}


def fingerprint_article(article: Article) -> ArticlePrint:
    """Fingerprints of an article's text (its annotation plays no part)."""
    words = split_words(article.text, _FOLDED)
    forms = [word.normal if any(map(str.isalnum, word.normal)) else "" for word in words]
    paragraphs = tuple(
        _fingerprint(article.text[paragraph.start : paragraph.end], forms[paragraph.first_word : paragraph.last_word])
        for paragraph in split_paragraphs(article.text, words)
    )
    return ArticlePrint(article.id, _fingerprint(article.text, forms), paragraphs)


def parse_article_print(node: Node) -> ArticlePrint:
    """Fingerprints from a manifest.

    Raises:
        AnnotationError: A value is missing or of another kind.
    """
    paragraphs = tuple(_parse_fingerprint(item) for item in node.get("paragraphs").items())
    return ArticlePrint(node.get("id").identifier(), _parse_fingerprint(node.get("whole")), paragraphs)


def _fingerprint(text: str, forms: Sequence[str]) -> Fingerprint:
    kept = [form for form in forms if form]
    signature = sign_words(kept) if len(kept) >= SHORT else None
    return Fingerprint(_hash(text.strip()), _hash(" ".join(kept)), len(kept), signature)


def sign_words(words: Sequence[str]) -> Signature:
    """MinHash signature of the shingles of at least 5 words."""
    shingles = {" ".join(words[index : index + SHINGLE]) for index in range(len(words) - SHINGLE + 1)}
    hashed = b"".join(hashlib.blake2b(shingle.encode("utf-8"), digest_size=8).digest() for shingle in shingles)
    values = np.frombuffer(hashed, dtype="<u8").astype(np.uint64)
    factors, offsets = _permutations()
    # Multiply-shift hashing: the upper half of a product modulo 2^64 (Dietzfelbinger et al., 1997).
    places = (values[:, None] * factors + offsets) >> np.uint64(32)
    signature: Signature = places.min(axis=0).astype(np.uint32)
    return signature


@cache
def _permutations() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Odd factors and offsets from a fixed seed; the stream is spelt out so that no release of numpy changes it."""
    digests = b"".join(hashlib.blake2b(f"{_SEED}:{index}".encode(), digest_size=16).digest() for index in range(PLACES))
    numbers = np.frombuffer(digests, dtype="<u8").astype(np.uint64).reshape(PLACES, 2)
    return numbers[:, 0] | np.uint64(1), numbers[:, 1]


def _parse_fingerprint(node: Node) -> Fingerprint:
    encoded = node.get("signature")
    signature: Signature | None = None
    if not encoded.absent:
        try:
            signature = np.frombuffer(base64.b85decode(encoded.text()), dtype="<u4").astype(np.uint32)
        except ValueError as error:
            raise AnnotationError(f"not a signature: {error}", record=encoded.path) from error
        if signature.shape != (PLACES,):
            raise AnnotationError(f"a signature of {signature.size} places, not {PLACES}", record=encoded.path)
    return Fingerprint(node.get("exact").text(), node.get("normalised").text(), node.get("words").integer(), signature)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
