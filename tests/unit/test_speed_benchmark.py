"""What the benchmarks of extraction compute from what they measure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from trainer.core.words import split_paragraphs, split_words
from trainer.learning.scale_benchmark import Line, estimate_machines, find_crossing, fit_line
from trainer.learning.speed_benchmark import take_texts
from trainer.learning.speed_lengths import fit_exponent, join_paragraphs, plot_lengths
from trainer.learning.speed_spans import compare_marks, join_plainly
from trainer.runtime.reading import Reading

TAGS = ("O", "B-ACTOR", "I-ACTOR", "B-LOCATION", "I-LOCATION")


def join(*tags: str) -> list[tuple[int, int, str]]:
    words = split_words(" ".join("abcdefgh"[: len(tags)]))
    logits = np.eye(len(TAGS), dtype=np.float32)[[TAGS.index(tag) for tag in tags]]
    return join_plainly(Reading("", words, (), ()), logits, TAGS)


def test_tags_are_joined_by_the_rule_of_the_pipeline() -> None:
    assert join("B-ACTOR", "I-ACTOR", "O", "I-ACTOR") == [(0, 3, "ACTOR"), (6, 7, "ACTOR")]
    assert join("B-ACTOR", "B-ACTOR") == [(0, 1, "ACTOR"), (2, 3, "ACTOR")]
    assert join("I-ACTOR", "I-LOCATION", "I-LOCATION") == [(0, 1, "ACTOR"), (2, 5, "LOCATION")]
    assert join("O", "O") == []
    assert join_plainly(Reading("", (), (), ()), np.zeros((0, 0), np.float32), TAGS) == []


def test_agreement_counts_texts_and_spans() -> None:
    left = [[(0, 1, "A"), (2, 3, "A")], [(0, 1, "A")], []]
    right = [[(0, 1, "A"), (2, 3, "A")], [(0, 1, "B")], []]
    assert compare_marks(left, right) == {"texts": 3, "spans": 3, "same_texts": 0.6667, "same_spans": 0.6667}
    assert compare_marks([[]], [[]])["same_spans"] == 1.0


def test_the_exponent_of_a_power_law_is_found(tmp_path: Path) -> None:
    points = [{"words": n, "seconds": 3e-5 * n**1.25, "microseconds_a_word": 1.0} for n in (100, 1000, 100_000)]
    assert fit_exponent(points) == pytest.approx(1.25)
    for name in ("a.svg", "b.svg"):
        plot_lengths({"points": points, "exponent": 1.25}, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_texts_have_the_length_asked_for_and_read_alike_on_both_sides(annotations_path: Path) -> None:
    sentences, articles = take_texts([annotations_path], 30, 3)
    assert (len(sentences), len(articles)) == (30, 3)
    for sentence in sentences:
        assert [word.surface for word in split_words(sentence)] == sentence.split()
    words = split_words(articles[0])
    assert 600 <= len(words) < 700
    assert len(split_paragraphs(articles[0], words)) > 10
    assert len(join_paragraphs(["a b", "c"], 1, 4).split()) >= 4


def test_a_line_is_fitted_and_two_of_them_cross() -> None:
    line = fit_line((100, 500, 5000), [2 + 0.01 * n for n in (100, 500, 5000)])
    assert (line.start, line.article) == (pytest.approx(2), pytest.approx(0.01))
    assert find_crossing(Line(2, 0.01), Line(12, 0.005)) == 2000
    assert find_crossing(Line(2, 0.01), Line(12, 0.01)) is None
    assert find_crossing(Line(2, 0.01), Line(1, 0.02)) is None
    assert find_crossing(Line(2, 0.01), Line(1, 0.01)) == 0


def test_more_machines_pay_sooner() -> None:
    rows = estimate_machines(Line(2, 0.01), Line(12, 0.02), (2, 4))
    assert [row["crossing_articles"] for row in rows] == [2000, 1333]
    assert [row["articles_a_second"] for row in rows] == [200, 400]
    assert json.loads(json.dumps(Line(1.5, 0.01).to_dict()))["articles_a_second"] == 100.0
