"""From annotated articles to labelled windows.

A word's first token carries its tag; its other tokens, the special tokens and words that a
window only borrows as context carry `IGNORED`, so each word teaches exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray

from trainer.core.bio import spans_to_tags
from trainer.core.errors import AnnotationError
from trainer.core.types import Article, Word
from trainer.runtime.reading import EncodedWindow, Reader, Reading

IGNORED = -100  # the index that cross-entropy skips


def encode_articles(
    articles: Sequence[Article],
    reader: Reader,
    tags: Sequence[str],
    spell: Callable[[Sequence[Word]], list[str]] | None = None,
) -> Dataset:
    """One row a window, with columns ``input_ids``, ``labels`` and ``length``.

    Args:
        articles: Annotated articles.
        reader: Reads their texts.
        tags: Names of the tags, in the order of the classifier's outputs.
        spell: Gives the forms of an article's words that are tokenised; None takes their normal forms.

    Raises:
        AnnotationError: A span does not begin and end with whole words; names the article.
    """
    return encode_readings(articles, reader.read_texts([article.text for article in articles], spell), tags)


def encode_readings(articles: Sequence[Article], readings: Sequence[Reading], tags: Sequence[str]) -> Dataset:
    """As `encode_articles`, of articles that have been read: one reading an article."""
    ids: list[list[int]] = []
    labels: list[list[int]] = []
    for article, reading in zip(articles, readings, strict=True):
        targets = tag_indices(article, reading, tags)
        for window in reading.windows:
            ids.append(window.ids.tolist())
            labels.append(_label_tokens(window, targets).tolist())
    return Dataset.from_dict({"input_ids": ids, "labels": labels, "length": [len(row) for row in ids]})


def tag_indices(article: Article, reading: Reading, tags: Sequence[str]) -> NDArray[np.int64]:
    """``(words,)`` index of each word's gold tag.

    Raises:
        AnnotationError: A span does not begin and end with whole words, or its label is not in the schema.
    """
    order = {tag: index for index, tag in enumerate(tags)}
    try:
        return np.array([order[tag] for tag in spans_to_tags(reading.words, article.spans)], dtype=np.int64)
    except AnnotationError as error:
        raise AnnotationError(error.message, record=article.id, remedy=error.remedy) from error
    except KeyError as error:
        raise AnnotationError(
            f"tag {error.args[0]} is not in the schema", record=article.id, remedy="name the schema that fits the data"
        ) from error


def _label_tokens(window: EncodedWindow, targets: NDArray[np.int64]) -> NDArray[np.int64]:
    labels = np.full(len(window.ids), IGNORED, dtype=np.int64)
    own = slice(window.window.own_first, window.window.own_last)
    offset = window.window.first
    labels[window.first_tokens[own.start - offset : own.stop - offset]] = targets[own]
    return labels
