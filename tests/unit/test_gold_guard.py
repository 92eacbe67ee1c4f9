"""The gold is known to the library by its manifest alone."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from eval.gold_manifest import GOLD, MANIFEST, build_manifest
from tests.annotation_samples import ANNOTATIONS, shipped_schema
from trainer.annotation.corpus import load_corpus
from trainer.annotation.labelstudio import read_export
from trainer.annotation.leakage import check_leakage, find_duplicates, load_manifest
from trainer.annotation.split import load_split, split_corpus
from trainer.core.errors import LeakageError

SOURCES = Path(__file__).resolve().parents[2] / "src" / "trainer"
FILES = sorted(path for path in GOLD.glob("*.json") if path != MANIFEST)


def test_the_manifest_is_what_the_gold_files_give() -> None:
    assert json.loads(MANIFEST.read_text(encoding="utf-8")) == build_manifest(FILES)


def test_the_manifest_counts_real_and_synthetic_articles_and_three_annotators() -> None:
    found = {entry["name"]: entry for entry in json.loads(MANIFEST.read_text(encoding="utf-8"))["files"]}
    assert {name: (entry["kind"], entry["articles"]) for name, entry in found.items()} == {
        "seed.json": ("real", 1),
        "synthetic.json": ("synthetic", 28),
    }
    assert all(entry["annotators"] == ["10", "8", "9"] for entry in found.values())


def test_the_manifest_holds_no_arabic_letter_and_no_offset() -> None:
    text = MANIFEST.read_text(encoding="utf-8")
    assert not any("\u0600" <= character <= "\u06ff" for character in text)
    assert '"start"' not in text


def test_every_gold_article_keeps_its_three_annotations() -> None:
    for path in FILES:
        export = read_export(path, shipped_schema())
        assert export.faults == ()
        for article in export.articles:
            assert [(a.annotator, a.ground_truth) for a in article.annotations] == [
                ("8", False),
                ("9", False),
                ("10", True),
            ]


def test_no_training_or_dev_article_repeats_the_gold_and_train_and_dev_share_nothing() -> None:
    corpus = load_corpus([ANNOTATIONS], shipped_schema())
    report = check_leakage(corpus.articles, MANIFEST)
    assert (report.articles, report.gold_articles) == (248, 29)
    assert report.matches == ()
    assert find_duplicates(*split_corpus(corpus, load_split(ANNOTATIONS.parent / "split.json"))) == ()


def test_the_gold_itself_is_recognised_as_gold() -> None:
    articles = [
        export_article.to_article(export_article.annotations[0])
        for path in FILES
        for export_article in read_export(path).articles
    ]
    report = check_leakage(articles, MANIFEST)
    assert {match.article for match in report.matches if match.kind == "exact" and match.paragraph is None} == {
        article.id for article in load_manifest(MANIFEST)
    }


def test_a_missing_manifest_is_an_error_and_no_free_pass(tmp_path: Path) -> None:
    with pytest.raises(LeakageError):
        check_leakage([], tmp_path / "manifest.json")


def test_no_module_of_the_library_names_a_gold_file() -> None:
    names = {path.name for path in FILES}
    for module in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not any(name in node.value for name in names), f"{module}: {node.value!r}"
            if isinstance(node, ast.Import | ast.ImportFrom):
                imported = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
                assert not any(name == "eval" or name.startswith("eval.") for name in imported), module
