"""Plots as inline SVG: no script, no network, colours from the page's style (light and dark)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

_WIDTH = 500.0
_ROW = 28.0
_LEFT = 150.0
_RIGHT = 60.0
_NAME_LENGTH = 20  # letters that fit to the left of the plot


@dataclass(frozen=True, slots=True)
class Estimate:
    """A named value with its interval; ``style`` is a CSS class (``better``, ``worse``, ``plain``)."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    style: str = "plain"


def draw_intervals(rows: Sequence[Estimate], title: str, zero: bool = False, signed: bool = False) -> Markup:
    """A forest plot: one row an estimate, values as shares shown in percent.

    Args:
        rows: From top to bottom.
        title: For readers of the page and of screens.
        zero: Draw a line at zero.
        signed: Write values with their sign.
    """
    bounds = [v for row in rows for v in (row.value, row.low, row.high) if v is not None] + ([0.0] if zero else [])
    low, high = min(bounds, default=0.0), max(bounds, default=1.0)
    margin = 0.08 * (high - low) or 0.01
    low, high = low - margin, high + margin

    def x(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    height = _ROW * len(rows) + 8
    parts = [f'<line class="zero" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="0" y2="{height:.0f}"/>'] if zero else []
    for index, row in enumerate(rows):
        y = _ROW * (index + 0.5) + 4
        text = f"{100 * row.value:{'+' if signed else ''}.1f}"
        parts.append(_write_name(row.name, y + 4))
        if row.low is not None and row.high is not None:
            parts.append(f'<line class="{row.style}" x1="{x(row.low):.1f}" x2="{x(row.high):.1f}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="{row.style}" cx="{x(row.value):.1f}" cy="{y}" r="5"/>')
        parts.append(f'<text x="{_WIDTH - _RIGHT + 12}" y="{y + 4:.1f}">{text}</text>')
    return _frame(parts, title, _WIDTH, height)


def draw_bars(rows: Sequence[tuple[str, float, str]], title: str) -> Markup:
    """Horizontal bars from zero: name, length, and the text at its end."""
    longest = max((abs(value) for _, value, _ in rows), default=0.0) or 1.0
    parts: list[str] = []
    for index, (name, value, text) in enumerate(rows):
        y = _ROW * index + 6
        width = abs(value) / longest * (_WIDTH - _LEFT - _RIGHT)
        parts.append(_write_name(name, y + 13))
        parts.append(f'<rect class="bar" x="{_LEFT}" y="{y}" width="{max(width, 1):.1f}" height="16" rx="3"/>')
        parts.append(f'<text x="{_LEFT + width + 8:.1f}" y="{y + 13:.1f}">{escape(text)}</text>')
    return _frame(parts, title, _WIDTH, _ROW * len(rows) + 8)


def draw_reliability(rows: Sequence[tuple[float, float, int]], title: str) -> Markup:
    """A reliability diagram: mean score against share right, a point's area by its number of spans."""
    side, edge = 320.0, 44.0
    inner = side - edge - 10

    def at(x: float, y: float) -> tuple[float, float]:
        return edge + x * inner, 10 + (1 - y) * inner

    most = max((count for _, _, count in rows), default=1)
    start, end = at(0, 0), at(1, 1)
    parts = [
        f'<rect class="frame" x="{edge}" y="10" width="{inner}" height="{inner}"/>',
        f'<line class="zero" x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}"/>',
    ]
    for tick in (0.0, 0.5, 1.0):
        (x, _), (_, y) = at(tick, 0), at(0, tick)
        parts.append(f'<text x="{x}" y="{side - 18}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{edge - 8}" y="{y + 4}" text-anchor="end">{tick:g}</text>')
    parts.append(f'<text x="{edge + inner / 2}" y="{side - 2}" text-anchor="middle">score</text>')
    for score, right, count in rows:
        x, y = at(score, right)
        radius = 3 + 9 * (count / most) ** 0.5
        parts.append(
            f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}">'
            f"<title>score {score:.2f}: {100 * right:.0f} % of {count} right</title></circle>"
        )
    return _frame(parts, title, side, side)


def _write_name(name: str, y: float) -> str:
    """A row's name, cut in the middle where it does not fit; the whole of it as a tooltip."""
    half = _NAME_LENGTH // 2
    shown = name if len(name) <= _NAME_LENGTH else f"{name[:half]}…{name[-half:]}"
    text = f'<text class="name" x="{_LEFT - 12}" y="{y:.1f}" text-anchor="end">'
    return f"{text}<title>{escape(name)}</title>{escape(shown)}</text>"


def _frame(parts: Sequence[str], title: str, width: float, height: float) -> Markup:
    head = f'<svg class="plot" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}">'
    return Markup(head + "".join(parts) + "</svg>")  # every text in the parts is escaped above
