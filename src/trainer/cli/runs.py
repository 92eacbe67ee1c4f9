"""``runs``, ``compare`` and ``promote``: what there is, what is better, what ships."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_MODELS = Path("models")

Models = Annotated[Path, typer.Option("--models", help="Directory of the runs.")]
Reports = Annotated[Path | None, typer.Option("--reports", help="Where the judge left its reports.")]


def runs(models: Models = _MODELS, reports: Reports = None) -> None:
    """List all runs with their dev and gold scores, the best on dev first."""
    from trainer.reporting.runs import default_reports, list_runs
    from trainer.reporting.terminal import open_console, show_runs

    lines = list_runs(models, reports or default_reports())
    if lines:
        open_console().print(show_runs(lines))
    else:
        typer.echo(f"no runs in {models}; train one: python -m trainer train +exp=compact")


def compare(
    directories: Annotated[list[Path], typer.Argument(metavar="RUN RUN…", help="Run directories, judged before.")],
    baseline: Annotated[str | None, typer.Option(help="Run or group to hold the others against; the first.")] = None,
    group_by: Annotated[
        str | None, typer.Option("--group-by", help="exp joins seeds of one experiment; or a setting's key.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Directory for comparison.json and comparison.html.")
    ] = None,
    reports: Reports = None,
    samples: Annotated[int, typer.Option(min=100, help="Resamples of each test.")] = 10_000,
) -> None:
    """Say which runs are better than a baseline, worse, or neither: paired tests over gold articles."""
    from trainer.core.files import write_json, write_text
    from trainer.reporting.comparison import compare_groups
    from trainer.reporting.grouping import group_runs
    from trainer.reporting.page import render_comparison
    from trainer.reporting.runs import default_reports, load_judged, refuse_other_gold
    from trainer.reporting.terminal import open_console, show_comparison

    where = reports or default_reports()
    judged = [load_judged(directory, where) for directory in directories]
    refuse_other_gold(judged)
    reference = Path(baseline).name if baseline and Path(baseline).is_dir() else baseline
    comparison = compare_groups(group_runs(judged, group_by), reference, samples)
    target = out or where / f"comparison-{comparison.baseline}"
    write_json(target / "comparison.json", comparison.to_dict())
    write_text(target / "comparison.html", render_comparison(comparison))
    console = open_console()
    show_comparison(console, comparison)
    console.print(f"{target}: comparison.json, comparison.html", markup=False)


def promote(
    directory: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")],
    force: Annotated[
        str | None, typer.Option("--force", metavar="REASON", help="Promote whatever dev says; the reason is recorded.")
    ] = None,
    models: Models = _MODELS,
    reports: Reports = None,
) -> None:
    """Make a run models/default if on dev it is better, or not worse and smaller or faster (exit code 1 if not)."""
    from trainer.reporting.promotion import DEFAULT, promote_run
    from trainer.reporting.runs import default_reports
    from trainer.reporting.terminal import percent

    decision = promote_run(directory, models, reports or default_reports(), force)
    found = decision.difference
    scores = (
        ""
        if found is None
        else f" (dev F1 {percent(found.value, sign=True)} points "
        f"[{percent(found.low, sign=True)}, {percent(found.high, sign=True)}])"
    )
    state = f"is now {models / DEFAULT}" if decision.promoted else "is not promoted"
    typer.echo(f"{directory} {state}: {decision.reason}{scores}")
    if not decision.promoted:
        raise typer.Exit(1)
