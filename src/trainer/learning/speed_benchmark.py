"""Speed of extraction beside Hugging Face's pipeline: ``python -m trainer.learning.speed_benchmark``.

Every row is measured in one run, in turn, each in a process of its own. Rows give words a second
of the clock and of processor time; on a machine that others use too, only the second compares.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.annotation.corpus import load_corpus
from trainer.core.files import write_json
from trainer.core.words import split_paragraphs, split_words
from trainer.learning.speed_rows import measure_peak
from trainer.learning.speed_shapes import ARABERT, COMPACT, Shape, build_shape

ROWS = ("pipeline", "onnx float32", "onnx int8", "openvino float32")
_SENTENCE_WORDS = (6, 80)
_ARTICLE_WORDS = 600
_LENGTHS = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)


def take_texts(paths: Sequence[Path], sentences: int, articles: int) -> tuple[list[str], list[str]]:
    """Sentences and articles of about 600 words, cut and joined from annotated articles."""
    paragraphs: list[str] = []
    for article in load_corpus(list(paths), None).articles:
        words = split_words(article.text)
        for paragraph in split_paragraphs(article.text, words):
            if _SENTENCE_WORDS[0] <= paragraph.last_word - paragraph.first_word <= _SENTENCE_WORDS[1]:
                paragraphs.append(article.text[paragraph.start : paragraph.end])
    short = [paragraphs[index % len(paragraphs)] for index in range(sentences)]
    return short, [_article(paragraphs, index * 37, _ARTICLE_WORDS) for index in range(articles)]


def _article(paragraphs: Sequence[str], first: int, words: int) -> str:
    taken: list[str] = []
    count = 0
    while count < words:
        taken.append(paragraphs[(first + len(taken)) % len(paragraphs)])
        count += len(split_words(taken[-1]))
    return "\n".join(taken)


def measure_shape(shape: Shape, texts: Sequence[list[str]], folder: Path, rounds: int, threads: int) -> dict[str, Any]:
    """All rows on sentences and on articles; medians over the rounds, ratios to the pipeline."""
    run = build_shape(shape, texts[1], folder / shape.name)
    measured: dict[str, list[dict[str, Any]]] = {row: [] for row in ROWS}
    for _ in range(rounds):
        for row in ROWS:
            measured[row].append(_run_row(row, run, folder / "texts.json", threads))
    rows = {row: _summarise(results) for row, results in measured.items() if results and "error" not in results[0]}
    for summary in rows.values():
        for kind in ("sentences", "articles"):
            for clock in ("wall", "cpu"):
                base = rows["pipeline"][kind][f"words_a_{clock}_second"]
                times = summary[kind][f"words_a_{clock}_second"] / base
                summary[kind][f"times_pipeline_{clock}"] = round(times, 2)
    peak = measure_peak(threads)
    sentences = rows["onnx int8"]["sentences"]
    reached = 2 * shape.weights_a_token * sentences["tokens_a_wall_second"] / 1e9
    return {
        "rows": rows,
        "int8_peak_gops": round(peak, 1),
        "int8_reached_gops": round(reached, 1),
        "int8_share_of_peak": round(reached / peak, 3),
        "cold_start_seconds": _cold_start(run),
        "linear": _lengths(run, texts[1], threads) if shape is COMPACT else None,
    }


def _run_row(row: str, run: Path, texts: Path, threads: int) -> dict[str, Any]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, "-m", "trainer.learning.speed_rows", row, str(run), str(texts), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1]}
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def _summarise(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    def middle(kind: str, key: str) -> float:
        return round(float(statistics.median(result[kind][key] for result in results)), 1)

    keys = [key for key in results[0]["sentences"] if key != "spans"]
    summary = {kind: {key: middle(kind, key) for key in keys} for kind in ("sentences", "articles")}
    return {**summary, "peak_megabytes": round(statistics.median(result["peak_megabytes"] for result in results))}


def _cold_start(run: Path, times: int = 3) -> float:
    """Seconds from the start of the process to the JSON of one sentence; the best of a few."""
    command = [sys.executable, "-m", "trainer", "extract", "-", "--model", str(run), "-q"]
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        subprocess.run(command, input="قصف الجيش مدينة الموصل.".encode(), capture_output=True, check=True)
        seconds.append(time.perf_counter() - started)
    return round(min(seconds), 2)


def _lengths(run: Path, articles: Sequence[str], threads: int) -> list[dict[str, float]]:
    """Processor seconds for one article of so many words."""
    from trainer.runtime.model import load_model

    model = load_model(run, threads=threads)
    points = []
    for length in _LENGTHS:
        text = _article("\n".join(articles).split("\n"), 0, length)
        words, started = len(split_words(text)), time.process_time()
        model(text)
        seconds = time.process_time() - started
        points.append({"words": words, "cpu_seconds": round(seconds, 4), "microseconds_a_word": seconds / words * 1e6})
    return points


def plot_lengths(points: Sequence[dict[str, float]], path: Path) -> None:
    """Cost by length of the article, on logarithmic axes with a line of slope one."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    words, seconds = ([point[key] for point in points] for key in ("words", "cpu_seconds"))
    axes.loglog(words, seconds, "o-", label="measured")
    axes.loglog(words, [seconds[-1] / words[-1] * count for count in words], "--", label="linear")
    axes.set(xlabel="words of the article", ylabel="processor seconds", title="Cost by length (compact, int8)")
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, print the table and write ``docs/results/bench.json`` with its plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles-from", nargs="+", type=Path, default=[Path("data/annotations")])
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--articles", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--shapes", nargs="+", choices=[COMPACT.name, ARABERT.name], default=[COMPACT.name, ARABERT.name]
    )
    parser.add_argument("--out", type=Path, default=Path("docs/results/bench.json"))
    options = parser.parse_args()
    texts = take_texts(options.articles_from, options.sentences, options.articles)
    report: dict[str, Any] = {
        "sentences": options.sentences,
        "articles": options.articles,
        "rounds": options.rounds,
        "threads": options.threads,
        "load_average_at_start": round(os.getloadavg()[0], 1),
        "words": [sum(len(split_words(text)) for text in part) for part in texts],
        "shapes": {},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "texts.json").write_text(json.dumps(texts), "utf-8")
        for shape in (COMPACT, ARABERT):
            if shape.name in options.shapes:
                report["shapes"][shape.name] = measure_shape(shape, texts, folder, options.rounds, options.threads)
    write_json(options.out, report)
    linear = report["shapes"].get(COMPACT.name, {}).get("linear")
    if linear:
        plot_lengths(linear, options.out.with_name("length.svg"))
    print(render_table(report))


def render_table(report: dict[str, Any]) -> str:
    """The table of the README, in Markdown."""
    lines = [
        "| shape | path | sentences, words/s | × pipeline | articles, words/s | × pipeline "
        "| × by processor time | MB |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for shape, measured in report["shapes"].items():
        for name, row in measured["rows"].items():
            short, long = row["sentences"], row["articles"]
            lines.append(
                f"| {shape} | {name} | {short['words_a_wall_second']:,.0f} | {short['times_pipeline_wall']} "
                f"| {long['words_a_wall_second']:,.0f} | {long['times_pipeline_wall']} "
                f"| {short['times_pipeline_cpu']}, {long['times_pipeline_cpu']} | {row['peak_megabytes']} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
