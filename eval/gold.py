"""The gold: held-out articles, each with its adjudicated annotation and those of its annotators."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.annotation.conll import read_conll
from trainer.annotation.corpus import choose_adjudicated, holds_articles
from trainer.annotation.faults import refuse_faults
from trainer.annotation.jsonl import read_jsonl
from trainer.annotation.labelstudio import AnnotatedArticle, find_repeated_articles, read_export
from trainer.core.errors import AnnotationError, ArtifactError
from trainer.core.files import hash_file
from trainer.core.schema import EventSchema
from trainer.core.types import Article

GOLD_DIRECTORY = Path(__file__).resolve().parent / "gold"
MANIFEST = GOLD_DIRECTORY / "manifest.json"
REAL, SYNTHETIC = "real", "synthetic"


@dataclass(frozen=True, slots=True)
class GoldArticle:
    """One held-out article.

    Attributes:
        article: With its adjudicated annotation.
        source: ``real`` or ``synthetic`` (written for this project).
        annotated: All annotations of it; None where the file has one only.
    """

    article: Article
    source: str
    annotated: AnnotatedArticle | None = None


@dataclass(frozen=True, slots=True)
class Gold:
    """Held-out articles and the files they came from.

    Attributes:
        articles: In the order of the files.
        files: Name and SHA-256 of each file.
        shipped: Whether this is the gold set of the repository, whose fingerprints training knows.
    """

    articles: tuple[GoldArticle, ...]
    files: tuple[tuple[str, str], ...]
    shipped: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "files": [{"name": name, "sha256": digest} for name, digest in self.files],
            "shipped": self.shipped,
            "articles": len(self.articles),
            "spans": sum(len(gold.article.spans) for gold in self.articles),
        }


def load_gold(paths: Sequence[Path], schema: EventSchema) -> Gold:
    """Read gold files; without paths the set of the repository, verified against its manifest.

    Args:
        paths: Label Studio exports, articles as JSON Lines, or CoNLL files.
        schema: Of the model under judgement.

    Raises:
        AnnotationError: A file has a fault, holds no article, or its labels are not the model's.
        ArtifactError: The repository's gold differs from its manifest.
    """
    files = list(paths) or verify_gold()
    exports = [read_export(file, None) for file in files if not _plain(file)]
    refuse_faults(fault for export in exports for fault in export.faults)
    refuse_faults(find_repeated_articles(exports))
    found = [_choose(annotated) for export in exports for annotated in export.articles]
    for file in files:
        if _plain(file):
            plain = read_conll(file) if file.suffix == ".conll" else read_jsonl(file)
            found += [GoldArticle(article, _source(article)) for article in plain]
    articles = tuple(gold for gold in found if gold is not None)
    _refuse_strange_labels(articles, schema, files)
    return Gold(articles, tuple((file.name, hash_file(file)) for file in files), not paths)


def verify_gold() -> list[Path]:
    """The repository's gold files.

    Raises:
        ArtifactError: One of them differs from its manifest.
    """
    try:
        entries = json.loads(MANIFEST.read_text(encoding="utf-8"))["files"]
        expected = {GOLD_DIRECTORY / str(entry["name"]): str(entry["sha256"]) for entry in entries}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"not a gold manifest: {error}", file=MANIFEST, remedy="restore it from git") from error
    for path, digest in expected.items():
        if not path.is_file() or hash_file(path) != digest:
            raise ArtifactError(
                "the gold file is missing or differs from its manifest",
                file=path,
                remedy="restore it from git, or after a wanted change run `python -m eval.gold_manifest`",
            )
    return sorted(expected)


def _plain(path: Path) -> bool:
    if not path.is_file():
        raise AnnotationError("no such gold file", file=path, remedy="name an existing file")
    return holds_articles(path)


def _choose(annotated: AnnotatedArticle) -> GoldArticle | None:
    chosen = choose_adjudicated(annotated)
    if chosen is None:
        return None
    article = annotated.to_article(chosen)
    return GoldArticle(article, _source(article), annotated if len(annotated.annotations) > 1 else None)


def _source(article: Article) -> str:
    return SYNTHETIC if article.meta.get("synthetic") else REAL


def _refuse_strange_labels(articles: Sequence[GoldArticle], schema: EventSchema, files: Sequence[Path]) -> None:
    if not articles:
        raise AnnotationError("no annotated article", file=files[0], remedy="name files with annotated articles")
    strange = {span.label for gold in articles for span in gold.article.spans} - set(schema.label_names)
    if strange:
        raise AnnotationError(
            f"the gold has labels that the model does not know: {', '.join(sorted(strange))}",
            file=files[0],
            remedy=f"judge on gold of the model's own labels ({', '.join(schema.label_names)}): --gold FILE",
        )
