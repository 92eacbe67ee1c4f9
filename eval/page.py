"""``report.html``: the whole judgement in one file, with an error browser; no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.judge import Judged
from eval.report import interval, score_rows
from trainer.core.atlas import ErrorKind
from trainer.core.schema import EventSchema
from trainer.reporting.browser import label_styles, lay_out_article
from trainer.reporting.page import open_templates
from trainer.reporting.plots import Estimate, draw_bars, draw_intervals, draw_reliability

TEMPLATES = Path(__file__).with_name("templates")
_LEAST_SUPPORT = 20  # gold spans; smaller parts are listed, but not drawn


def render_page(metrics: Mapping[str, Any], judged: Sequence[Judged], schema: EventSchema) -> str:
    """The page of one run."""
    rows = [
        row
        for item in judged
        for row in lay_out_article(item.article.id, item.gold.source, item.article.text, item.article.spans, item.spans)
    ]
    template = open_templates(TEMPLATES).get_template("report.html.j2")
    return template.render(
        metrics=metrics,
        score_rows=score_rows(metrics),
        interval=interval,
        plots=draw_plots(metrics),
        rows=rows,
        kinds=[kind.value for kind in ErrorKind],
        labels=label_styles(schema),
        first="gold",
        second="model",
    )


def draw_plots(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """All plots of the page by name; empty where the metrics lack what one shows."""
    scores = {"all": metrics["strict"], **metrics["labels"]}
    scores |= {f"{source} articles": part["strict"] for source, part in metrics["sources"].items()}
    kinds = [(kind.replace("_", " "), row["all"], str(row["all"])) for kind, row in metrics["errors"].items()]
    calibration = metrics.get("calibration")
    points = [(row["score"], row["right"], row["spans"]) for row in calibration["reliability"]] if calibration else []
    drops = [
        Estimate(name.replace("_", " "), -row["f1_drop"], style="worse" if row["f1_drop"] > 0.02 else "plain")
        for name, row in (metrics.get("behaviour") or {}).items()
        if "f1_drop" in row
    ]
    return {
        "scores": draw_intervals([_estimate(name, row) for name, row in scores.items()], "Strict F1"),
        "errors": draw_bars(kinds, "Errors by kind"),
        "slices": {
            name: draw_intervals(estimates, f"Strict F1 by {name}")
            for name, parts in metrics["slices"].items()
            if (estimates := [_estimate(value, row) for value, row in (parts or {}).items() if _is_large(row)])
        },
        "reliability": draw_reliability(points, "Reliability of span scores") if points else "",
        "behaviour": draw_intervals(drops, "Change of strict F1", zero=True, signed=True) if drops else "",
    }


def _estimate(name: str, scores: Mapping[str, Any]) -> Estimate:
    low, high = scores.get("f1_interval") or (None, None)
    return Estimate(name, scores["f1"], low, high)


def _is_large(scores: Mapping[str, Any]) -> bool:
    return int(scores["gold"]) >= _LEAST_SUPPORT
