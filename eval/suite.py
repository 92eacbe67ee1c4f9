"""The whole judgement of one run, from top to bottom, and the files it leaves."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from eval.behaviour.suite import run_behaviours
from eval.calibration import calibrate_spans
from eval.ceiling import measure_ceiling
from eval.errors import collect_errors, count_errors, render_errors
from eval.gates import Verdict, hold_gates, load_gates
from eval.gold import load_gold
from eval.guard import refuse_seen_gold
from eval.judge import judge_articles
from eval.page import render_page
from eval.report import render_report, score_rows
from eval.scores import score_gold
from eval.slices import load_slices, score_slices
from eval.summary import draw_images, summarise
from eval.training_forms import find_forms
from trainer.core.files import hash_file, write_json, write_text
from trainer.reporting.terminal import open_console
from trainer.runtime.checkpoint import PROVENANCE, load_checkpoint
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
    behaviour: bool = True
    summary: Path | None = None
    runtime: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished judgement."""

    metrics: Mapping[str, Any]
    directory: Path
    gates: tuple[Verdict, ...]

    @property
    def failed_gates(self) -> tuple[Verdict, ...]:
        """Gates that the run does not pass."""
        return tuple(verdict for verdict in self.gates if not verdict.passed)

    def show(self, seconds: float) -> None:
        """Print the table of scores, failed gates and where the report lies."""
        table = Table(title=f"{self.metrics['run']['name']}: strict spans on held-out gold", title_justify="left")
        for head in ("", "articles", "precision", "recall", "F1", "95 %", "spans"):
            table.add_column(head, justify="right" if head else "left", no_wrap=True)
        for row in score_rows(self.metrics, detailed=False):
            table.add_row(*row)
        console = open_console()
        console.print(table)
        for verdict in self.failed_gates:
            console.print(f"gate failed: {verdict.describe()}", style="bold red", markup=False)
        if self.gates and not self.failed_gates:
            console.print(f"all {len(self.gates)} gates passed")
        console.print(f"{self.directory}: report.md, report.html ({seconds:.1f} s)", markup=False)


def run_suite(options: Options) -> Outcome:
    """Judge a run and write its report.

    Raises:
        TrainerError: The run, the gold or the pair of them cannot be judged; nothing is written then.
    """
    slices, gates = load_slices(), load_gates()
    checkpoint = load_checkpoint(options.run)
    gold = load_gold(options.gold, checkpoint.schema)
    leakage = refuse_seen_gold(checkpoint, gold, options.unchecked)
    forms = find_forms(checkpoint)
    model = load_model(options.run, options.runtime, options.precision)
    started = time.perf_counter()
    judged, speed = judge_articles(model, gold.articles)
    errors = collect_errors(judged)
    metrics = {
        "run": describe_run(model),
        "gold": gold.to_dict(),
        "leakage": leakage,
        **score_gold(judged, checkpoint.schema),
        "ceiling": measure_ceiling(gold.articles, checkpoint.schema.label_names),
        "errors": count_errors(errors),
        "calibration": calibrate_spans(judged),
        "slices": score_slices(judged, slices, forms),
        "behaviour": run_behaviours(model, judged) if options.behaviour else None,
        "speed": speed.to_dict(),
    }
    verdicts = hold_gates(metrics, gates) if gold.shipped else ()
    metrics |= {"gates": [verdict.to_dict() for verdict in verdicts], "seconds": time.perf_counter() - started}
    directory = options.out or REPORTS / report_name(options)
    write_text(directory / "errors.jsonl", render_errors(errors))
    write_text(directory / "report.md", render_report(metrics))
    write_text(directory / "report.html", render_page(metrics, judged, checkpoint.schema))
    if options.summary is not None:
        write_json(options.summary / "summary.json", summarise(metrics))
        for name, image in draw_images(metrics).items():
            write_text(options.summary / name, image)
    write_json(directory / "metrics.json", metrics)
    return Outcome(metrics, directory, verdicts)


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
        "provenance_sha256": hash_file(checkpoint.directory / PROVENANCE),
        "bytes": sum(path.stat().st_size for path in checkpoint.directory.rglob("*") if path.is_file()),
    }
