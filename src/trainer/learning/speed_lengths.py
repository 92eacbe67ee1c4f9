"""Cost of one article against its length: measured, fitted and drawn."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainer.core.words import split_words

LENGTHS = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
_TIMES = (7, 5, 3, 2, 2, 1, 1)  # measurements of each length; the best counts


def join_paragraphs(paragraphs: Sequence[str], first: int, words: int) -> str:
    """An article of at least so many words, from paragraph ``first`` on, round and round."""
    taken: list[str] = []
    count = 0
    while count < words:
        taken.append(paragraphs[(first + len(taken)) % len(paragraphs)])
        count += len(split_words(taken[-1]))
    return "\n".join(taken)


def measure_lengths(run: Path, paragraphs: Sequence[str], threads: int) -> dict[str, Any]:
    """Processor seconds for one article of each length, and the exponent of a power law through them.

    Of the processor, not of the clock: neighbours on the machine do not bend the curve.
    """
    from trainer.runtime.model import load_model

    model = load_model(run, threads=threads)
    model(join_paragraphs(paragraphs, 0, 1000))
    points = []
    for length, times in zip(LENGTHS, _TIMES, strict=True):
        text = join_paragraphs(paragraphs, 0, length)
        seconds = []
        for _ in range(times):
            started = time.process_time()
            model(text)
            seconds.append(time.process_time() - started)
        words = len(split_words(text))
        best = min(seconds)
        points.append({"words": words, "seconds": round(best, 5), "microseconds_a_word": round(best / words * 1e6, 2)})
    return {"points": points, "exponent": round(fit_exponent(points), 3)}


def fit_exponent(points: Sequence[dict[str, float]]) -> float:
    """The slope of log seconds over log words, by least squares: 1 is linear, 2 quadratic."""
    words, seconds = (np.log([point[key] for point in points]) for key in ("words", "seconds"))
    return float(np.polyfit(words, seconds, 1)[0])


def plot_lengths(measured: dict[str, Any], path: Path) -> None:
    """Cost by length of the article, on logarithmic axes with a line of slope one."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    points = measured["points"]
    words, seconds = ([point[key] for point in points] for key in ("words", "seconds"))
    with rc_context({"svg.hashsalt": "lengths"}):  # the same figures give the same file
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        axes.loglog(words, seconds, "o-", label=f"measured, exponent {measured['exponent']:.2f}")
        axes.loglog(words, [seconds[-1] / words[-1] * count for count in words], "--", label="linear")
        axes.set(
            xlabel="words of the article", ylabel="processor seconds", title="Cost by length (compact's shape, int8)"
        )
        axes.grid(alpha=0.3)
        axes.legend()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
