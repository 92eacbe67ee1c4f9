"""``python -m trainer annotations …``: check, count, convert and split annotated articles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from trainer.annotation.faults import Fault
    from trainer.annotation.statistics import Statistics
    from trainer.annotation.validation import Validation
    from trainer.core.schema import EventSchema

_EXIT_FAULTS = 2

app = typer.Typer(
    name="annotations", help="Annotated articles: check, count, convert, split, guard.", no_args_is_help=True
)

Paths = Annotated[
    list[Path],
    typer.Argument(help="Label Studio exports (.json, .jsonl), articles (.jsonl), CoNLL (.conll), or directories."),
]
SchemaPath = Annotated[Path | None, typer.Option("--schema", help="Schema file; the shipped one by default.")]
AnyLabels = Annotated[bool, typer.Option("--any-labels", help="Check everything but labels, types and roles.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command()
def validate(
    paths: Paths,
    as_json: AsJson = False,
    fix: Annotated[
        Path | None,
        typer.Option("--fix", help="Directory for mended copies; faulty tasks are set aside in it, with reasons."),
    ] = None,
    schema: SchemaPath = None,
    any_labels: AnyLabels = False,
) -> None:
    """Find everything wrong with annotation files; exit code 2 where there is a fault, 0 with notes only."""
    from trainer.annotation.faults import Severity
    from trainer.annotation.validation import validate_paths, write_repaired

    validation = validate_paths(paths, None if any_labels else _schema(schema))
    if as_json:
        _print_json(validation.to_dict())
    else:
        _show_findings(validation)
    if fix is not None:
        written, aside = write_repaired(validation, fix)
        typer.echo(f"{fix}: {written} tasks written, {aside} set aside", err=True)
    if validation.count(Severity.FAULT):
        raise typer.Exit(_EXIT_FAULTS)


@app.command()
def stats(paths: Paths, as_json: AsJson = False) -> None:
    """Count labels, types, roles, sources, styles, countries, annotators; measure lengths."""
    from trainer.annotation.faults import refuse_faults
    from trainer.annotation.statistics import measure_articles
    from trainer.annotation.validation import validate_paths

    validation = validate_paths(paths, None)
    refuse_faults(validation.faults)
    statistics = measure_articles([article for export in validation.exports for article in export.articles])
    if as_json:
        _print_json(statistics.to_dict())
    else:
        _show_statistics(statistics)


@app.command()
def convert(
    paths: Paths,
    out: Annotated[
        Path, typer.Option("--out", help="File to write: .json (Label Studio), .jsonl (articles) or .conll.")
    ],
) -> None:
    """Turn annotation files of any kind into one Label Studio export, JSON Lines or CoNLL file."""
    from trainer.annotation.conll import render_conll
    from trainer.annotation.corpus import load_corpus
    from trainer.annotation.jsonl import render_jsonl
    from trainer.annotation.labelstudio import render_export
    from trainer.core.errors import AnnotationError
    from trainer.core.files import write_text

    renderers = {".json": render_export, ".jsonl": render_jsonl, ".conll": render_conll}
    if out.suffix not in renderers:
        raise AnnotationError(
            f"no format for {out.suffix or 'a name without suffix'}",
            file=out,
            remedy="end the name in .json (Label Studio), .jsonl (articles) or .conll",
        )
    articles = load_corpus(paths, None).articles
    write_text(out, renderers[out.suffix](articles))
    typer.echo(f"{out}: {len(articles)} articles, {sum(len(article.spans) for article in articles)} spans")


@app.command()
def split(
    paths: Paths,
    out: Annotated[Path, typer.Option("--out", help="Split file to write.")] = Path("data/split.json"),
    dev_share: Annotated[
        float, typer.Option("--dev-share", min=0.01, max=0.9, help="Share of articles for dev.")
    ] = 0.15,
    schema: SchemaPath = None,
) -> None:
    """Choose a dev side that mirrors the whole by file, style, country and topic; the same every time."""
    from trainer.annotation.corpus import expand_paths
    from trainer.annotation.split import save_split
    from trainer.annotation.stratification import propose_split

    chosen = propose_split(expand_paths(paths), _schema(schema), dev_share)
    save_split(chosen, out)
    typer.echo(f"{out}: {len(chosen.train)} articles to train on, {len(chosen.dev)} to choose models by")


@app.command()
def config(
    out: Annotated[Path | None, typer.Option("--out", help="File to write; printed by default.")] = None,
    check: Annotated[Path | None, typer.Option("--check", help="File to compare with the schema instead.")] = None,
    schema: SchemaPath = None,
) -> None:
    """Generate Label Studio's labelling configuration from the schema, or check one against it."""
    from trainer.annotation.labelling_config import check_labelling_config, render_labelling_config
    from trainer.core.files import write_text

    chosen = _schema(schema)
    if check is not None:
        check_labelling_config(check, chosen)
        typer.echo(f"{check} is what the schema gives")
    elif out is None:
        typer.echo(render_labelling_config(chosen))
    else:
        write_text(out, render_labelling_config(chosen))


@app.command()
def leakage(
    paths: Paths,
    manifest: Annotated[Path, typer.Option("--manifest", help="Gold manifest.")] = Path("eval/gold/manifest.json"),
    split: Annotated[Path | None, typer.Option("--split", help="Split file: compare its two sides too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find articles and paragraphs that repeat the gold, or that train and dev share; exit code 2 where any do."""
    from trainer.annotation.corpus import load_corpus
    from trainer.annotation.leakage import check_leakage, find_duplicates
    from trainer.annotation.split import load_split, split_corpus

    corpus = load_corpus(paths, None)
    report = check_leakage(corpus.articles, manifest)
    shared = find_duplicates(*split_corpus(corpus, load_split(split))) if split is not None else ()
    if as_json:
        from dataclasses import asdict

        _print_json({**report.to_dict(), "train_dev": [asdict(match) for match in shared]})
    else:
        for name, matches in (("gold", report.matches), ("train and dev", shared)):
            for match in matches:
                typer.echo(f"{name}: {match.describe()}")
        typer.echo(
            f"{report.articles} articles ({report.paragraphs} paragraphs) against {report.gold_articles} of the gold "
            f"({report.gold_paragraphs}): {len(report.matches)} repetitions"
            + (f"; train against dev: {len(shared)}" if split is not None else "")
        )
    if report.matches or shared:
        raise typer.Exit(_EXIT_FAULTS)


def _schema(path: Path | None) -> EventSchema:
    from trainer.core.paths import default_schema_path
    from trainer.core.schema import load_schema

    return load_schema(path or default_schema_path())


def _print_json(value: object) -> None:
    import json

    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _console() -> Console:
    from rich.console import Console

    return Console(soft_wrap=False, highlight=False)


def _show_findings(validation: Validation) -> None:
    from rich.markup import escape
    from rich.table import Table

    from trainer.annotation.faults import Severity

    console = _console()
    colours = {Severity.FAULT: "bold red", Severity.REPAIR: "yellow", Severity.NOTE: "dim"}
    for export in validation.exports:
        found = [fault for fault in validation.faults if fault.file == export.file]
        if not found:
            continue
        table = Table(title=escape(export.file), title_justify="left", show_lines=False)
        for column in ("", "where", "finding", "remedy"):
            table.add_column(column, overflow="fold")
        for fault in found:
            colour = colours[fault.severity]
            table.add_row(
                f"[{colour}]{fault.severity.value}[/]",
                escape(fault.record),
                escape(_finding(fault)),
                escape(fault.kind.remedy),
            )
        console.print(table)
    articles = sum(len(export.articles) for export in validation.exports)
    counts = ", ".join(f"{validation.count(severity)} {severity.value}s" for severity in Severity)
    console.print(f"{len(validation.exports)} files, {articles} articles: {counts}")


def _finding(fault: Fault) -> str:
    return f"{fault.message}: {fault.value}" if fault.value else fault.message


def _show_statistics(statistics: Statistics) -> None:
    from rich.markup import escape
    from rich.table import Table

    console = _console()
    console.print(", ".join(f"{value:,} {name}" for name, value in statistics.totals.items()))
    for name, counts in statistics.counts.items():
        if not counts:
            continue
        table = Table(title=name, title_justify="left")
        table.add_column(name)
        table.add_column("count", justify="right")
        table.add_column("share", justify="right")
        total = sum(counts.values())
        for value, count in counts.items():
            table.add_row(escape(value), f"{count:,}", f"{count / total:.1%}")
        console.print(table)
    table = Table(title="lengths", title_justify="left")
    table.add_column("")
    columns = list(next(iter(statistics.lengths.values()), {}))
    for column in columns:
        table.add_column(column, justify="right")
    for name, values in statistics.lengths.items():
        table.add_row(escape(name), *(f"{values[column]:g}" for column in columns))
    console.print(table)
