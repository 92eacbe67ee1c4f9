"""Write ``eval/gold/manifest.json``: what others may know of the gold without reading it.

For each file its hash, counts, whether it is real or synthetic and the fingerprints of its
articles; the version of the guidelines it was annotated by. No text and no label of any span.

    python -m eval.gold_manifest [--check]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from trainer.annotation.corpus import choose_adjudicated
from trainer.annotation.faults import refuse_faults
from trainer.annotation.fingerprints import fingerprint_article
from trainer.annotation.labelstudio import find_repeated_articles, read_export
from trainer.core.errors import TrainerError
from trainer.core.files import hash_file, write_json
from trainer.core.paths import default_schema_path
from trainer.core.schema import load_schema
from trainer.core.types import Article

_ROOT = Path(__file__).resolve().parents[1]
GOLD = _ROOT / "eval" / "gold"
MANIFEST = GOLD / "manifest.json"
GUIDELINES = _ROOT / "data" / "annotations" / "GUIDELINES.md"
GUIDELINES_VERSION = "1.0"


def build_manifest(files: list[Path]) -> dict[str, Any]:
    """The manifest of some gold files.

    Raises:
        AnnotationError: A file has a fault, or an article comes twice.
    """
    schema = load_schema(default_schema_path())
    exports = [read_export(file, schema) for file in files]
    refuse_faults(fault for export in exports for fault in export.faults)
    refuse_faults(find_repeated_articles(exports))
    entries = []
    for file, export in zip(files, exports, strict=True):
        chosen = [(found, choose_adjudicated(found)) for found in export.articles]
        articles = [found.to_article(annotation) for found, annotation in chosen if annotation is not None]
        annotators = {annotation.annotator for found in export.articles for annotation in found.annotations}
        entries.append({**_describe_file(file, articles), "annotators": sorted(annotators)})
    guidelines = {"version": GUIDELINES_VERSION, "sha256": hash_file(GUIDELINES)}
    return {"guidelines": guidelines, "schema": schema.fingerprint(), "files": entries}


def _describe_file(file: Path, articles: list[Article]) -> dict[str, Any]:
    kinds = {"synthetic" if article.meta.get("synthetic") else "real" for article in articles}
    return {
        "name": file.name,
        "sha256": hash_file(file),
        "kind": kinds.pop() if len(kinds) == 1 else "mixed",
        "articles": len(articles),
        "spans": dict(sorted(Counter(span.label for article in articles for span in article.spans).items())),
        "links": sum(len(article.links) for article in articles),
        "fingerprints": [fingerprint_article(article).to_dict() for article in articles],
    }


def main() -> int:
    """Write the manifest, or with ``--check`` say whether it is up to date."""
    parser = argparse.ArgumentParser(description="Write or check eval/gold/manifest.json.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 where it is out of date")
    check = parser.parse_args().check
    try:
        manifest = build_manifest(sorted(file for file in GOLD.glob("*.json") if file != MANIFEST))
    except TrainerError as error:
        print(f"error: {error.describe()}", file=sys.stderr)
        return 2
    if check:
        current = MANIFEST.is_file() and json.loads(MANIFEST.read_text(encoding="utf-8")) == manifest
        print("up to date" if current else "out of date: run python -m eval.gold_manifest")
        return 0 if current else 1
    write_json(MANIFEST, manifest)
    for entry in manifest["files"]:
        print(f"{entry['name']}: {entry['kind']}, {entry['articles']} articles, {sum(entry['spans'].values())} spans")
    return 0


if __name__ == "__main__":
    sys.exit(main())
