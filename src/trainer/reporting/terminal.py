"""Tables for the terminal."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from trainer.core.significance import Verdict
from trainer.reporting.comparison import Comparison, describe_group
from trainer.reporting.grouping import differing_settings
from trainer.reporting.runs import RunLine

_COLOURS = {Verdict.BETTER: "green", Verdict.WORSE: "red", Verdict.CANNOT_TELL: "yellow"}
_SAID = {
    Verdict.BETTER: "is better than",
    Verdict.WORSE: "is worse than",
    Verdict.CANNOT_TELL: "cannot be told from",
}
_MOST_SETTINGS = 15
_LEAST_WIDTH = 120  # narrower terminals wrap lines instead of breaking numbers


def open_console() -> Console:
    """A console wide enough for the tables."""
    return Console(width=max(shutil.get_terminal_size().columns, _LEAST_WIDTH), soft_wrap=True, highlight=False)


def percent(value: float | None, sign: bool = False) -> str:
    """A share as percent with one digit."""
    return "–" if value is None else f"{100 * value:{'+' if sign else ''}.1f}"


def size(count: int | None) -> str:
    """Bytes as megabytes."""
    return "–" if count is None else f"{count / 1e6:.1f} MB"


def show_runs(lines: Sequence[RunLine]) -> Table:
    """The list of runs."""
    table = _table("run", "state", "kind", "seed", "dev F1", "gold F1", "95 %", "size", "created")
    for line in lines:
        bounds = line.gold_interval
        table.add_row(
            Text(line.name),
            line.state,
            line.kind,
            "" if line.seed is None else str(line.seed),
            percent(line.dev_f1),
            percent(line.gold_f1),
            "–" if bounds is None else f"{percent(bounds[0])}–{percent(bounds[1])}",
            size(line.size),
            line.created[:16].replace("T", " "),
        )
    return table


def show_comparison(console: Console, comparison: Comparison) -> None:
    """Scores, verdicts, labels, settings and articles."""
    console.print(Group(_scores(comparison), _tests(comparison), _labels(comparison), _settings(comparison)))
    for name, tested in comparison.overall.items():
        found = tested.difference
        line = Text.assemble(
            f"{name} ",
            (_SAID[tested.verdict], f"bold {_COLOURS[tested.verdict]}"),
            f" {comparison.baseline}: {percent(found.value, sign=True)} points "
            f"[{percent(found.low, sign=True)}, {percent(found.high, sign=True)}], p {tested.p_corrected:.4f}; "
            f"this gold shows differences from about {percent(found.smallest)} points",
        )
        console.print(line)


def _scores(comparison: Comparison) -> Table:
    labels = comparison.groups[0].runs[0].labels
    table = _table("", "runs", "F1", "±", "precision", "recall", *labels, "dev F1", "words/s", "size")
    for group in comparison.groups:
        row = describe_group(group)
        mark = " (baseline)" if group.name == comparison.baseline else ""
        speed = row["words_per_second"]
        table.add_row(
            Text(group.name + mark),
            str(len(group.runs)),
            percent(row["f1"]),
            percent(row["f1_deviation"]),
            percent(row["precision"]),
            percent(row["recall"]),
            *(percent(row["labels"][label]) for label in labels),
            percent(row["dev_f1"]),
            "–" if speed is None else f"{speed:,.0f}",
            size(row["bytes"]),
        )
    return table


def _tests(comparison: Comparison) -> Table:
    table = _table(
        "against " + comparison.baseline, "difference", "95 %", "p bootstrap", "p random", "p Holm", "verdict"
    )
    for name, tested in comparison.overall.items():
        found = tested.difference
        table.add_row(
            Text(name),
            percent(found.value, sign=True),
            f"{percent(found.low, sign=True)} to {percent(found.high, sign=True)}",
            f"{found.p_bootstrap:.4f}",
            f"{found.p_randomisation:.4f}",
            f"{tested.p_corrected:.4f}",
            Text(tested.verdict.value, style=_COLOURS[tested.verdict]),
        )
    return table


def _labels(comparison: Comparison) -> Table:
    labels = comparison.groups[0].runs[0].labels
    table = _table("by label", *labels)
    for name, row in comparison.labels.items():
        cells = [
            Text(
                f"{percent(row[label].difference.value, sign=True)} {row[label].verdict.value}",
                style=_COLOURS[row[label].verdict],
            )
            for label in labels
        ]
        table.add_row(Text(name), *cells)
    return table


def _settings(comparison: Comparison) -> Table:
    names = [group.name for group in comparison.groups]
    table = _table("setting", *names)
    differing = differing_settings(comparison.groups)
    for key, values in list(differing.items())[:_MOST_SETTINGS]:
        table.add_row(Text(key), *(Text(str(values[name])) for name in names))
    if len(differing) > _MOST_SETTINGS:
        table.add_row(f"… and {len(differing) - _MOST_SETTINGS} more", *("" for _ in names))
    return table


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, head in enumerate(heads):
        table.add_column(Text(head), justify="right" if index else "left", overflow="fold")
    return table
