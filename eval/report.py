"""``report.md``: the numbers of ``metrics.json`` for reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def render_report(metrics: Mapping[str, Any]) -> str:
    """The report as Markdown; every number in it comes from the metrics."""
    gold = metrics["gold"]
    parts = [
        f"# {metrics['run']['name']}",
        f"Strict span F1 **{percent(metrics['strict']['f1'])}** {interval(metrics['strict'])} on "
        f"{gold['articles']} held-out articles with {gold['spans']} spans. A span counts when start, end and label "
        f"are all right. Leakage: {metrics['leakage']}.",
        _scores(metrics),
        _ceiling(metrics),
        _relaxed(metrics),
        _gates(metrics),
        _errors(metrics),
        _slices(metrics),
        _behaviour(metrics),
        _calibration(metrics),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def percent(value: float | None) -> str:
    """A score between 0 and 1 as a number of percent with one digit."""
    return "–" if value is None else f"{100 * value:.1f}"


def interval(scores: Mapping[str, Any]) -> str:
    """The 95 % interval of F1 in brackets; a dash where there are too few articles for one."""
    bounds = scores.get("f1_interval")
    return "–" if bounds is None else f"[{percent(bounds[0])}, {percent(bounds[1])}]"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table, the first column to the left and numbers to the right."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def score_rows(metrics: Mapping[str, Any], detailed: bool = True) -> list[list[str]]:
    """Rows of name, articles, precision, recall, F1, interval, gold spans: all, labels, sources, types, links, events.

    Args:
        metrics: Of one run.
        detailed: Whether the labels of each source get rows of their own.
    """
    rows = [_row("all", metrics["strict"], metrics["article_count"])]
    rows += [_row(label, scores, "") for label, scores in metrics["labels"].items()]
    for source, part in metrics["sources"].items():
        rows.append(_row(f"{source} articles", part["strict"], part["article_count"]))
        if detailed:
            rows += [_row(f"{source} {label}", scores, "") for label, scores in part["labels"].items()]
    if metrics.get("typed"):
        rows.append(_row("operations with type", metrics["typed"], ""))
    if metrics.get("links"):
        rows.append(_row("links", metrics["links"], ""))
    if metrics.get("events"):
        rows.append(_row("whole events", metrics["events"], ""))
    return rows


def _row(name: str, scores: Mapping[str, Any], articles: object) -> list[str]:
    numbers = [percent(scores[key]) for key in ("precision", "recall", "f1")]
    return [name, str(articles), *numbers, interval(scores), str(scores["gold"])]


def _scores(metrics: Mapping[str, Any]) -> str:
    heads = ("strict", "articles", "precision", "recall", "F1", "95 % interval", "gold spans")
    note = (
        f"Macro F1 over labels {percent(metrics['macro_f1'])}. seqeval strict: {percent(metrics['seqeval_strict_f1'])}."
    )
    return "## Scores\n\n" + table(heads, score_rows(metrics)) + "\n\n" + note


def _relaxed(metrics: Mapping[str, Any]) -> str:
    rows = [
        [name.replace("_", " "), *(percent(scores[key]) for key in ("precision", "recall", "f1"))]
        for name, scores in {"strict": metrics["strict"], **metrics["relaxed"]}.items()
    ]
    return "## Beside strict\n\n" + table(("policy", "precision", "recall", "F1"), rows)


def _errors(metrics: Mapping[str, Any]) -> str:
    labels = list(metrics["labels"])
    rows = [
        [kind.replace("_", " "), counts["all"], *(counts.get(label, 0) for label in labels)]
        for kind, counts in metrics["errors"].items()
    ]
    return "## Errors\n\n" + table(("kind", "all", *labels), rows)


def _ceiling(metrics: Mapping[str, Any]) -> str:
    ceiling = metrics.get("ceiling")
    if not ceiling:
        return ""
    pairs = "; ".join(
        f"annotators {pair['first']} and {pair['second']} reach strict F1 {percent(pair['strict_f1'])} with each other "
        f"on {pair['articles']} articles"
        for pair in ceiling["pairs"]
    )
    return f"Ceiling: {pairs}; Krippendorff's alpha over words {ceiling['alpha_labels']:.3f}."


def _gates(metrics: Mapping[str, Any]) -> str:
    failed = [gate for gate in metrics["gates"] if not gate["passed"]]
    lines = [
        f"- **failed** {gate['gate']}: `{gate['metric']}` is {gate['value']:.4f}, wanted "
        + (f"at least {gate['least']:g}" if gate["least"] is not None else f"at most {gate['most']:g}")
        for gate in failed
    ]
    passed = len(metrics["gates"]) - len(failed)
    return "## Gates\n\n" + "\n".join([*lines, f"- {passed} of {len(metrics['gates'])} checks passed"])


def _slices(metrics: Mapping[str, Any]) -> str:
    rows: list[list[str]] = []
    for name, parts in metrics["slices"].items():
        if parts is None:
            rows.append([name, "training texts are not at hand", "", "", "", ""])
            continue
        for value, scores in parts.items():
            support = (str(scores["articles"]), str(scores["gold"]))
            rows.append([name, value, percent(scores["f1"]), interval(scores), *support])
    return "## Slices\n\n" + table(("slice", "part", "F1", "95 % interval", "articles", "gold spans"), rows)


def _behaviour(metrics: Mapping[str, Any]) -> str:
    if not metrics.get("behaviour"):
        return ""
    rows = [
        [name.replace("_", " "), row["articles"], row["edits"]]
        + [percent(row.get(key)) for key in ("f1_before", "f1_after", "f1_drop", "invariance")]
        for name, row in metrics["behaviour"].items()
    ]
    heads = ("change", "articles", "edits", "F1 before", "F1 after", "drop", "spans that stay put")
    return "## Behaviour under changes that should not matter\n\n" + table(heads, rows)


def _calibration(metrics: Mapping[str, Any]) -> str:
    calibration = metrics.get("calibration")
    if not calibration:
        return ""
    rows = [
        [f"{row['threshold']:.2f}", *(percent(row[key]) for key in ("precision", "recall", "f1")), row["spans"]]
        for row in calibration["thresholds"]
    ]
    head = f"Expected calibration error {calibration['ece']:.3f}, Brier score {calibration['brier']:.3f}."
    return f"## Scores as probabilities\n\n{head}\n\n" + table(("score ≥", "precision", "recall", "F1", "spans"), rows)
