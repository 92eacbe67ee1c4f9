"""The articles that training reads: files of any kind, checked, with one annotation each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.annotation.conll import read_conll
from trainer.annotation.faults import Kind, Severity, refuse_faults
from trainer.annotation.jsonl import read_jsonl
from trainer.annotation.labelstudio import (
    AnnotatedArticle,
    Annotation,
    Export,
    find_repeated_articles,
    read_export,
)
from trainer.annotation.records import iterate_records
from trainer.annotation.regions import check_link, lay_out
from trainer.core.bio import spans_to_tags
from trainer.core.errors import AnnotationError
from trainer.core.files import hash_texts
from trainer.core.schema import EventSchema, schema_of_labels
from trainer.core.types import Article

_LOGGER = logging.getLogger(__name__)
_SUFFIXES = (".json", ".jsonl", ".conll")

Rule = Callable[[AnnotatedArticle], Annotation | None]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Articles with one annotation each, and a hash over ids, texts, spans, types and links."""

    articles: tuple[Article, ...]
    hash: str


def choose_adjudicated(article: AnnotatedArticle) -> Annotation | None:
    """The ground-truth annotation, else the latest that was not skipped; None where all were."""
    submitted = [annotation for annotation in article.annotations if not annotation.cancelled]
    approved = [annotation for annotation in submitted if annotation.ground_truth]
    candidates = list(enumerate(approved or submitted))
    return max(candidates, key=lambda pair: (pair[1].updated, pair[0]))[1] if candidates else None


def load_corpus(paths: Sequence[Path], schema: EventSchema | None, rule: Rule = choose_adjudicated) -> Corpus:
    """Read files and directories of Label Studio exports (.json, .jsonl), articles (.jsonl) and CoNLL.

    Args:
        paths: Files, or directories of which all such files are read.
        schema: Labels, types and roles to check against; None checks everything else.
        rule: Which annotation of an article counts; where it gives none the article is left out.

    Raises:
        AnnotationError: The first faults of the files; repairs are made and logged.
    """
    articles: list[Article] = []
    exports: list[Export] = []
    for path in expand_paths(paths):
        if holds_articles(path):
            found = read_conll(path) if path.suffix == ".conll" else read_jsonl(path)
            for read in found:
                check_article(read, schema, path)
            articles += found
        else:
            exports.append(read_export(path, schema))
    refuse_faults(fault for export in exports for fault in export.faults)
    refuse_faults(find_repeated_articles(exports))
    _log_findings(exports)
    for export in exports:
        for article in export.articles:
            annotation = rule(article)
            if annotation is not None:
                articles.append(article.to_article(annotation))
    _refuse_repeated_ids(articles)
    return Corpus(tuple(articles), hash_articles(articles))


def expand_paths(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Files as given, directories replaced by their annotation files in order of name.

    Raises:
        AnnotationError: A path does not exist, is of no known kind, or is a directory without any.
    """
    files: list[Path] = []
    for path in paths:
        known = sorted(child for child in path.iterdir() if child.suffix in _SUFFIXES) if path.is_dir() else [path]
        if not path.exists() or not known or (not path.is_dir() and path.suffix not in _SUFFIXES):
            raise AnnotationError(
                "no annotation file" if path.exists() else "no such file",
                file=path,
                remedy=f"name a file that ends in {', '.join(_SUFFIXES)}, or a directory of such files",
            )
        files += known
    return tuple(files)


def hash_articles(articles: Iterable[Article]) -> str:
    """SHA-256 over ids, texts, spans, types and links, in order of id."""
    parts: list[str] = []
    for article in sorted(articles, key=lambda article: article.id):
        spans = [f"{span.start} {span.end} {span.label} {span.type or ''}" for span in article.spans]
        links = [f"{link.operation} {link.argument} {link.role}" for link in article.links]
        parts += [article.id, article.text, "\n".join(spans), "\n".join(links)]
    return hash_texts(parts)


def infer_schema(articles: Iterable[Article], name: str = "labels") -> EventSchema:
    """A schema of the labels found, in order of name, for data sets without types and roles."""
    labels = sorted({span.label for article in articles for span in article.spans})
    return schema_of_labels(labels, name)


def check_article(article: Article, schema: EventSchema | None, path: Path) -> None:
    """Refuse spans that words cannot express, links that cannot be, and names that the schema does not have.

    Raises:
        AnnotationError: Names the article and the span.
    """
    record = f"article {article.id}"
    layout = lay_out(article.text)
    try:
        spans_to_tags(layout.words, article.spans)
    except AnnotationError as error:
        raise AnnotationError(error.message, file=path, record=record, remedy=error.remedy) from error
    for number, link in enumerate(article.links):
        problem = check_link(link, article.spans, article.links[:number], layout, schema)
        if problem is not None:
            kind, message = problem
            raise AnnotationError(f"links[{number}]: {message}", file=path, record=record, remedy=kind.remedy)
    for span in article.spans:
        if layout.paragraph_of(span.start) != layout.paragraph_of(span.end - 1):
            message = f"span {span.start}:{span.end} ({span.label}) crosses a paragraph"
            raise AnnotationError(message, file=path, record=record, remedy=Kind.CROSSES_PARAGRAPH.remedy)
    if schema is None:
        return
    wrong = [f"label {span.label!r}" for span in article.spans if span.label not in schema.label_names]
    wrong += [f"type {span.type!r}" for span in article.spans if span.type and span.type not in schema.type_names]
    if wrong:
        raise AnnotationError(
            f"{wrong[0]} is not in the schema {schema.name!r} ({', '.join(schema.label_names)})",
            file=path,
            record=record,
            remedy="choose the schema of this data set, or add the name to it",
        )


def holds_articles(path: Path) -> bool:
    """Whether a file holds our own articles or CoNLL rather than Label Studio tasks.

    Raises:
        AnnotationError: A .jsonl file cannot be read.
    """
    if path.suffix != ".jsonl":
        return path.suffix == ".conll"
    first = next(iter(iterate_records(path)), None)
    return isinstance(first, dict) and "text" in first and "data" not in first


def _log_findings(exports: Sequence[Export]) -> None:
    for fault in (fault for export in exports for fault in export.faults):
        level = logging.WARNING if fault.severity is Severity.REPAIR else logging.INFO
        _LOGGER.log(level, "%s, %s: %s", fault.file, fault.record, fault.message)


def _refuse_repeated_ids(articles: Sequence[Article]) -> None:
    seen: set[str] = set()
    for article in articles:
        if article.id in seen:
            raise AnnotationError(
                "two articles share one id", record=f"article {article.id}", remedy="rename or drop one of them"
            )
        seen.add(article.id)
