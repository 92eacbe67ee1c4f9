#!/usr/bin/env python
"""Write the tables of README and docs from files that commands wrote, so that no figure is typed by hand.

``python scripts/readme_tables.py`` fills every block ``<!-- results:NAME -->`` whose file exists.
``--collect RUN…`` first takes the judged scores of these runs into ``docs/results/gold.json``.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from functools import partial
from pathlib import Path
from typing import Any

from trainer.core.files import write_json, write_text

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results"
Figures = dict[str, Any]


def collect_scores(names: list[str]) -> None:
    """Gather dev and gold scores of judged runs into one file."""
    rows = []
    for name in names:
        judged = json.loads((ROOT / "eval" / "reports" / name / "metrics.json").read_text(encoding="utf-8"))
        trained = json.loads((ROOT / "models" / name / "metrics.json").read_text(encoding="utf-8"))
        rows.append(
            {
                "run": name,
                "articles": judged["run"]["trained_articles"],
                "bytes": judged["run"]["bytes"],
                "commit": judged["run"]["commit"],
                "encoder_from_scratch": trained.get("encoder_from_scratch"),
                "dev": trained["dev"]["strict"]["f1"],
                "gold": judged["strict"]["f1"],
                "interval": judged["strict"]["f1_interval"],
                "synthetic": judged["sources"]["synthetic"]["strict"]["f1"],
                "seed_article": judged["sources"]["real"]["strict"]["f1"],
                "labels": {label: scores["f1"] for label, scores in judged["labels"].items()},
                "judging_seconds": judged["seconds"],
            }
        )
    write_json(RESULTS / "gold.json", {"rows": rows})


def gold_table(figures: Figures) -> str:
    """Strict F1 of the judged runs."""
    labels = list(figures["rows"][0]["labels"])
    heads = ["run", "trained on", "dev", "gold, all", "95 %", "gold, synthetic", "seed article", *labels]
    rows = []
    for row in figures["rows"]:
        low, high = row["interval"]
        note = " (random weights)" if row["encoder_from_scratch"] else ""
        rows.append(
            [
                f"`{row['run']}`{note}",
                f"{row['articles']} articles",
                _percent(row["dev"]),
                f"**{_percent(row['gold'])}**",
                f"{_percent(low)}–{_percent(high)}",
                _percent(row["synthetic"]),
                _percent(row["seed_article"]),
                *(_percent(row["labels"][label]) for label in labels),
            ]
        )
    return _table(heads, rows)


def training_table(figures: Figures) -> str:
    """Tokens a second of all sides, and their dev loss after the same updates of two small models."""
    speed = figures["speed"]
    random, pretrained = (figures[key]["dev_loss"] for key in ("curves", "pretrained_curves"))
    rows = [
        [
            name,
            f"{speed['tokens_per_second'][name]:,.0f}",
            f"{speed['ratio'][name]:.2f} ×",
            *(_spread(losses[name]) if name in losses else "" for losses in (random, pretrained)),
        ]
        for name in speed["ratio"]
    ]
    updates = figures["curves"]["updates"]
    heads = ["training", "tokens/s", "× plain"]
    return _table([*heads, f"dev loss after {updates} updates, small, random", "the same, bundled encoder"], rows)


def _spread(values: list[float]) -> str:
    deviation = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{deviation}"


def rehearsal_table(figures: Figures) -> str:
    """Seconds an update and peak memory at AraBERT's shape."""
    return _table(
        ["encoder", "seconds an update", "tokens/s", "peak memory"],
        [
            [
                f"`{figures['encoder']}`, {figures['weights']} weights",
                f"{figures['seconds_per_update']:.1f}",
                f"{figures['tokens_per_second']:,.0f}",
                f"{figures['peak_memory_mb'] / 1024:.1f} GB",
            ]
        ],
    )


def bench_table(figures: Figures, other_runtimes: bool = True) -> str:
    """Words a second of each path, beside the pipeline; ``other_runtimes`` are those that are not the default."""
    rows = []
    for shape, measured in figures["shapes"].items():
        for name, row in measured["rows"].items():
            if not other_runtimes and name.startswith("openvino"):
                continue
            cells = [f"{shape}, {name}"]
            for kind in ("sentences", "articles"):
                words, times = (row[kind][key] for key in ("words_a_wall_second", "times_pipeline_wall"))
                cells += [f"{words:,.0f}", f"{times:.1f} ×"]
            rows.append([*cells, f"{row['peak_megabytes']} MB"])
    heads = ["shape, path", "sentences, words/s", "× pipeline", "articles, words/s", "× pipeline", "peak memory"]
    return _table(heads, rows)


def bench_facts(figures: Figures) -> str:
    """Share of the matrix peak, agreement of spans, cold start and growth with length."""
    lines = []
    for shape, measured in figures["shapes"].items():
        for precision, peak in measured["peak"].items():
            reached, shares = peak["reached_gops"], peak["share"]
            lines.append(
                f"- {shape}, {precision}: {reached[0]:.0f} and {reached[1]:.0f} billion operations a second in the "
                f"layers' products on sentences and articles, {100 * shares[0]:.0f} % and {100 * shares[1]:.0f} % of "
                f"the {peak['peak_gops']:.0f} that a bare product reaches on this machine."
            )
        lines.append(f"- {shape}, random weights, float32: {_agreement(measured['spans'], 'sentences')}")
    trained = figures.get("trained_spans")
    if trained and "constrained_decoding" in trained:
        lines.append(f"- The trained run `{trained['run']}`, float32: {_agreement(trained, 'sentences')}")
    if cold := figures.get("cold_start"):
        lines.append(
            f"- From the start of the process to the JSON of a sentence (`{cold['run']}`): "
            f"{cold['median_seconds']:.2f} s, median of {len(cold['seconds'])}."
        )
    if lengths := figures.get("lengths"):
        first, last = lengths["points"][0], lengths["points"][-1]
        lines += [
            f"- A word costs {first['microseconds_a_word']:.0f} µs of processor time in an article of "
            f"{first['words']:,} words and {last['microseconds_a_word']:.0f} in one of {last['words']:,}; "
            f"fitted exponent of the cost by length {lengths['exponent']:.2f}.",
            "",
            "![Processor time by length of an article](images/length.svg)",
        ]
    return "\n".join(lines)


def _agreement(found: Figures, texts: str) -> str:
    plain, ours = found["joined_as_the_pipeline_does"], found["constrained_decoding"]
    return (
        f"{100 * plain['same_texts']:.1f} % of {plain['texts']:,} {texts} have exactly the pipeline's spans where tags "
        f"are joined by its rule; through allowed transitions {100 * ours['same_spans']:.1f} % of spans are the same."
    )


def serving_table(figures: Figures) -> str:
    """What clients saw, and what the process needed."""
    load, resident = figures["load"], figures["resident_megabytes"]
    lone = figures["single_client"]["median_seconds"]
    bulk_requests = load["requests_per_second"] / figures["throughput_of_batch"]
    return _table(
        ["served run", f"{load['clients']} clients, {load['seconds']:.0f} s"],
        [
            ["model, processor cores", f"`{figures['model']}`, {figures['machine']['cores']}"],
            ["median words of a request", f"{figures['texts']['median_words']:.0f}"],
            ["requests, failures", f"{load['requests']:,}, {len(load['failures'])}"],
            ["requests a second", f"{load['requests_per_second']:.0f}"],
            [
                "words a second, share of bulk extraction",
                f"{load['words_per_second']:,.0f}, {100 * figures['throughput_of_batch']:.0f} %",
            ],
            ["latency of a lone client, median", f"{1000 * lone:.1f} ms"],
            [
                "latency under load, median and p99",
                f"{1000 * load['median_seconds']:.0f} ms, {1000 * load['p99_seconds']:.0f} ms",
            ],
            ["p99 over the lone median", f"{load['p99_over_single_median']:.1f} ×"],
            ["the same for so many clients of bulk extraction", f"{load['clients'] / bulk_requests / lone:.1f} ×"],
            [
                "resident memory: first answer, warm, end",
                " · ".join(f"{resident[key]:.0f}" for key in ("first_answer", "warm", "end")) + " MB",
            ],
            ["growth under load", f"{100 * figures['memory_growth']:.1f} %"],
            ["start to first answer", f"{figures['cold_start_seconds']:.1f} s"],
        ],
    )


def scale_table(figures: Figures) -> str:
    """Seconds of each engine, the lines through them, and the estimate for more machines."""
    heads = ["engine", *(f"{size:,} articles" for size in figures["sizes"]), "start", "articles/s after it"]
    rows = [
        [
            name,
            *(f"{seconds:.1f} s" for seconds in figures["seconds"][name]),
            f"{line['start_seconds']:.1f} s",
            f"{line['articles_a_second']:,.0f}",
        ]
        for name, line in figures["lines"].items()
    ]
    crossings = [
        f"- Crossing against {what}: {_articles(figures[key])}."
        for what, key in (
            ("the local engine with one thread", "crossing_against_one_thread"),
            ("the local engine with all threads", "crossing_against_all_threads"),
        )
    ]
    estimate = _table(
        ["machines (estimate)", "articles/s", "pays above"],
        [
            [str(row["machines"]), f"{row['articles_a_second']:,}", _articles(row["crossing_articles"])]
            for row in figures["estimate"]
        ],
    )
    return "\n".join((_table(heads, rows), "", *crossings, "", estimate))


def _articles(count: int | None) -> str:
    return "never" if count is None else f"{count:,} articles"


def queue_table(figures: Figures) -> str:
    """How much higher each strategy's learning curve lies than random order's."""
    rows = []
    for strategy, axes in figures["area_over_random_in_f1_points"].items():
        for axis, area in axes.items():
            interval = f"{_signed(area['low'])} to {_signed(area['high'])}"
            rows.append([f"`{strategy}`", f"by {axis} annotated", _signed(area["mean"]), interval])
    return _table(["strategy", "axis", "area over random, points of dev strict F1", "95 % interval"], rows)


def _signed(points: float) -> str:
    return f"{points:+.2f}".replace("-", "−")


BLOCKS = {
    "gold": ("gold.json", gold_table),
    "training": ("bench_train.json", training_table),
    "rehearsal": ("arabert_rehearsal.json", rehearsal_table),
    "bench": ("bench.json", bench_table),
    "bench-default": ("bench.json", partial(bench_table, other_runtimes=False)),
    "bench-facts": ("bench.json", bench_facts),
    "serving": ("serving.json", serving_table),
    "serving-ensemble": ("serving-ensemble.json", serving_table),
    "scale": ("scale.json", scale_table),
    "queue": ("queue.json", queue_table),
    "queue-compact": ("queue-compact.json", queue_table),
}
PAGES = ("README.md", "docs/extraction.md", "docs/serving.md", "docs/scale.md", "docs/queue.md")


def fill_blocks(text: str) -> str:
    """A page with every block whose figures exist written anew."""
    for name, (file, render) in BLOCKS.items():
        path = RESULTS / file
        if path.is_file() and f"<!-- results:{name} -->" in text:
            table = render(json.loads(path.read_text(encoding="utf-8")))
            pattern = re.compile(rf"(<!-- results:{name} -->\n).*?(<!-- /results -->)", re.DOTALL)
            text = pattern.sub(lambda match, table=table: f"{match[1]}{table}\n{match[2]}", text)
    return text


def main() -> None:
    """Collect if asked to, then fill the blocks of all pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--collect", nargs="+", default=[], metavar="RUN", help="names of judged runs, best known first"
    )
    arguments = parser.parse_args()
    if arguments.collect:
        collect_scores(arguments.collect)
    for name in PAGES:
        page = ROOT / name
        write_text(page, fill_blocks(page.read_text(encoding="utf-8")))


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
