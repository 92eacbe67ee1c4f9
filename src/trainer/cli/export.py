"""``export``: a run's graphs for use without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[Path, typer.Argument(help="Run directory, such as models/compact.")],
    dev: Annotated[
        list[Path] | None, typer.Option(help="Annotated files to measure on, instead of the run's own dev articles.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Export even if the run has been exported.")] = False,
) -> None:
    """Export a run to ONNX: float32, and int8 if dev strict F1 falls by at most 0.3 points."""
    from rich.console import Console
    from rich.table import Table

    from trainer.learning.export import export_run
    from trainer.runtime.checkpoint import load_checkpoint
    from trainer.runtime.graphs import find_graph, is_exported, read_parity
    from trainer.runtime.slim import refuse_slim

    console = Console()
    refuse_slim(load_checkpoint(run), "export")
    if is_exported(run) and not again:
        find_graph(run)
        report = read_parity(run)
        console.print(f"{run} has been exported; --again does it anew")
    else:
        report = export_run(run, dev or ())
    table = Table(title=f"{run}, {report['dev_articles']} dev articles")
    for title in ("graph", "MB", "dev strict F1", "tag agreement", "largest logit difference"):
        table.add_column(title, justify="left" if title == "graph" else "right")
    table.add_row("torch", "", f"{report['torch']['dev_strict_f1']:.4f}", "", "")
    rows = {"float32": report["graphs"]["float32"]}
    rows |= {f"int8, {x['recipe']}{'' if x['accepted'] else ' (refused)'}": x for x in report["int8_trials"]}
    for name, row in rows.items():
        table.add_row(
            name,
            f"{row['bytes'] / 1e6:.1f}",
            f"{row['dev_strict_f1']:.4f}",
            f"{row['tag_agreement']:.2%}",
            f"{row['largest_logit_difference']:.2g}",
        )
    console.print(table)
    console.print(f"default precision: {report['default']}")
