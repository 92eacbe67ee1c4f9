"""The judge's numbers on hand-made articles: scores, slices, calibration, gates, errors, ceiling."""

from __future__ import annotations

import json

import pytest

from eval.calibration import calibrate_spans
from eval.ceiling import measure_ceiling
from eval.errors import collect_errors, count_errors, render_errors
from eval.gates import Gate, hold_gates, load_gates
from eval.gold import GoldArticle
from eval.judge import Judged
from eval.report import render_report
from eval.scores import score_gold
from eval.slices import Slice, load_slices, score_slices
from eval.training_forms import collect_forms
from trainer.annotation.labelstudio import AnnotatedArticle, Annotation
from trainer.core.errors import ConfigError
from trainer.core.types import Article, Link, Span

TEXT = "قصف الجيش مدينة الموصل.\nانسحب الجيش من بغداد."
GOLD = (
    Span(0, 3, "OPERATION", "strike"),
    Span(4, 9, "ACTOR"),
    Span(10, 22, "LOCATION"),
    Span(24, 29, "OPERATION", "deployment"),
    Span(30, 35, "ACTOR"),
    Span(39, 44, "LOCATION"),
)
LINKS = (Link(0, 1, "agent"), Link(0, 2, "place"), Link(3, 4, "agent"))


def _judged(predicted, links=(), identifier="a", source="synthetic", **meta):
    article = Article(identifier, TEXT, GOLD, LINKS, meta)
    return Judged(GoldArticle(article, source), tuple(predicted), tuple(links))


def test_scores_of_a_perfect_model_are_one(schema):
    scores = score_gold([_judged(GOLD, LINKS)], schema)
    assert scores["strict"]["f1"] == scores["macro_f1"] == scores["seqeval_strict_f1"] == 1.0
    assert scores["typed"]["f1"] == scores["typed"]["type_accuracy_on_found"] == 1.0
    assert scores["links"]["f1"] == 1.0
    assert scores["links"]["roles"]["place"]["gold"] == 1
    assert scores["sources"]["synthetic"]["strict"]["correct"] == 6
    assert scores["strict"]["f1_interval"] is None, "one article is no sample"


def test_every_gold_span_counts_when_a_model_finds_nothing(schema):
    scores = score_gold([_judged([])], schema)
    assert (scores["strict"]["gold"], scores["strict"]["f1"]) == (6, 0.0)
    assert scores["typed"] is None
    assert scores["links"] is None


def test_a_wrong_type_is_a_strict_hit_but_no_typed_one(schema):
    predicted = (Span(0, 3, "OPERATION", "raid"), *GOLD[1:])
    scores = score_gold([_judged(predicted)], schema)
    assert scores["strict"]["f1"] == 1.0
    assert scores["typed"]["correct"] == 1
    assert scores["typed"]["type_accuracy_on_found"] == 0.5


def test_a_link_needs_its_role_and_both_ends(schema):
    moved = (GOLD[0], GOLD[1], Span(16, 22, "LOCATION"), *GOLD[3:])
    links = (Link(0, 1, "target"), Link(0, 2, "place"), Link(3, 4, "agent"))
    scores = score_gold([_judged(moved, links)], schema)
    assert (scores["links"]["correct"], scores["links"]["predicted"], scores["links"]["gold"]) == (1, 3, 3)
    assert scores["links"]["roles"]["agent"]["correct"] == 1
    assert scores["links"]["roles"]["target"] == pytest.approx(
        {"precision": 0.0, "recall": 0.0, "f1": 0.0, "correct": 0, "predicted": 1, "gold": 0}
    )


def test_relaxed_scores_stand_beside_under_their_names(schema):
    predicted = (Span(16, 22, "LOCATION"), Span(4, 9, "LOCATION"))
    relaxed = score_gold([_judged(predicted)], schema)["relaxed"]
    assert {name: row["correct"] for name, row in relaxed.items()} == {"boundary": 1, "label_overlap": 1, "overlap": 2}


def test_real_and_synthetic_articles_are_scored_apart_and_pooled(schema):
    judged = [_judged(GOLD, identifier="r", source="real"), _judged([], identifier="s")]
    scores = score_gold(judged, schema)
    assert scores["sources"]["real"]["strict"]["f1"] == 1.0
    assert scores["sources"]["synthetic"]["strict"]["f1"] == 0.0
    assert scores["strict"]["recall"] == 0.5
    assert [row["counts"] for row in scores["articles"]] == [[6, 6, 6], [0, 0, 6]]
    assert scores["articles"][0]["labels"]["ACTOR"] == [2, 2, 2]


def test_an_interval_needs_five_articles(schema):
    judged = [_judged(GOLD[: index % 7], identifier=str(index)) for index in range(6)]
    low, high = score_gold(judged, schema)["strict"]["f1_interval"]
    assert 0 < low < high <= 1
    assert score_gold(judged[:4], schema)["strict"]["f1_interval"] is None


def test_seqeval_agrees_with_the_strict_score(schema):
    predicted = (GOLD[0], Span(4, 9, "LOCATION"), Span(16, 22, "LOCATION"), GOLD[4])
    scores = score_gold([_judged(predicted)], schema)
    assert scores["seqeval_difference"] < 1e-12


def test_slices_part_articles_and_spans():
    seen = collect_forms(
        [Article("t", "في الموصل", (Span(3, 9, "LOCATION"),)), Article("u", "الجيش", (Span(0, 5, "ACTOR"),))]
    )
    judged = [_judged(GOLD[:3], style="agency"), _judged(GOLD, identifier="b", style="social")]
    slices = (
        Slice("style", "article", "style"),
        Slice("words", "span", "words", (1, 2)),
        Slice("seen", "span", "surface_seen"),
        Slice("head", "span", "head_seen"),
        Slice("operation", "span", "operation_in_paragraph"),
    )
    scores = score_slices(judged, slices, seen)
    assert {name: row["recall"] for name, row in scores["style"].items()} == {"agency": 0.5, "social": 1.0}
    assert {name: row["gold"] for name, row in scores["words"].items()} == {"1": 10, "2+": 2}
    assert scores["seen"]["yes"]["gold"] == 4
    assert scores["head"]["yes"]["gold"] == 4
    assert scores["operation"]["yes"]["gold"] == 12
    assert scores["style"]["agency"]["articles"] == 1


def test_seen_forms_forgive_spelling_and_clitics():
    forms = collect_forms([Article("t", "مدينة الفلوجة", (Span(0, 13, "LOCATION"),))])
    assert forms.has_surface("مدينه الفلوجه", "LOCATION")
    assert not forms.has_surface("مدينة الفلوجة", "ACTOR")
    assert forms.has_head("والمدينة القديمة", "LOCATION")
    assert not forms.has_head("قرية", "LOCATION")


def test_without_training_texts_seen_slices_are_left_out():
    scores = score_slices([_judged(GOLD)], load_slices(), None)
    assert scores["surface seen in training"] is None
    assert scores["source"]["synthetic"]["f1"] == 1.0


@pytest.mark.parametrize(
    "text", ["- {name: x}", "3", "- {name: x, of: span, by: nothing}", "- {name: x, of: y, by: z}"]
)
def test_slices_that_make_no_sense_are_refused(tmp_path, text):
    path = tmp_path / "slices.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError):
        load_slices(path)


def test_calibration_counts_by_score():
    spans = (Span(0, 3, "OPERATION", score=0.95), Span(4, 9, "ACTOR", score=0.65), Span(10, 15, "LOCATION", score=0.62))
    found = calibrate_spans([_judged(spans)])
    assert found["reliability"][0] == pytest.approx({"from": 0.6, "to": 0.7, "score": 0.635, "right": 0.5, "spans": 2})
    assert found["ece"] == pytest.approx((2 * 0.135 + 0.05) / 3)
    at = {row["threshold"]: row for row in found["thresholds"]}
    assert at[0.0]["precision"] == pytest.approx(2 / 3)
    assert (at[0.9]["precision"], at[0.9]["recall"]) == (1.0, pytest.approx(1 / 6))
    assert at[0.99]["precision"] is None
    assert at[0.9]["f1"] == pytest.approx(2 / 7)


def test_a_score_of_one_falls_in_the_last_bin_and_no_scores_give_nothing():
    assert calibrate_spans([_judged([Span(0, 3, "OPERATION", score=1.0)])])["reliability"][0]["to"] == 1.0
    assert calibrate_spans([_judged(GOLD)]) is None


def test_gates_hold_bounds_on_paths_with_stars():
    metrics = {"strict": {"f1": 0.7}, "labels": {"A": {"f1": 0.4}, "B": {"f1": 0.6}}, "links": None}
    gates = [
        Gate("all", "strict.f1", least=0.7),
        Gate("labels", "labels.*.f1", least=0.5),
        Gate("drop", "strict.f1", most=0.6),
        Gate("links", "links.f1", least=0.9),
        Gate("absent", "nothing.here", least=0.9),
    ]
    verdicts = hold_gates(metrics, gates)
    assert [(v.gate.name, v.metric, v.passed) for v in verdicts] == [
        ("all", "strict.f1", True),
        ("labels", "labels.A.f1", False),
        ("labels", "labels.B.f1", True),
        ("drop", "strict.f1", False),
    ]
    assert "labels.A.f1 is 0.4000, wanted at least 0.5" in verdicts[1].describe()
    assert "wanted at most 0.6" in verdicts[3].describe()


def test_the_shipped_gates_are_read_and_a_gate_without_bound_is_refused(tmp_path):
    assert len(load_gates()) > 15
    path = tmp_path / "gates.yaml"
    path.write_text("- {name: x, metric: strict.f1}", "utf-8")
    with pytest.raises(ConfigError, match="without least or most"):
        load_gates(path)
    path.write_text("- {name: x}", "utf-8")
    with pytest.raises(ConfigError, match="not a list of gates"):
        load_gates(path)


def test_errors_are_counted_by_kind_and_written_with_their_paragraph():
    predicted = (GOLD[0], Span(4, 9, "LOCATION"), Span(16, 22, "LOCATION"), *GOLD[3:5])
    errors = collect_errors([_judged(predicted)])
    counts = count_errors(errors)
    assert counts["wrong_label"] == {"all": 1, "ACTOR": 1}
    assert counts["boundary_left"] == {"all": 1, "LOCATION": 1}
    assert counts["missed"] == {"all": 1, "LOCATION": 1}
    lines = [json.loads(line) for line in render_errors(errors).splitlines()]
    assert [line["kind"] for line in lines] == ["wrong_label", "boundary_left", "missed"]
    for line in lines:
        assert "\n" not in line["context"]
        for span in (*line["gold"], *line["predicted"]):
            assert TEXT[span["start"] : span["end"]] == span["text"]
            offset = line["context_start"]
            assert line["context"][span["start"] - offset : span["end"] - offset] == span["text"]


def test_the_ceiling_is_the_agreement_of_the_annotators(schema):
    annotated = AnnotatedArticle(
        "a",
        TEXT,
        (
            Annotation("1", "ann", False, False, "", GOLD, LINKS),
            Annotation("2", "bea", False, False, "", GOLD[:3], LINKS[:2]),
            Annotation("3", "chief", True, False, "", GOLD, LINKS),
        ),
    )
    gold = GoldArticle(Article("a", TEXT, GOLD, LINKS), "real", annotated)
    ceiling = measure_ceiling([gold], schema.label_names)
    assert ceiling["strict_f1"] == pytest.approx(2 / 3)
    assert [pair["second"] for pair in ceiling["adjudicated"]] == ["ann", "bea"]
    assert measure_ceiling([GoldArticle(gold.article, "real")], schema.label_names) is None


def test_the_report_holds_the_numbers(schema):
    judged = [_judged(GOLD, LINKS)]
    errors = collect_errors(judged)
    metrics = {
        "run": {"name": "r<b>un"},
        "gold": {"articles": 1, "spans": 6},
        "leakage": "compared",
        **score_gold(judged, schema),
        "ceiling": None,
        "errors": count_errors(errors),
        "calibration": None,
        "slices": score_slices(judged, load_slices(), None),
        "behaviour": None,
        "gates": [
            {"gate": "g", "metric": "strict.f1", "value": 0.1, "least": 0.5, "most": None, "passed": False},
        ],
    }
    report = render_report(metrics)
    assert "Strict span F1 **100.0** –" in report
    assert "**failed** g: `strict.f1` is 0.1000, wanted at least 0.5" in report
    assert "| all | 1 | 100.0 | 100.0 | 100.0 | – | 6 |" in report
