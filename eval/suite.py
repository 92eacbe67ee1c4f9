"""The whole judgement of one run, from top to bottom, and the files it leaves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from eval.errors import collect_errors, count_errors, render_errors
from eval.gold import load_gold
from eval.guard import refuse_seen_gold
from eval.judge import judge_articles
from eval.report import render_report, score_rows
from eval.scores import score_gold
from trainer.core.files import write_json, write_text
from trainer.runtime.checkpoint import load_checkpoint
from trainer.runtime.model import Model, load_model

_STRANGE = re.compile(r"[^\w.-]")
REPORTS = Path(__file__).resolve().parent / "reports"


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of the judge; the command line's help says what each means."""

    run: Path
    out: Path | None = None
    gold: tuple[Path, ...] = ()
    unchecked: bool = False
    gates: bool = True
    runtime: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished judgement."""

    metrics: Mapping[str, Any]
    directory: Path
    failed_gates: tuple[str, ...] = ()

    def show(self, seconds: float) -> None:
        """Print the table of scores and where the report lies."""
        table = Table(title=f"{self.metrics['run']['name']}: strict spans on held-out gold", title_justify="left")
        for head in ("", "articles", "precision", "recall", "F1", "95 %", "spans"):
            table.add_column(head, justify="right" if head else "left", no_wrap=True)
        for row in score_rows(self.metrics):
            table.add_row(*row)
        console = Console(soft_wrap=True)
        console.print(table)
        console.print(f"{self.directory}/report.md written, {seconds:.1f} s in all", highlight=False, markup=False)


def run_suite(options: Options) -> Outcome:
    """Judge a run and write its report.

    Raises:
        TrainerError: The run, the gold or the pair of them cannot be judged; nothing is written then.
    """
    checkpoint = load_checkpoint(options.run)
    gold = load_gold(options.gold, checkpoint.schema)
    leakage = refuse_seen_gold(checkpoint, gold, options.unchecked)
    model = load_model(options.run, options.runtime, options.precision)
    judged, speed = judge_articles(model, gold.articles)
    errors = collect_errors(judged)
    metrics = {
        "run": describe_run(model),
        "gold": gold.to_dict(),
        "leakage": leakage,
        **score_gold(judged, checkpoint.schema),
        "errors": count_errors(errors),
        "speed": speed.to_dict(),
    }
    directory = options.out or REPORTS / report_name(options)
    write_text(directory / "errors.jsonl", render_errors(errors))
    write_text(directory / "report.md", render_report(metrics))
    write_json(directory / "metrics.json", metrics)
    return Outcome(metrics, directory)


def report_name(options: Options) -> str:
    """The run's name; with other gold files the name of the first stands behind it."""
    name = options.run.resolve().name
    return f"{name}@{re.sub(_STRANGE, '_', options.gold[0].stem)}" if options.gold else name


def describe_run(model: Model) -> dict[str, Any]:
    """Which model was judged, and how it ran."""
    checkpoint, provenance = model.checkpoint, model.checkpoint.provenance
    return {
        "name": checkpoint.name,
        "kind": checkpoint.kind,
        "runtime": model.runtime,
        "precision": model.precision,
        "schema": list(checkpoint.schema.label_names),
        "seed": provenance.get("seed"),
        "commit": provenance.get("commit"),
        "encoder": provenance.get("encoder"),
        "trained_articles": len(provenance.get("data", {}).get("train", ())),
        "bytes": sum(path.stat().st_size for path in checkpoint.directory.rglob("*") if path.is_file()),
    }
