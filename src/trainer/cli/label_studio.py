"""``annotations push`` and ``pull``: the loop with a Label Studio server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from trainer.annotation.server.pull import PullReport
    from trainer.annotation.server.push import PushReport
    from trainer.annotation.server.sources import RawArticles

_EXIT_REFUSED = 2
_LISTED = 20
MANIFEST = Path("eval/gold/manifest.json")

ProjectTitle = Annotated[str, typer.Option("--project", help="Title of the Label Studio project.")]
SchemaPath = Annotated[Path | None, typer.Option("--schema", help="Schema file; the shipped one by default.")]
GoldManifest = Annotated[Path, typer.Option("--manifest", help="Gold manifest: what it fingerprints is never pushed.")]


def push(
    articles: Annotated[list[Path], typer.Argument(help="Text files, JSON Lines, CSV, or folders of these.")],
    project: ProjectTitle,
    model: Annotated[Path | None, typer.Option("--model", help="Run directory whose model pre-annotates.")] = None,
    schema: SchemaPath = None,
    manifest: GoldManifest = MANIFEST,
) -> None:
    """Send articles to a Label Studio project, each once, with pre-annotations where a model is given.

    The server's address and token come from LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY or from a credentials file.
    Exit code 2 where an article was refused (held-out gold, or an id that stands for another text).
    """
    from trainer.annotation.server.client import Server
    from trainer.annotation.server.credentials import find_credentials
    from trainer.annotation.server.push import push_articles
    from trainer.annotation.server.sources import read_articles
    from trainer.core.paths import default_schema_path
    from trainer.core.schema import load_schema

    raw = read_articles(articles)
    chosen = load_schema(schema or default_schema_path())
    pre_annotator = None
    if model is not None:
        from trainer.cli.models import load_pre_annotator

        pre_annotator = load_pre_annotator(model, chosen)
    with Server(find_credentials()) as server:
        report = push_articles(server, raw.articles, project, chosen, manifest, pre_annotator)
    _show_push(report, raw)
    if report.refused:
        raise typer.Exit(_EXIT_REFUSED)


def pull(
    project: ProjectTitle,
    out: Annotated[Path, typer.Option("--out", help="Directory of annotation files.")] = Path("data/annotations"),
    complete: Annotated[bool, typer.Option("--complete", help="Read every task, not only those that changed.")] = False,
    schema: SchemaPath = None,
) -> None:
    """Bring a project's annotations into data/annotations, one stable file; faulty ones are set aside with a link."""
    from trainer.annotation.server.client import Server
    from trainer.annotation.server.credentials import find_credentials
    from trainer.annotation.server.pull import pull_annotations
    from trainer.core.paths import default_schema_path
    from trainer.core.schema import load_schema

    chosen = load_schema(schema or default_schema_path())
    with Server(find_credentials()) as server:
        report = pull_annotations(server, project, chosen, out, complete)
    _show_pull(report)


def add_commands(app: typer.Typer) -> None:
    """Hang the commands of the loop into the ``annotations`` group."""
    app.command()(push)
    app.command()(pull)


def _show_push(report: PushReport, raw: RawArticles) -> None:
    made = "made" if report.created else "found"
    typer.echo(
        f"project {report.project.title!r} ({made}): {len(report.imported)} articles pushed, {report.present} already "
        f"there, {report.predicted} pre-annotated"
    )
    if raw.relined:
        typer.echo(f"CRLF line ends became LF in {len(raw.relined)}: {_listed(raw.relined)}")
    if raw.repeated:
        typer.echo(f"{raw.repeated} records repeated an article and were read once")
    for refused in report.doubled:
        typer.echo(f"left out {refused.article}: {refused.reason}")
    for first, second in report.repeated:
        typer.echo(f"tasks {first} and {second} hold the same article: delete one of them", err=True)
    for refused in report.refused:
        typer.echo(f"refused {refused.article}: {refused.reason}", err=True)
    typer.echo(f"{report.project.server}/projects/{report.project.id}/data")


def _show_pull(report: PullReport) -> None:
    scope = "every task" if report.complete else "the tasks that changed"
    typer.echo(f"project {report.project.title!r}: read {scope} ({report.read})")
    typer.echo(
        f"{report.file}: {report.articles} articles, {report.annotations} annotations"
        + (f", {report.several} articles by several annotators" if report.several else "")
        + (f", {report.skipped} skipped" if report.skipped else "")
        + ("" if report.changed else " (unchanged)")
    )
    if report.drafts:
        typer.echo(f"{report.drafts} tasks hold work that was not submitted; it is not used")
    if report.vanished:
        typer.echo(f"kept though deleted on the server: {_listed(report.vanished)}")
    for aside in report.aside:
        typer.echo(f"set aside {aside.article}: {aside.link}", err=True)
        for fault in aside.faults[:_LISTED]:
            value = f" ({fault['value']})" if "value" in fault else ""
            typer.echo(f"  {fault['message']}{value}\n    remedy: {fault['remedy']}", err=True)


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
