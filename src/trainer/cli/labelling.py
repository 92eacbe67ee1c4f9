"""``annotations queue`` and ``audit``: what to label next, and what was probably labelled wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainer.annotation.strategy import Effort, Strategy

if TYPE_CHECKING:
    from trainer.annotation.audit import Suspect
    from trainer.annotation.queue import Queued
    from trainer.core.types import Article

_SHOWN = 20

SchemaPath = Annotated[Path | None, typer.Option("--schema", help="Schema file; the shipped one by default.")]


def queue(
    model: Annotated[Path, typer.Option("--model", help="Run directory whose uncertainty orders the queue.")],
    project: Annotated[str | None, typer.Option("--project", help="Label Studio project to order.")] = None,
    articles: Annotated[
        list[Path] | None, typer.Argument(help="Without --project: text files, JSON Lines, CSV, or folders.")
    ] = None,
    strategy: Annotated[Strategy, typer.Option("--strategy", help="What the order heeds.")] = Strategy.BOTH,
    effort: Annotated[
        Effort, typer.Option("--effort", help="What costs: each word, or each article whatever its length.")
    ] = Effort.WORDS,
    labelled: Annotated[
        Path, typer.Option("--labelled", help="Annotations so far: what is like them is less novel.")
    ] = Path("data/annotations"),
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Most articles to queue.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the random strategy.")] = 0,
    schema: SchemaPath = None,
) -> None:
    """Rank articles without annotation by what they would teach; with --project, offer them in that order."""
    from trainer.annotation.corpus import load_corpus
    from trainer.annotation.queue import order_queue
    from trainer.cli.models import load_candidates, load_pre_annotator
    from trainer.core.errors import ConfigError
    from trainer.core.paths import default_schema_path
    from trainer.core.schema import load_schema

    if (project is None) == (not articles):
        raise ConfigError("name either --project or files of articles", remedy="give one of the two")
    chosen = load_schema(schema or default_schema_path())
    known = [article.text for article in load_corpus([labelled], None).articles] if labelled.exists() else []
    if project is None:
        from trainer.annotation.server.sources import read_articles

        waiting = read_articles(articles or []).articles
        ranked = order_queue(load_candidates(model, waiting), known, strategy, seed, limit, effort)
        _show_queue(ranked)
        return
    from trainer.annotation.server.client import Server
    from trainer.annotation.server.credentials import find_credentials
    from trainer.annotation.server.ordering import set_order
    from trainer.annotation.server.projects import check_config, require_project
    from trainer.annotation.server.task_map import read_task_map
    from trainer.core.types import Article

    with Server(find_credentials()) as server:
        found = require_project(server, project)
        check_config(found, chosen)
        tasks = read_task_map(server, found).by_article.values()
        open_tasks = [task for task in tasks if not task.annotated]
        known += [task.text for task in tasks if task.annotated]
        candidates = load_candidates(model, [Article(task.article, task.text) for task in open_tasks])
        ranked = order_queue(candidates, known, strategy, seed, limit, effort)
        count = set_order(server, found, ranked, open_tasks, load_pre_annotator(model, chosen))
    _show_queue(ranked)
    typer.echo(f"project {project!r}: {count} tasks in this order, pre-annotated; the tab 'Queue' shows it")


def audit(
    paths: Annotated[list[Path], typer.Argument(help="Label Studio exports, articles, CoNLL, or directories.")],
    top: Annotated[int, typer.Option("--top", min=1, help="Suspects to show.")] = 100,
    out: Annotated[Path | None, typer.Option("--out", help="File to write: .html, or .json.")] = None,
    project: Annotated[
        str | None, typer.Option("--project", help="Label Studio project: make a tab of the suspects' tasks.")
    ] = None,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Parts for cross-validation.")] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Of the division into parts.")] = 0,
    schema: SchemaPath = None,
) -> None:
    """Find probable annotation errors: models that never saw an article disagree with its annotation."""
    from trainer.annotation.corpus import load_corpus
    from trainer.core.errors import ConfigError
    from trainer.core.files import write_json, write_text
    from trainer.core.paths import default_schema_path
    from trainer.core.schema import load_schema
    from trainer.learning.audit import audit_articles

    if out is not None and out.suffix not in (".html", ".json"):
        raise ConfigError(f"no report of kind {out.suffix or out.name!r}", remedy="end the name in .html or .json")
    chosen = load_schema(schema or default_schema_path())
    articles = load_corpus(paths, chosen).articles
    suspects = audit_articles(articles, chosen, folds, seed)[:top]
    texts = {article.id: article.text for article in articles}
    if out is not None and out.suffix == ".html":
        from trainer.reporting.audit import render_audit

        write_text(out, render_audit(suspects, texts))
    elif out is not None:
        write_json(out, [suspect.to_dict(texts[suspect.article]) for suspect in suspects])
    _show_suspects(suspects, articles)
    if project is not None:
        _make_tab(project, suspects)


def add_commands(app: typer.Typer) -> None:
    """Hang the two commands into the ``annotations`` group."""
    app.command()(queue)
    app.command()(audit)


def _make_tab(project: str, suspects: tuple[Suspect, ...]) -> None:
    from trainer.annotation.server.client import Server
    from trainer.annotation.server.credentials import find_credentials
    from trainer.annotation.server.ordering import AUDIT_TAB, show_tab
    from trainer.annotation.server.projects import require_project
    from trainer.annotation.server.task_map import read_task_map

    with Server(find_credentials()) as server:
        found = require_project(server, project)
        by_article = read_task_map(server, found).by_article
        named = dict.fromkeys(suspect.article for suspect in suspects)
        tasks = [by_article[article].id for article in named if article in by_article]
        if tasks:
            show_tab(server, found, AUDIT_TAB, tasks=tasks)
    typer.echo(
        f"project {project!r}: {len(tasks)} of {len(named)} suspect articles are there, in the tab {AUDIT_TAB!r}"
    )


def _show_queue(queue: tuple[Queued, ...]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "article", "words", "uncertainty", "novelty", "gain")
    for place, queued in enumerate(queue[:_SHOWN], start=1):
        values = (f"{queued.uncertainty:.3f}", f"{queued.novelty:.2f}", f"{queued.gain:.3f}")
        table.add_row(str(place), escape(queued.article), str(queued.words), *values)
    Console(highlight=False).print(table)
    if len(queue) > _SHOWN:
        typer.echo(f"… and {len(queue) - _SHOWN} more")


def _show_suspects(suspects: tuple[Suspect, ...], articles: tuple[Article, ...]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    texts = {article.id: article.text for article in articles}
    table = Table("", "score", "article", "suspicion", "words", "annotated", "proposed", show_lines=False)
    for place, suspect in enumerate(suspects[:_SHOWN], start=1):
        text = texts[suspect.article]
        sides = (
            "; ".join(
                f"{span.label}{f' {span.type}' if span.type else ''}: {text[span.start : span.end]}" for span in spans
            )
            for spans in (suspect.annotated, suspect.proposed)
        )
        words = text[suspect.start : suspect.end]
        cells = (suspect.article, suspect.kind.value, words, *sides)
        table.add_row(str(place), f"{suspect.score:.2f}", *map(escape, cells))
    Console(highlight=False).print(table)
    if len(suspects) > _SHOWN:
        typer.echo(f"… and {len(suspects) - _SHOWN} more (--out FILE.html lists them all)")
