"""When Ray pays: ``python -m trainer.learning.scale_benchmark --model RUN`` writes ``docs/results/scale.json``.

The same job, from the start of the process to the finished file, by the local engine with one thread and with all, and
by the Ray engine with as many workers of one thread each. Seconds are fitted as a start plus a cost an article; two
such lines cross where the dearer start has paid for itself.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainer.annotation.corpus import load_corpus
from trainer.core.errors import OutputError
from trainer.core.files import write_json
from trainer.core.words import split_paragraphs, split_words
from trainer.learning.provenance import describe_machine, read_versions
from trainer.runtime.batching import usable_cores

SIZES = (100, 500, 2000, 5000)
MACHINES = (2, 4, 8, 16)
_LEAST_WORDS = 6


@dataclass(frozen=True, slots=True)
class Line:
    """Seconds of a job: ``start`` plus ``article`` for each article."""

    start: float
    article: float

    def to_dict(self) -> dict[str, float]:
        """Plain JSON values."""
        return {
            "start_seconds": round(self.start, 3),
            "milliseconds_an_article": round(1000 * self.article, 4),
            "articles_a_second": round(1 / self.article, 1),
        }


def fit_line(sizes: Sequence[int], seconds: Sequence[float]) -> Line:
    """Least squares of relative errors, so that small jobs count as much as large ones."""
    counts, times = np.asarray(sizes, dtype=np.float64), np.asarray(seconds, dtype=np.float64)
    design = np.stack([1 / times, counts / times], axis=1)
    (start, article), *_ = np.linalg.lstsq(design, np.ones(len(times)), rcond=None)
    return Line(float(start), float(article))


def find_crossing(cheap_start: Line, dear_start: Line) -> int | None:
    """Articles above which the second line is below the first; None where it never is."""
    gain = cheap_start.article - dear_start.article
    extra = dear_start.start - cheap_start.start
    if extra <= 0:
        return 0 if gain >= 0 else None
    return round(extra / gain) if gain > 0 else None


def estimate_machines(local: Line, ray: Line, shares: Sequence[int] = MACHINES) -> list[dict[str, Any]]:
    """Crossing and speed with so many machines like this one, each of which works as the local engine does here.

    An estimate: it takes the measured start of Ray, and that shards are done independently, which they are.
    """
    rows = []
    for machines in shares:
        cluster = Line(ray.start, local.article / machines)
        rows.append(
            {
                "machines": machines,
                "articles_a_second": round(1 / cluster.article),
                "crossing_articles": find_crossing(local, cluster),
            }
        )
    return rows


def measure(model: Path, texts: Sequence[str], sizes: Sequence[int], workers: int) -> dict[str, list[float]]:
    """Seconds of each engine for each number of articles."""
    engines: Mapping[str, list[str]] = {
        "local, 1 thread": ["--threads", "1"],
        f"local, {workers} threads": ["--threads", str(workers)],
        f"ray, {workers} workers": ["--engine", "ray", "--workers", str(workers), "--threads", "1"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            source = Path(folder) / f"{size}.jsonl"
            rows = ({"id": str(index), "text": texts[index % len(texts)]} for index in range(size))
            source.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
            for name, options in engines.items():
                seconds[name].append(_time_job(model, source, options, size))
                print(f"{size:,} articles, {name}: {seconds[name][-1]:.1f} s", flush=True)
    return seconds


def _time_job(model: Path, source: Path, options: Sequence[str], size: int) -> float:
    out = source.with_suffix(".out")
    command = [sys.executable, "-m", "trainer", "extract", str(source), "--model", str(model), "--out", str(out), "-q"]
    started = time.perf_counter()
    subprocess.run([*command, *options], check=True, capture_output=True)
    seconds = time.perf_counter() - started
    lines = out.read_bytes().count(b"\n")
    out.unlink()
    if lines != size:
        raise OutputError(f"{lines} of {size} articles were written", file=source, remedy="run the command by hand")
    return round(seconds, 3)


def take_texts(annotations: Path) -> list[str]:
    """Paragraphs of the annotated articles: short articles, of about a sentence."""
    texts = []
    for article in load_corpus([annotations], None).articles:
        words = split_words(article.text)
        texts += [
            article.text[paragraph.start : paragraph.end]
            for paragraph in split_paragraphs(article.text, words)
            if paragraph.last_word - paragraph.first_word >= _LEAST_WORDS
        ]
    return texts


def main() -> None:
    """Measure, fit and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/default"))
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--articles-from", type=Path, default=Path("data/annotations"))
    parser.add_argument("--out", type=Path, default=Path("docs/results/scale.json"))
    options = parser.parse_args()
    texts = take_texts(options.articles_from)
    seconds = measure(options.model, texts, options.sizes, options.workers)
    one, all_threads, ray = (fit_line(options.sizes, times) for times in seconds.values())
    report = {
        "machine": {**describe_machine(), "usable_cores": usable_cores()},
        "versions": read_versions(),
        "model": options.model.name,
        "median_words": float(np.median([len(split_words(text)) for text in texts])),
        "sizes": options.sizes,
        "seconds": seconds,
        "lines": {name: line.to_dict() for name, line in zip(seconds, (one, all_threads, ray), strict=True)},
        "crossing_against_one_thread": find_crossing(one, ray),
        "crossing_against_all_threads": find_crossing(all_threads, ray),
        "estimate": estimate_machines(all_threads, ray),
    }
    write_json(options.out, report)


if __name__ == "__main__":
    main()
