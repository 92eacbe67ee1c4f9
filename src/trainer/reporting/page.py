"""Single-file HTML pages: Jinja with autoescape, style inside, no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from trainer.annotation.agreement import Agreement
from trainer.core.atlas import ErrorKind
from trainer.core.schema import EventSchema
from trainer.reporting.browser import label_styles, lay_out_article
from trainer.reporting.comparison import Comparison
from trainer.reporting.plots import Estimate, draw_bars, draw_intervals
from trainer.reporting.terminal import percent, size

TEMPLATES = Path(__file__).with_name("templates")


def open_templates(*more: Path) -> Environment:
    """The templates of this package, and those of further directories; everything shown is escaped."""
    environment = Environment(
        loader=FileSystemLoader([str(path) for path in (*more, TEMPLATES)]),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "megabytes": size, "words": lambda name: str(name).replace("_", " ")}
    return environment


def render_comparison(comparison: Comparison) -> str:
    """The HTML twin of the terminal's tables, with plots."""
    data = comparison.to_dict()
    return open_templates().get_template("comparison.html.j2").render(**data, plots=_plots(data))


def render_agreement(agreement: Agreement, schema: EventSchema) -> str:
    """Agreement of annotators, and their annotations one over the other."""
    rows = [
        row
        for pair in agreement.pairs
        for article, first, second in pair.annotations
        for row in lay_out_article(article.id, f"{pair.first}, {pair.second}", article.text, first.spans, second.spans)
    ]
    template = open_templates().get_template("agreement.html.j2")
    return template.render(
        **agreement.to_dict(),
        rows=rows,
        kinds=[kind.value for kind in ErrorKind],
        labels=label_styles(schema),
        first="first",
        second="second",
    )


def _plots(data: dict[str, Any]) -> dict[str, Any]:
    differences = [_estimate(name, row["overall"]) for name, row in data["comparisons"].items()]
    labels = [
        _estimate(f"{name} · {label}", found)
        for name, row in data["comparisons"].items()
        for label, found in row["labels"].items()
    ]
    speeds = [
        (group["name"], group["words_per_second"], f"{group['words_per_second']:,.0f}")
        for group in data["groups"]
        if group["words_per_second"]
    ]
    baseline = data["baseline"]
    return {
        "overall": draw_intervals(differences, f"Difference of strict F1 to {baseline}", zero=True, signed=True),
        "labels": draw_intervals(labels, f"Difference of strict F1 to {baseline} by label", zero=True, signed=True),
        "speed": draw_bars(speeds, "Words a second") if speeds else "",
    }


def _estimate(name: str, row: dict[str, Any]) -> Estimate:
    low, high = row["interval"]
    style = row["verdict"] if row["verdict"] in ("better", "worse") else "plain"
    return Estimate(name, row["difference"], low, high, style)
