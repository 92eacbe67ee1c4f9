"""Many texts in slices, three steps at once: while one slice is in the encoder, the next is read and the last decoded.

Reading and decoding are Python and hold the interpreter; the encoder does not. One after the other they would leave
all cores but one idle for a good part of the time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_CHARACTERS = 30_000  # of a slice: dozens of batches of like length, and a fraction of a second
_AHEAD = 2  # slices that are read before their turn

Read = TypeVar("Read")
Scored = TypeVar("Scored")
Done = TypeVar("Done")


def slice_texts(texts: Sequence[str], characters: int | None = None) -> list[list[str]]:
    """Texts in order, in slices of about so many characters; a slice ends with the text that fills it."""
    characters = characters or _CHARACTERS
    slices: list[list[str]] = [[]]
    size = 0
    for text in texts:
        if size >= characters:
            slices.append([])
            size = 0
        slices[-1].append(text)
        size += len(text)
    return slices


def work_ahead(
    slices: Sequence[list[str]],
    read: Callable[[list[str]], Read],
    score: Callable[[Read], Scored],
    complete: Callable[[Scored], Done],
) -> Iterator[Done]:
    """Each slice through three steps; results in order. A single slice goes through them in this thread.

    Args:
        slices: The work.
        read: First step; one slice at a time, in another thread.
        score: Second step; one slice at a time, in another thread.
        complete: Last step, in the calling thread.
    """
    if len(slices) == 1:
        yield complete(score(read(slices[0])))
        return
    with ThreadPoolExecutor(1, "read") as reader, ThreadPoolExecutor(1, "score") as scorer:
        readings = deque(reader.submit(read, part) for part in slices[:_AHEAD])
        scoring: Future[Scored] | None = None
        for index in range(len(slices)):
            following = scorer.submit(score, readings.popleft().result())
            if index + _AHEAD < len(slices):
                readings.append(reader.submit(read, slices[index + _AHEAD]))
            if scoring is not None:
                yield complete(scoring.result())
            scoring = following
        if scoring is not None:
            yield complete(scoring.result())
