#!/usr/bin/env python
"""Write README's tables from files that commands wrote, so that no figure is typed by hand.

``python scripts/readme_tables.py`` fills every block ``<!-- results:NAME -->`` whose file exists.
``--collect RUN…`` first takes the judged scores of these runs into ``docs/results/gold.json``.
"""

from __future__ import annotations

import argparse
import json
import re
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
    """Tokens a second of both sides, and their loss after the same updates."""
    speed, curves = figures["speed"], figures["curves"]["verdict"]
    loss = {"plain": curves["plain"], "ours": curves["ours"]["loss"]}
    rows = [
        [name, f"{speed['tokens_per_second'][name]:,.0f}", f"{speed['ratio'][name]:.2f} ×", f"{loss[name]:.3f}"]
        for name in ("plain", "ours")
    ]
    return _table(["training", "tokens/s", "× plain", "loss after the same updates, small shape"], rows)


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


BLOCKS = {
    "gold": ("gold.json", gold_table),
    "training": ("bench_train.json", training_table),
    "rehearsal": ("arabert_rehearsal.json", rehearsal_table),
}


def fill_blocks(text: str) -> str:
    """The README with every block whose figures exist written anew."""
    for name, (file, render) in BLOCKS.items():
        path = RESULTS / file
        if path.is_file():
            table = render(json.loads(path.read_text(encoding="utf-8")))
            pattern = re.compile(rf"(<!-- results:{name} -->\n).*?(<!-- /results -->)", re.DOTALL)
            text = pattern.sub(lambda match, table=table: f"{match[1]}{table}\n{match[2]}", text)
    return text


def main() -> None:
    """Collect if asked to, then fill README's blocks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--collect", nargs="+", default=[], metavar="RUN", help="names of judged runs, best known first"
    )
    arguments = parser.parse_args()
    if arguments.collect:
        collect_scores(arguments.collect)
    readme = ROOT / "README.md"
    write_text(readme, fill_blocks(readme.read_text(encoding="utf-8")))


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
