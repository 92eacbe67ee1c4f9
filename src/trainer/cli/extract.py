"""``extract``: files in, events out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainer.core.errors import ConfigError
from trainer.core.threads import keep_one_blas_thread

if TYPE_CHECKING:
    from trainer.core.types import Article
    from trainer.runtime.extract import Job, Progress, Report
    from trainer.runtime.formats import Format
    from trainer.runtime.model import Model
    from trainer.runtime.result import Extraction


class FormatName(StrEnum):
    """Formats of the output."""

    JSONL = "jsonl"
    CSV = "csv"
    CONLL = "conll"
    LABEL_STUDIO = "label-studio"
    HTML = "html"


class Engine(StrEnum):
    """Where a job runs."""

    LOCAL = "local"
    RAY = "ray"


def extract(
    files: Annotated[list[str], typer.Argument(help="Text, .jsonl, .csv, .tsv, .parquet, folders; - is stdin.")],
    model: Annotated[Path, typer.Option(help="Run directory.")] = Path("models/default"),
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Output file; standard output if left out.")] = None,
    format: Annotated[FormatName, typer.Option(help="Format of the output.")] = FormatName.JSONL,
    rejects: Annotated[Path | None, typer.Option(help="File of refused records (default OUT.rejects.jsonl).")] = None,
    text_field: Annotated[str, typer.Option(help="Field or column of the text.")] = "text",
    id_field: Annotated[str, typer.Option(help="Field or column of the id; file:line where there is none.")] = "id",
    min_score: Annotated[float, typer.Option(min=0.0, max=1.0, help="Leave out spans below this score.")] = 0.0,
    omit_text: Annotated[bool, typer.Option("--omit-text", help="JSON Lines without the raw text.")] = False,
    max_characters: Annotated[int, typer.Option(min=1, help="Refuse longer articles.")] = 2_000_000,
    runtime: Annotated[str, typer.Option(help="auto, onnx, openvino or torch.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, int8 or float32.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads; every usable core by default.")] = None,
    engine: Annotated[Engine, typer.Option(help="ray: as a Ray Data job (extra ray).")] = Engine.LOCAL,
    workers: Annotated[int, typer.Option(min=1, help="Workers of the ray engine.")] = 2,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew, whatever lies at OUT.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Extract events from files. With --out, a killed job goes on where it stopped; bad records are set aside."""
    keep_one_blas_thread()
    from trainer.runtime.extract import Job
    from trainer.runtime.model import load_model
    from trainer.runtime.records import Fields
    from trainer.runtime.sources import Source, find_sources

    job = Job(
        tuple(Source(path) for path in find_sources(files)),
        Fields(text_field, id_field, max_characters),
        _choose_format(format, omit_text, model.name),
        min_score,
    )
    if engine is Engine.RAY:
        if out is None:
            raise ConfigError("the ray engine writes files", remedy="add --out FILE")
        from trainer.runtime.ray_engine import ModelChoice, extract_with_ray

        choice = ModelChoice(str(model.resolve()), runtime, precision, threads or 1)
        with _progress(quiet) as report:
            done = extract_with_ray(choice, job, out, rejects or _beside(out), workers, overwrite, report)
    else:
        done = _run(load_model(model, runtime, precision, threads), job, out, rejects, overwrite, quiet)
    if not quiet:
        _say_done(done, out, rejects)


def _run(model: Model, job: Job, out: Path | None, rejects: Path | None, overwrite: bool, quiet: bool) -> Progress:
    from trainer.runtime.extract import extract_to_file, extract_to_stream

    with _progress(quiet) as report:
        if out is not None:
            name = f"{model.fingerprint} {model.runtime} {model.precision}"
            return extract_to_file(
                model, job, out, rejects or _beside(out), name=name, overwrite=overwrite, report=report
            )
        if rejects is None:
            return extract_to_stream(model, job, sys.stdout, sys.stderr, report)
        with rejects.open("w", encoding="utf-8") as stream:
            return extract_to_stream(model, job, sys.stdout, stream, report)


def _beside(out: Path) -> Path:
    return out.with_name(out.name + ".rejects.jsonl")


def _choose_format(name: FormatName, omit_text: bool, model: str) -> Format:
    from trainer.runtime import formats

    if omit_text and name is not FormatName.JSONL:
        raise ConfigError(f"--omit-text does not go with the format {name.value}", remedy="leave one of them out")
    if name is FormatName.JSONL:
        return formats.JSON_LINES_WITHOUT_TEXT if omit_text else formats.JSON_LINES
    if name is FormatName.CSV:
        return formats.EVENTS_CSV
    if name is FormatName.HTML:
        return formats.HTML
    if name is FormatName.CONLL:
        return formats.Format(name.value, render_conll_article, separator="\n")
    return formats.Format(
        name.value, partial(render_prediction, version=model), head="[\n", separator=",\n", foot="\n]\n"
    )


def render_conll_article(extraction: Extraction) -> str:
    """One article as CoNLL."""
    from trainer.annotation.conll import render_conll

    return render_conll([_as_article(extraction)])


def render_prediction(extraction: Extraction, version: str) -> str:
    """One article as a Label Studio task with a prediction."""
    from trainer.annotation.labelstudio import build_results, build_task

    article = _as_article(extraction)
    scores = [span.score for span in extraction.spans if span.score is not None]
    prediction = {"result": build_results(article), "score": min(scores, default=0.0), "model_version": version}
    return json.dumps({"data": build_task(article)["data"], "predictions": [prediction]}, ensure_ascii=False)


def _as_article(extraction: Extraction) -> Article:
    from trainer.core import types

    return types.Article(extraction.id, extraction.text, extraction.spans, extraction.links)


@contextmanager
def _progress(quiet: bool) -> Iterator[Report]:
    """A bar on standard error: articles a second, time left by the bytes that remain."""
    if quiet:
        yield lambda progress: None
        return
    from rich import progress as rich_progress
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn(compact=True))
    with rich_progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def report(progress: Progress) -> None:
            text = f"{progress.written:,} articles, {progress.rejected:,} refused, {progress.rate:,.1f}/s"
            bar.update(task, description=text, completed=progress.bytes, total=progress.total_bytes or None)

        yield report


def _say_done(progress: Progress, out: Path | None, rejects: Path | None) -> None:
    from rich.console import Console

    place = f" → {out}" if out else ""
    text = f"{progress.written:,} articles, {progress.rejected:,} refused, {progress.rate:,.1f} a second{place}"
    if progress.rejected and out:
        text += f"; refused records: {rejects or _beside(out)}"
    if progress.resumed:
        text += f" ({progress.resumed:,} were done before)"
    Console(stderr=True, soft_wrap=True).print(text, highlight=False)
