"""The judge from its command line: a sealed run in, a report and an exit code out."""

from __future__ import annotations

import json
import re

import pytest

from eval.__main__ import main
from eval.gold import load_gold
from tests.conftest import build_article, write_articles
from tests.crf_run import make_crf_run
from trainer.core.types import Article, Span
from trainer.runtime.checkpoint import PROVENANCE, read_json
from trainer.runtime.model import load_model

DEV = [f"article-{index:02d}" for index in range(18, 24)]


def _gold_article(identifier, text, *marks):
    spans = [Span(text.index(s), text.index(s) + len(s), label, kind) for label, kind, s in marks]
    return Article(identifier, text, tuple(sorted(spans)), (), {"synthetic": identifier != "held-1", "style": "agency"})


@pytest.fixture(scope="module")
def run(tmp_path_factory, annotations_path, schema):
    return make_crf_run(tmp_path_factory.mktemp("models") / "tiny", annotations_path, schema, DEV, events=True)


@pytest.fixture(scope="module")
def gold(tmp_path_factory):
    articles = [
        _gold_article(
            f"held-{number}",
            f"قصفت طائرات مجهولة حيا في {place} فجر أمس.\n"
            f"اعتقلت قوات الأمن رجلا <script>alert(1)</script> هناك «{number}».",
            ("OPERATION", "strike", "قصفت"),
            ("ACTOR", None, "طائرات مجهولة"),
            ("LOCATION", None, place),
            ("OPERATION", "arrest", "اعتقلت"),
            ("ACTOR", None, "قوات الأمن"),
        )
        for number, place in enumerate(["الموصل", "بغداد", "حلب", "صيدا", "العريش", "درعا"])
    ]
    return write_articles(tmp_path_factory.mktemp("gold") / "held.json", articles)


@pytest.fixture(scope="module")
def report(run, gold, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    assert main([str(run), "--gold", str(gold), "--out", str(out)]) == 0
    return out


def test_the_report_is_complete(report, run):
    metrics = json.loads((report / "metrics.json").read_text("utf-8"))
    assert metrics["run"]["name"] == "tiny"
    assert metrics["gold"] == {**metrics["gold"], "articles": 6, "spans": 30, "shipped": False}
    assert metrics["leakage"] == "the training texts were compared with this gold"
    assert 0 < metrics["strict"]["f1"] <= 1
    assert metrics["seqeval_difference"] < 1e-9
    assert set(metrics["sources"]) == {"real", "synthetic"}
    assert metrics["slices"]["surface seen in training"]["yes"]["gold"] > 0
    assert metrics["behaviour"]["tashkeel"]["invariance"] == 1.0
    assert {"report.md", "report.html", "errors.jsonl", "metrics.json"} == {p.name for p in report.iterdir()}


def test_the_counts_are_those_of_the_model_in_use(report, run, gold):
    model = load_model(run)
    correct = 0
    for item in load_gold([gold], model.checkpoint.schema).articles:
        found = {(s.start, s.end, s.label) for s in model(item.article.text).spans}
        correct += len(found & {(s.start, s.end, s.label) for s in item.article.spans})
    assert json.loads((report / "metrics.json").read_text("utf-8"))["strict"]["correct"] == correct


def test_the_page_asks_no_network_and_executes_nothing_of_the_text(report):
    page = (report / "report.html").read_text("utf-8")
    assert not re.search(r"(?:src|href)\s*=|@import|url\(|https?://", page)
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<script>") == 1
    assert 'lang="ar"' in page


def test_judging_twice_gives_the_same_numbers(report, run, gold, tmp_path):
    assert main([str(run), "--gold", str(gold), "--out", str(tmp_path)]) == 0
    first, second = (json.loads((d / "metrics.json").read_text("utf-8")) for d in (report, tmp_path))
    for metrics in (first, second):
        del metrics["speed"], metrics["seconds"]
    assert first == second


def test_a_model_that_was_trained_on_gold_texts_is_refused(run, tmp_path, capsys):
    seen = write_articles(tmp_path / "seen.json", [build_article("renamed", 0)])
    assert main([str(run), "--gold", str(seen), "--out", str(tmp_path / "out")]) == 2
    assert "was trained on texts of the gold" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_model_that_was_trained_on_gold_ids_is_refused(run, tmp_path, capsys):
    article = _gold_article("article-03", "خبر آخر من طرابلس لم يره أحد من قبل.", ("LOCATION", None, "طرابلس"))
    seen = write_articles(tmp_path / "seen.json", [article])
    assert main([str(run), "--gold", str(seen)]) == 2
    assert "was trained on gold articles: article-03" in capsys.readouterr().err


def test_a_model_whose_training_texts_are_gone_is_refused_unless_unchecked(
    tmp_path, annotations_path, schema, gold, capsys
):
    copy = tmp_path / "copy.json"
    copy.write_bytes(annotations_path.read_bytes())
    run = make_crf_run(tmp_path / "gone", copy, schema, DEV, iterations=5)
    copy.unlink()
    assert main([str(run), "--gold", str(gold), "--out", str(tmp_path / "out")]) == 2
    assert "not at hand" in capsys.readouterr().err
    options = ["--gold", str(gold), "--out", str(tmp_path / "out"), "--unchecked", "--no-behaviour"]
    assert main([str(run), *options]) == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text("utf-8"))
    assert metrics["leakage"] == "not checked"
    assert metrics["slices"]["surface seen in training"] is None
    assert metrics["behaviour"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/nowhere"], "no such run directory"),
        (["RUN", "--gold", "/nowhere.json"], "no such gold file"),
    ],
)
def test_what_is_missing_is_said(run, arguments, message, capsys):
    assert main([str(run) if part == "RUN" else part for part in arguments]) == 2
    assert message in capsys.readouterr().err


def test_gold_of_other_labels_is_refused(run, tmp_path, capsys):
    path = tmp_path / "other.conll"
    path.write_text("ذهب O\nخالد B-PER\n", "utf-8")
    assert main([str(run), "--gold", str(path)]) == 2
    assert "labels that the model does not know: PER" in capsys.readouterr().err


def test_gates_hold_on_the_shipped_gold_and_name_what_fails(run, tmp_path, capsys):
    options = [str(run), "--out", str(tmp_path), "--unchecked", "--no-behaviour"]
    assert main(options) == 1, "24 sample articles do not make a good model"
    printed = capsys.readouterr().out
    assert "gate failed: strict F1: strict.f1 is" in printed
    assert main([*options, "--no-gates"]) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert metrics["gold"]["shipped"]
    assert metrics["ceiling"]["pairs"][0]["articles"] == metrics["gold"]["articles"]


def test_a_conll_data_set_is_trained_on_and_judged(tmp_path):
    from trainer.annotation.corpus import load_corpus
    from trainer.core.schema import schema_of_labels

    train = tmp_path / "train.conll"
    lines = [
        f"زار O\n{name} B-PER\n{city} B-LOC\nأمس O\n"
        for name in ("خالد", "سعيد", "عمر")
        for city in ("دبي", "حلب", "مكة")
    ]
    train.write_text("\n".join(f"-DOCSTART- O\n\n{line}" for line in lines), "utf-8")
    test = tmp_path / "held.conll"
    test.write_text("ثم O\nزار O\nخالد B-PER\nحلب B-LOC\nاليوم O\nصباحا O\nباكرا O\n", "utf-8")
    names = [article.id for article in load_corpus([train], None).articles]
    run = make_crf_run(tmp_path / "conll", train, schema_of_labels(["LOC", "PER"]), names[:2])
    assert main([str(run), "--gold", str(test), "--out", str(tmp_path / "out"), "--no-behaviour"]) == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text("utf-8"))
    assert set(metrics["labels"]) == {"LOC", "PER"}
    assert metrics["strict"]["gold"] == 2


def test_the_run_says_what_it_is(run):
    provenance = read_json(run / PROVENANCE)
    assert provenance["kind"] == "crf"
    assert set(provenance["files"]) >= {"crf.crfsuite", "schema.yaml", "reading.json", "calibration.json"}
    card = (run / "README.md").read_text("utf-8")
    assert "linear-chain CRF" in card
