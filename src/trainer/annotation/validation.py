"""Everything wrong with some annotation files, and copies of them with what can be mended mended."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.annotation.conll import read_conll
from trainer.annotation.corpus import check_article, expand_paths, holds_articles
from trainer.annotation.faults import Fault, Kind, Place, Severity
from trainer.annotation.jsonl import read_jsonl
from trainer.annotation.labelstudio import AnnotatedArticle, Annotation, Export, find_repeated_articles, read_export
from trainer.annotation.records import iterate_records
from trainer.core.errors import AnnotationError
from trainer.core.files import write_json, write_text
from trainer.core.schema import EventSchema


@dataclass(frozen=True, slots=True)
class Validation:
    """What was read and what was found, file by file."""

    exports: tuple[Export, ...]
    faults: tuple[Fault, ...]

    def count(self, severity: Severity) -> int:
        """Findings of one severity."""
        return sum(fault.severity is severity for fault in self.faults)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        articles = [article for export in self.exports for article in export.articles]
        return {
            "files": [export.file for export in self.exports],
            "articles": len(articles),
            "annotations": sum(len(article.annotations) for article in articles),
            "counts": {severity.value: self.count(severity) for severity in Severity},
            "kinds": dict(Counter(fault.kind.label for fault in self.faults).most_common()),
            "findings": [fault.to_dict() for fault in self.faults],
        }


def validate_paths(paths: Sequence[Path], schema: EventSchema | None) -> Validation:
    """Check files of any kind, and directories of them.

    Args:
        paths: Label Studio exports, our own JSON Lines, CoNLL.
        schema: Labels, types and roles to check against; None checks everything else.

    Raises:
        AnnotationError: A path does not exist or is no annotation file.
    """
    exports = tuple(_read_any(path, schema) for path in expand_paths(paths))
    faults = [fault for export in exports for fault in export.faults]
    faults += find_repeated_articles(exports)
    order = {severity: index for index, severity in enumerate(Severity)}
    return Validation(exports, tuple(sorted(faults, key=lambda fault: order[fault.severity])))


def write_repaired(validation: Validation, directory: Path) -> tuple[int, int]:
    """Write each export anew: mended tasks, and apart from them those that stay faulty, with the reasons.

    ``directory/NAME`` holds the tasks without faults, offsets mended; ``directory/set-aside/NAME``
    the others unchanged, and ``directory/set-aside/NAME.faults.json`` what is wrong with each.

    Returns:
        Tasks written, tasks set aside.

    Raises:
        AnnotationError: Two exports share a file name, or one of them lies in ``directory``.
    """
    exports = [export for export in validation.exports if export.file.endswith((".json", ".jsonl"))]
    names = Counter(Path(export.file).name for export in exports)
    for export in exports:
        if names[Path(export.file).name] > 1 or Path(export.file).resolve().parent == directory.resolve():
            raise AnnotationError(
                f"{directory / Path(export.file).name} would be written over",
                file=export.file,
                remedy="name an empty directory, and exports with different file names",
            )
    written = aside = 0
    for export in exports:
        faults = [
            fault for fault in validation.faults if fault.file == export.file and fault.severity is Severity.FAULT
        ]
        clean, faulty = _sort_tasks(export, faults)
        name = Path(export.file).name
        _write_tasks(directory / name, clean)
        if faults:
            _write_tasks(directory / "set-aside" / name, faulty)
            write_json(directory / "set-aside" / f"{name}.faults.json", [fault.to_dict() for fault in faults])
        written, aside = written + len(clean), aside + len(faulty)
    return written, aside


def _read_any(path: Path, schema: EventSchema | None) -> Export:
    """An export, or a file of another kind in the shape of one (its first fault ends the reading)."""
    try:
        if not holds_articles(path):
            return read_export(path, schema)
        found = read_conll(path) if path.suffix == ".conll" else read_jsonl(path)
        for article in found:
            check_article(article, schema, path)
    except AnnotationError as error:
        where = f"{error.record}: " if error.record else ""
        remedy = f"; {error.remedy}" if error.remedy else ""
        return Export(str(path), (), (Place(str(path)).report(Kind.UNREADABLE, f"{where}{error.message}{remedy}"),))
    articles = tuple(
        AnnotatedArticle(
            article.id,
            article.text,
            (Annotation("", "", False, False, "", article.spans, article.links),),
            article.meta,
            str(path),
        )
        for article in found
    )
    return Export(str(path), articles, ())


def _sort_tasks(export: Export, faults: Sequence[Fault]) -> tuple[list[Any], list[Any]]:
    """Raw tasks without faults, mended, and raw tasks with faults."""
    faulty_tasks = {fault.task for fault in faults}
    articles: dict[str, list[AnnotatedArticle]] = {}
    for article in export.articles:
        articles.setdefault(article.task, []).append(article)
    clean: list[Any] = []
    faulty: list[Any] = []
    try:
        for number, record in enumerate(iterate_records(Path(export.file)), start=1):
            named = record.get("id") if isinstance(record, dict) else None
            task = f"#{number}" if named is None else str(named)
            if task in faulty_tasks or not articles.get(task):
                faulty.append(record)
            else:
                clean.append(_mend_task(record, articles[task].pop(0)))
    except AnnotationError:
        pass  # the export's own fault says where reading ended; what came before is kept
    return clean, faulty


def _mend_task(record: dict[str, Any], article: AnnotatedArticle) -> dict[str, Any]:
    for raw, annotation in zip(record.get("annotations") or (), article.annotations, strict=True):
        spans = dict(zip(annotation.regions, annotation.spans, strict=True))
        for item in () if annotation.cancelled else raw.get("result") or ():
            span = spans.get(str(item.get("id")))
            if span is not None and isinstance(item.get("value"), dict):
                item["value"].update(start=span.start, end=span.end, text=article.text[span.start : span.end])
            if item.get("direction") == "left":
                item.update(from_id=item["to_id"], to_id=item["from_id"], direction="right")
    return record


def _write_tasks(path: Path, tasks: Sequence[Any]) -> None:
    if path.suffix == ".jsonl":
        write_text(path, "".join(json.dumps(task, ensure_ascii=False) + "\n" for task in tasks))
    else:
        write_text(path, json.dumps(list(tasks), ensure_ascii=False, indent=1) + "\n")
