"""What version control of experiments looks at: a few numbers, and plots as image files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from eval.page import draw_plots

_OPENING = re.compile(r'<svg class="plot" viewBox="0 0 ([\d.]+) ([\d.]+)"([^>]*)>')
_STYLE = (
    "<style>svg{background:#fff;font:14px sans-serif}text{fill:#16191d}.name{fill:#5b636e}"
    "line{stroke:#5b636e;stroke-width:2}line.zero{stroke:#c4cad2;stroke-dasharray:4 4}circle{fill:#2456a6}"
    "rect.bar{fill:#2456a6}rect.frame{fill:none;stroke:#c4cad2}.better{fill:#1a7f4b}.worse{fill:#b3261e}</style>"
)


def summarise(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers worth a column in a table of experiments."""
    calibration, typed, links = (metrics.get(key) for key in ("calibration", "typed", "links"))
    return {
        "strict_f1": metrics["strict"]["f1"],
        "precision": metrics["strict"]["precision"],
        "recall": metrics["strict"]["recall"],
        "labels": {label: scores["f1"] for label, scores in metrics["labels"].items()},
        "sources": {source: part["strict"]["f1"] for source, part in metrics["sources"].items()},
        "typed_f1": typed["f1"] if typed else None,
        "links_f1": links["f1"] if links else None,
        "calibration_error": calibration["ece"] if calibration else None,
        "gates_failed": sum(not gate["passed"] for gate in metrics["gates"]),
    }


def draw_images(metrics: Mapping[str, Any]) -> dict[str, str]:
    """File name and content of each plot that stands on its own."""
    plots = draw_plots(metrics)
    return {
        f"{name}.svg": _OPENING.sub(_stand_alone, str(plots[name]), count=1)
        for name in ("scores", "errors", "reliability", "behaviour")
        if plots[name]
    }


def _stand_alone(opening: re.Match[str]) -> str:
    """What a plot of the page needs as a file: namespace, colours, and a size (without one a page shows a stamp)."""
    width, height, rest = opening.groups()
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}{rest}>{_STYLE}'
