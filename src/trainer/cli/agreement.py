"""``annotations agreement``: how well annotators agree, and where they do not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from trainer.annotation.agreement import Agreement, PairAgreement

_LISTED = 10


def agreement(
    paths: Annotated[list[Path], typer.Argument(metavar="EXPORT…", help="Label Studio exports with all annotations.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page that shows every disagreement.")] = None,
    listed: Annotated[int, typer.Option("--list", min=0, help="Disagreements of each pair to print.")] = _LISTED,
    schema: Annotated[Path | None, typer.Option("--schema", help="Schema file; the shipped one by default.")] = None,
) -> None:
    """Measure agreement between annotators: span F1, Krippendorff's alpha, types, roles; list the disagreements."""
    import json

    from trainer.annotation.agreement import measure_agreement
    from trainer.annotation.faults import refuse_faults
    from trainer.annotation.labelstudio import read_export
    from trainer.core.files import write_text
    from trainer.core.paths import default_schema_path
    from trainer.core.schema import load_schema
    from trainer.reporting.page import render_agreement

    labels = load_schema(schema or default_schema_path())
    exports = [read_export(path, labels) for path in paths]
    refuse_faults(fault for export in exports for fault in export.faults)
    found = measure_agreement([article for export in exports for article in export.articles], labels.label_names)
    if html is not None:
        write_text(html, render_agreement(found, labels))
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False, indent=2))
    else:
        _show(found, listed)


def _show(found: Agreement, listed: int) -> None:
    from rich.text import Text

    from trainer.reporting.terminal import open_console

    console = open_console()
    console.print(_table(found))
    if found.alpha_labels is not None and found.alpha_tags is not None:
        console.print(
            f"Krippendorff's alpha over words, all annotators: {found.alpha_labels:.3f} by label, "
            f"{found.alpha_tags:.3f} by BIO tag"
        )
    for pair in found.pairs:
        console.print(f"\n{pair.first} and {pair.second}: {len(pair.disagreements)} disagreements", markup=False)
        for disagreement in pair.disagreements[:listed]:
            error, article = disagreement.error, disagreement.article
            sides = [
                ", ".join(f"{span.label} «{article.text[span.start : span.end]}»" for span in side) or "–"
                for side in (error.gold, error.predicted)
            ]
            kind = error.kind.value.replace("_", " ")
            console.print(Text(f"  {article.id} {error.start}: {kind}: {sides[0]} | {sides[1]}"))


def _table(found: Agreement) -> Table:
    from rich.table import Table

    from trainer.reporting.terminal import percent

    table = Table(box=None, pad_edge=False, header_style="bold")
    labels = tuple(found.pairs[0].labels)
    for head in ("pair", "articles", "strict F1", "boundary", "overlap", *labels, "alpha", "types alike", "roles F1"):
        table.add_column(head, justify="left" if head == "pair" else "right")

    def add(pair: PairAgreement) -> None:
        row = pair.to_dict()
        table.add_row(
            f"{pair.first} and {pair.second}",
            str(row["articles"]),
            *(percent(row["f1"][policy]) for policy in ("strict", "boundary", "overlap")),
            *(percent(row["labels"][label]) for label in labels),
            "–" if row["alpha_labels"] is None else f"{row['alpha_labels']:.3f}",
            percent(row["types"]["same"]),
            percent(row["roles"]["f1"]),
        )

    for pair in (*found.pairs, *found.adjudicated):
        add(pair)
    return table
