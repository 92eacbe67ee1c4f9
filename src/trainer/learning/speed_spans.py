"""Whether extraction finds the spans that Hugging Face's pipeline finds, with the same weights and the same texts.

Two definitions differ on purpose: tags are decoded through allowed transitions only, and a long text is read in windows
of whole paragraphs. So tags are also joined by the pipeline's own rule, to tell decoding from computing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer.runtime.reading import Reading
from trainer.runtime.tagging import Floats

Marks = list[list[tuple[int, int, str]]]
"""For each text its spans: start, end, label."""


def join_plainly(reading: Reading, logits: Floats, tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Spans as the pipeline's ``aggregation_strategy="first"`` joins them.

    The best tag of each word by itself; neighbours of one label are one span unless the latter begins with ``B-``.

    Args:
        reading: One text.
        logits: ``(words, tags)``.
        tags: Names of the tags.
    """
    spans: list[tuple[int, int, str]] = []
    former = "O"
    for word, best in zip(reading.words, logits.argmax(axis=1) if len(reading.words) else (), strict=True):
        prefix, _, label = tags[int(best)].partition("-")
        if prefix == "O":
            former = "O"
            continue
        if label == former and prefix != "B":
            spans[-1] = (spans[-1][0], word.end, label)
        else:
            spans.append((word.start, word.end, label))
        former = label
    return spans


def compare_marks(pipeline: Marks, ours: Marks) -> dict[str, float | int]:
    """How far two paths agree: share of texts with exactly the same spans, and of spans that both found.

    The second is twice the common spans over the spans of both sides.
    """
    pairs = [(set(map(tuple, left)), set(map(tuple, right))) for left, right in zip(pipeline, ours, strict=True)]
    spans = sum(len(left) + len(right) for left, right in pairs)
    return {
        "texts": len(pairs),
        "spans": sum(len(left) for left, _ in pairs),
        "same_texts": round(float(np.mean([left == right for left, right in pairs])), 4),
        "same_spans": round(2 * sum(len(left & right) for left, right in pairs) / spans, 4) if spans else 1.0,
    }
