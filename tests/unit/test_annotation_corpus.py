from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from tests.annotation_samples import (
    ANNOTATIONS,
    TEXT,
    relation,
    sample_article,
    sample_task,
    shipped_schema,
    write_export,
)
from trainer.annotation.conll import read_conll, render_conll
from trainer.annotation.corpus import Corpus, choose_adjudicated, hash_articles, infer_schema, load_corpus
from trainer.annotation.jsonl import article_record, parse_article, read_jsonl, render_jsonl
from trainer.annotation.labelstudio import AnnotatedArticle, Annotation, render_export
from trainer.annotation.split import Split, load_split, save_split, split_corpus, stable_fraction
from trainer.annotation.stratification import choose_dev, propose_split
from trainer.core.errors import AnnotationError
from trainer.core.types import Article, Link, Span

SPLIT = ANNOTATIONS.parent / "split.json"


def annotation(name: str, *, truth: bool = False, cancelled: bool = False, updated: str = "") -> Annotation:
    return Annotation(name, "", truth, cancelled, updated)


@pytest.mark.parametrize(
    ("annotations", "chosen"),
    [
        ((), None),
        ((annotation("a", cancelled=True),), None),
        ((annotation("a"), annotation("b")), "b"),
        ((annotation("a", updated="2026-02-01"), annotation("b", updated="2026-01-01")), "a"),
        ((annotation("a", truth=True), annotation("b", updated="2026-01-01")), "a"),
        ((annotation("a", truth=True, cancelled=True), annotation("b")), "b"),
    ],
)
def test_ground_truth_counts_else_the_latest_that_was_not_skipped(
    annotations: tuple[Annotation, ...], chosen: str | None
) -> None:
    found = choose_adjudicated(AnnotatedArticle("x", "نص", annotations))
    assert (found.id if found else None) == chosen


def test_a_corpus_reads_exports_json_lines_and_conll_alike(tmp_path: Path) -> None:
    bare = replace(sample_article("c"), links=(), spans=tuple(replace(s, type=None) for s in sample_article().spans))
    (tmp_path / "a.json").write_text(render_export([sample_article("a")]), encoding="utf-8")
    (tmp_path / "b.jsonl").write_text(render_jsonl([sample_article("b")]), encoding="utf-8")
    (tmp_path / "c.conll").write_text(render_conll([bare]), encoding="utf-8")
    (tmp_path / "d.jsonl").write_text(json.dumps(sample_task("d", TEXT + " .")), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not read")
    corpus = load_corpus([tmp_path], shipped_schema())
    found = {article.id: article for article in corpus.articles}
    assert sorted(found) == ["a", "b", "c", "d"]
    assert found["a"] == sample_article("a")
    assert found["b"] == sample_article("b")
    assert [found["c"].surface(span) for span in found["c"].spans] == [bare.surface(span) for span in bare.spans]


def test_the_hash_covers_ids_texts_spans_types_and_links_but_not_meta_or_order() -> None:
    one = sample_article("a")
    changed = [
        replace(one, id="b"),
        replace(one, text=one.text + "."),
        replace(one, spans=one.spans[:-1]),
        replace(one, spans=(replace(one.spans[0], type="raid"), *one.spans[1:])),
        replace(one, links=one.links[:-1]),
    ]
    assert len({hash_articles([article]) for article in (one, *changed)}) == 6
    assert hash_articles([one, changed[0]]) == hash_articles([changed[0], replace(one, meta={})])


def test_a_fault_refuses_the_corpus_and_names_file_task_and_remedy(tmp_path: Path) -> None:
    record = sample_task()
    relation(record).pop("labels")
    path = write_export(tmp_path / "export.json", record)
    with pytest.raises(AnnotationError, match="relation without a role") as caught:
        load_corpus([path], shipped_schema())
    assert caught.value.file == str(path)
    assert "task 7" in str(caught.value.record)
    assert caught.value.remedy


def test_repairs_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record = sample_task()
    relation(record).update(direction="left", from_id=relation(record)["to_id"], to_id=relation(record)["from_id"])
    with caplog.at_level(logging.WARNING):
        corpus = load_corpus([write_export(tmp_path / "export.json", record)], shipped_schema())
    assert corpus.articles == (sample_article(),)
    assert "arrow to the left" in caplog.text


def test_articles_without_annotation_are_left_out_and_paths_must_exist(tmp_path: Path) -> None:
    record = sample_task()
    record["annotations"] = []
    assert load_corpus([write_export(tmp_path / "export.json", record)], None).articles == ()
    for wrong in (tmp_path / "gone.json", tmp_path / "empty", tmp_path / "notes.txt"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        (tmp_path / "notes.txt").write_text("x")
        with pytest.raises(AnnotationError):
            load_corpus([wrong], None)


def test_labels_outside_the_schema_are_refused_in_every_format(tmp_path: Path) -> None:
    path = tmp_path / "x.conll"
    path.write_text("باريس B-LOC\n", encoding="utf-8")
    with pytest.raises(AnnotationError, match="LOC"):
        load_corpus([path], shipped_schema())
    schema = infer_schema(load_corpus([path], None).articles)
    assert schema.label_names == ("LOC",)
    assert len(load_corpus([path], schema).articles) == 1


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (Link(0, 1, "weapon"), "weapon"),
        (Link(0, 1, "place"), "place from OPERATION to ACTOR"),
        (Link(0, 3, "agent"), "crosses a paragraph"),
    ],
)
def test_a_link_that_cannot_be_is_refused_in_json_lines(tmp_path: Path, link: Link, message: str) -> None:
    path = tmp_path / "articles.jsonl"
    path.write_text(render_jsonl([replace(sample_article(), links=(link,))]), encoding="utf-8")
    with pytest.raises(AnnotationError, match=message) as caught:
        load_corpus([path], shipped_schema())
    assert (caught.value.file, caught.value.record) == (str(path), "article a-1")


# CoNLL


def conll(tmp_path: Path, text: str, **options: int) -> tuple[Article, ...]:
    path = tmp_path / "file.conll"
    path.write_text(text, encoding="utf-8")
    return read_conll(path, **options)


def test_tokens_that_are_finer_words_keep_their_span(tmp_path: Path) -> None:
    (article,) = conll(tmp_path, "فرانكفورت B-LOC\n(د B-ORG\nب I-ORG\nأ) I-ORG\nأعلن O\n")
    assert article.text == "فرانكفورت (د ب أ) أعلن"
    assert [(span.label, article.surface(span)) for span in article.spans] == [("LOC", "فرانكفورت"), ("ORG", "(د ب أ)")]


def test_sentences_become_paragraphs_and_articles_hold_a_number_of_them(tmp_path: Path) -> None:
    found = conll(tmp_path, "أ O\n\nب B-X\n\n\nج O\n", sentences=2)
    assert [article.text for article in found] == ["أ\nب", "ج"]
    assert [article.id for article in found] == ["file-0001", "file-0002"]
    assert found[0].spans == (Span(2, 3, "X"),)


def test_a_long_stretch_without_blank_lines_is_divided_at_full_stops(tmp_path: Path) -> None:
    (article,) = conll(tmp_path, "كلمة O\n" * 150 + ". O\n" + "كلمة O\n" * 99 + ". O\n")
    assert [len(line.split()) for line in article.text.split("\n")] == [151, 100]


def test_columns_schemes_and_documents(tmp_path: Path) -> None:
    head = "-DOCSTART- -X- O O\n\nمحمد NNP I-NP S-PER\r\nزار VB O O\n"
    (article,) = conll(tmp_path, head + "مدينة\tNN\tO\tB-LOC\nالبصرة NN O E-LOC\nحلب NN O I-ORG\n")
    assert [(span.label, article.surface(span)) for span in article.spans] == [
        ("PER", "محمد"),
        ("LOC", "مدينة البصرة"),
        ("ORG", "حلب"),
    ]


@pytest.mark.parametrize("line", ["كلمة", "كلمة B", "كلمة X-LOC", "كلمة B-", "كلمة o", "كل\u2028مة O", "\u200f B-LOC"])
def test_a_malformed_line_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        conll(tmp_path, f"قبل O\n{line}\nبعد O\n")
    assert caught.value.record == "line 2"
    assert caught.value.remedy


def test_a_file_of_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "old.conll"
    path.write_bytes(b"x O\n" + "باريس B-LOC\n".encode("cp1256"))
    with pytest.raises(AnnotationError) as caught:
        read_conll(path)
    assert caught.value.record == "line 2"


# JSON Lines


@pytest.mark.parametrize(
    ("change", "record"),
    [
        ({"text": None}, "text"),
        ({"id": 1.5}, "id"),
        ({"spans": [{"start": 0, "end": 0, "label": "A"}]}, "spans[0]"),
        ({"spans": [{"start": 0, "end": 99, "label": "A"}]}, "spans[0]"),
        ({"spans": [{"start": 0, "end": 1}]}, "spans[0].label"),
        ({"spans": [{"start": 0, "end": 3, "label": "A"}, {"start": 2, "end": 4, "label": "A"}]}, "spans"),
        ({"links": [{"operation": 0, "argument": 9, "role": "agent"}]}, "links[0]"),
        ({"links": [{"operation": "0", "argument": 1, "role": "agent"}]}, "links[0].operation"),
        ({"meta": []}, "meta"),
    ],
)
def test_a_wrong_value_of_an_article_is_named_by_its_path(
    tmp_path: Path, change: dict[str, object], record: str
) -> None:
    value = {**article_record(Article("a", "نص قصير", (Span(0, 2, "A"), Span(3, 7, "B")))), **change}
    with pytest.raises(AnnotationError) as caught:
        parse_article(value)
    assert caught.value.record == record
    path = tmp_path / "articles.jsonl"
    path.write_text("\n" + json.dumps(value) + "\n", encoding="utf-8")
    with pytest.raises(AnnotationError, match=r"article 1"):
        read_jsonl(path)


def test_scores_survive_json_lines(tmp_path: Path) -> None:
    article = Article("a", "نص قصير", (Span(0, 2, "A", "t", 0.5), Span(3, 7, "B")), (Link(0, 1, "r", 0.25),))
    path = tmp_path / "articles.jsonl"
    path.write_text(render_jsonl([article]), encoding="utf-8")
    (found,) = read_jsonl(path)
    assert (found.spans[0].score, found.links[0].score) == (0.5, 0.25)


# Split


def corpus_of(*names: str) -> Corpus:
    return Corpus(tuple(Article(name, "نص") for name in names), "hash")


def test_the_shipped_split_is_what_the_articles_give() -> None:
    schema = shipped_schema()
    paths = sorted(ANNOTATIONS.glob("*.json"))
    split = load_split(SPLIT)
    assert propose_split(paths, schema) == split
    corpus = load_corpus(paths, schema)
    train, dev = split_corpus(corpus, split)
    assert {article.id for article in train} == set(split.train)
    assert {article.id for article in dev} == set(split.dev)
    assert not set(split.train) & set(split.dev)
    assert (len(train), len(dev)) == (211, 37)
    for key in ("style", "country", "topic"):
        for value in {article.meta[key] for article in corpus.articles}:
            of_all = sum(article.meta[key] == value for article in corpus.articles)
            assert abs(sum(article.meta[key] == value for article in dev) - 0.15 * of_all) <= 1.0


def test_an_article_that_the_split_does_not_name_keeps_its_side_whatever_else_is_new() -> None:
    names = [f"new-{number}" for number in range(400)]
    train, dev = split_corpus(corpus_of("a", "b", *names), Split(("a",), ("b",)))
    again = split_corpus(corpus_of("a", "b", *names[:7]), Split(("a",), ("b",)))
    assert {article.id for article in again[1]} == {a.id for a in dev if a.id in ("b", *names[:7])}
    assert 40 <= len(dev) <= 80
    assert len(train) + len(dev) == 402


def test_a_split_that_names_what_the_data_lack_is_refused() -> None:
    with pytest.raises(AnnotationError, match="gone") as caught:
        split_corpus(corpus_of("a", "b"), Split(("a", "gone"), ("b",)))
    assert "annotations split" in str(caught.value.remedy)


def test_an_empty_side_is_refused() -> None:
    with pytest.raises(AnnotationError, match="dev side"):
        split_corpus(corpus_of("a"), Split(("a",), ()))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"train": ["a"], "dev": ["a"], "dev_share": 0.1}',
        '{"train": ["a"], "dev": [1], "dev_share": 0.1}',
    ],
)
def test_a_broken_split_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "split.json"
    path.write_text(content)
    with pytest.raises(AnnotationError) as caught:
        load_split(path)
    assert caught.value.file == str(path)
    assert caught.value.remedy
    with pytest.raises(AnnotationError, match="cannot be read"):
        load_split(tmp_path / "gone.json")


def test_a_split_file_is_written_in_order_and_read_back(tmp_path: Path) -> None:
    save_split(Split(("b", "a"), ("c",), 0.2), tmp_path / "split.json")
    assert load_split(tmp_path / "split.json") == Split(("a", "b"), ("c",), 0.2)


def test_repetitions_stay_on_one_side_and_the_choice_is_stable() -> None:
    features = {f"n{number}": (f"style={number % 3}",) for number in range(60)}
    groups = [(f"n{number}", f"n{number + 1}") for number in range(0, 40, 2)] + [("n0", "n2")]
    split = choose_dev(features, groups)
    assert split == choose_dev(dict(reversed(features.items())), reversed(groups))
    assert len(split.dev) == 9
    for left, right in groups:
        assert (left in split.dev) == (right in split.dev)


def test_the_stable_fraction_is_spread_evenly() -> None:
    values = [stable_fraction(f"article {number}") for number in range(1000)]
    assert 0.45 < sum(values) / len(values) < 0.55
    assert 0 <= min(values) < max(values) < 1
