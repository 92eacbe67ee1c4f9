"""Speed of extraction beside Hugging Face's pipeline: ``python -m trainer.learning.speed_benchmark``.

Every row is measured in one run, in turn, each in a process of its own. Rows give words a second
of the clock and of processor time; on a machine that others use too, only the second compares.

The texts are paragraphs of the annotated articles with a space between words, so that both sides read the same words
and tokens. AraBERT's shape gets every 25th text: the pipeline alone would take a quarter of an hour for all.
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
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from trainer.annotation.corpus import load_corpus
from trainer.core.files import write_json
from trainer.core.words import split_paragraphs, split_words
from trainer.learning.provenance import describe_machine, read_versions
from trainer.learning.speed_lengths import join_paragraphs, measure_lengths, plot_lengths
from trainer.learning.speed_rows import KINDS, PIPELINE, REFERENCE, measure_peak
from trainer.learning.speed_shapes import ARABERT, COMPACT, Shape, build_shape
from trainer.learning.speed_spans import compare_marks
from trainer.runtime.checkpoint import WEIGHTS, is_complete, load_checkpoint
from trainer.runtime.graphs import is_exported

ROWS = (PIPELINE, REFERENCE, "onnx int8", "openvino float32", "openvino int8")
_SENTENCE_WORDS = (6, 80)
_ARTICLE_WORDS = 600
_SHARE = {COMPACT.name: 1, ARABERT.name: 25}  # every so many-th text


def take_texts(paths: Sequence[Path], sentences: int, articles: int) -> tuple[list[str], list[str]]:
    """Sentences and articles of about 600 words, cut and joined from annotated articles."""
    paragraphs: list[str] = []
    for article in load_corpus(list(paths), None).articles:
        words = split_words(article.text)
        for paragraph in split_paragraphs(article.text, words):
            if _SENTENCE_WORDS[0] <= paragraph.last_word - paragraph.first_word <= _SENTENCE_WORDS[1]:
                own = words[paragraph.first_word : paragraph.last_word]
                paragraphs.append(" ".join(word.normal or word.surface for word in own))
    short = [paragraphs[index % len(paragraphs)] for index in range(sentences)]
    return short, [join_paragraphs(paragraphs, index * 37, _ARTICLE_WORDS) for index in range(articles)]


def measure_shape(shape: Shape, texts: Sequence[list[str]], folder: Path, rounds: int, threads: int) -> dict[str, Any]:
    """All rows on sentences and on articles; medians over the rounds, ratios to the pipeline."""
    run = folder / shape.name
    if not is_exported(run):
        build_shape(shape, texts[1], run)
    parts = [part[:: _SHARE[shape.name]] for part in texts]
    texts_path = folder / "texts.json"
    texts_path.write_text(json.dumps(parts), "utf-8")
    measured: dict[str, list[dict[str, Any]]] = {row: [] for row in ROWS}
    for _ in range(rounds):
        for row in ROWS:
            measured[row].append(_run_row(row, run, texts_path, threads))
    rows = {row: _summarise(results) for row, results in measured.items() if "error" not in results[0]}
    for summary in rows.values():
        for kind in KINDS:
            for clock in ("wall", "cpu"):
                base = rows[PIPELINE][kind][f"words_a_{clock}_second"]
                times = summary[kind][f"words_a_{clock}_second"] / base
                summary[kind][f"times_pipeline_{clock}"] = round(times, 2)
    return {
        "texts": [len(part) for part in parts],
        "words": [sum(len(split_words(text)) for text in part) for part in parts],
        "rows": rows,
        "left_out": {row: results[0]["error"] for row, results in measured.items() if "error" in results[0]},
        "spans": _compare_spans(folder),
        "peak": _share_of_peak(shape, rows, threads),
    }


def _run_row(row: str, run: Path, texts: Path, threads: int) -> dict[str, Any]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, "-m", "trainer.learning.speed_rows", row, str(run), str(texts), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(run.name, row, json.dumps(result), flush=True)  # a run that is cut short has not measured for nothing
    return result


def _summarise(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    def middle(kind: str, key: str) -> float:
        return round(float(statistics.median(result[kind][key] for result in results)), 1)

    summary = {kind: {key: middle(kind, key) for key in results[0][kind]} for kind in KINDS}
    return {**summary, "peak_megabytes": round(statistics.median(result["peak_megabytes"] for result in results))}


def _compare_spans(folder: Path) -> dict[str, Any]:
    """Spans of the float32 graph beside the pipeline's on sentences, by our decoding and by the pipeline's own rule.

    Articles are left out: the two sides read them in other windows.
    """
    pipeline, ours, plain = (
        json.loads((folder / f"{name}.json").read_text("utf-8"))[KINDS[0]]
        for name in (PIPELINE, REFERENCE, "joined plainly")
    )
    return {
        "constrained_decoding": compare_marks(pipeline, ours),
        "joined_as_the_pipeline_does": compare_marks(pipeline, plain),
    }


def compare_trained(run: Path, sentences: Sequence[str], threads: int) -> dict[str, Any] | None:
    """`_compare_spans` on some sentences for a trained run; None for one without weights or without graphs.

    The pipeline knows nothing of the folding that the run was trained with, so the words come folded.
    """
    if not (is_exported(run) and (run / WEIGHTS).is_file()):
        return None
    folding = load_checkpoint(run).reading.normalisation
    folded = [" ".join(word.normal or word.surface for word in split_words(text, folding)) for text in sentences[::5]]
    with tempfile.TemporaryDirectory() as name:
        texts = Path(name) / "texts.json"
        texts.write_text(json.dumps([folded, folded[:1]]), "utf-8")
        faults = [fault for row in (PIPELINE, REFERENCE) if (fault := _run_row(row, run, texts, threads).get("error"))]
        return {"run": run.name, **({"error": faults[0]} if faults else _compare_spans(Path(name)))}


def _share_of_peak(shape: Shape, rows: dict[str, Any], threads: int) -> dict[str, Any]:
    """Billions of operations a second: of a bare matrix product, and of the layers' products in use."""
    found: dict[str, Any] = {}
    for precision in ("float32", "int8"):
        peak = measure_peak(threads, precision)
        speeds = [rows[f"onnx {precision}"][kind]["tokens_a_wall_second"] for kind in KINDS]
        reached = [2 * shape.weights_a_token * speed / 1e9 for speed in speeds]
        found[precision] = {
            "peak_gops": round(peak, 1),
            "reached_gops": [round(value, 1) for value in reached],
            "share": [round(value / peak, 3) for value in reached],
        }
    return found


def measure_cold_start(run: Path, times: int = 7) -> dict[str, Any]:
    """Seconds from the start of the process to the JSON of one sentence."""
    command = [sys.executable, "-m", "trainer", "extract", "-", "--model", str(run), "-q"]
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        subprocess.run(command, input="قصف الجيش مدينة الموصل.".encode(), capture_output=True, check=True)
        seconds.append(round(time.perf_counter() - started, 3))
    return {"run": run.name, "median_seconds": round(statistics.median(seconds), 3), "seconds": seconds}


def _read_other_shapes(out: Path, asked: Sequence[str]) -> dict[str, Any]:
    """Rows of shapes that this call does not measure, from the file of the call before."""
    known = json.loads(out.read_text("utf-8"))["shapes"] if out.is_file() else {}
    return {name: rows for name, rows in known.items() if name not in asked}


def main() -> None:
    """Measure and write ``docs/results/bench.json`` with its plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles-from", nargs="+", type=Path, default=[Path("data/annotations")])
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--articles", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--run", type=Path, default=Path("models/default"), help="for the cold start, if it is there")
    parser.add_argument(
        "--trained", type=Path, default=Path("models/compact"), help="its spans are compared too, if it is exported"
    )
    parser.add_argument("--work", type=Path, help="keep the shapes here and use those that are; else they are built")
    parser.add_argument(
        "--shapes", nargs="+", choices=[COMPACT.name, ARABERT.name], default=[COMPACT.name, ARABERT.name]
    )
    parser.add_argument("--out", type=Path, default=Path("docs/results/bench.json"))
    parser.add_argument("--plot", type=Path, default=Path("docs/images/length.svg"))
    options = parser.parse_args()
    texts = take_texts(options.articles_from, options.sentences, options.articles)
    report: dict[str, Any] = {
        "rounds": options.rounds,
        "threads": options.threads,
        "load_average_at_start": round(os.getloadavg()[0], 1),
        "machine": describe_machine(),
        "versions": read_versions(),
        "median_words": [statistics.median(len(split_words(text)) for text in part) for part in texts],
        "shapes": _read_other_shapes(options.out, options.shapes),
    }
    with tempfile.TemporaryDirectory() if options.work is None else nullcontext(str(options.work)) as name:
        folder = Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        for shape in (COMPACT, ARABERT):
            if shape.name in options.shapes:
                report["shapes"][shape.name] = measure_shape(shape, texts, folder, options.rounds, options.threads)
                write_json(options.out, report)
        if COMPACT.name in options.shapes:
            run = folder / COMPACT.name
            report["cold_start"] = measure_cold_start(options.run if is_complete(options.run) else run)
            report["trained_spans"] = compare_trained(options.trained, texts[0], options.threads)
            report["lengths"] = measure_lengths(run, "\n".join(texts[1]).split("\n"), options.threads)
            plot_lengths(report["lengths"], options.plot)
    write_json(options.out, report)


if __name__ == "__main__":
    main()
