"""Span scores by hand: every policy, interval and edge."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.core.metrics import (
    Counts,
    Policy,
    bootstrap_interval,
    count_by_label,
    count_matches,
    f1_of_sums,
    macro_f1,
    resample_weights,
    total,
)
from trainer.core.types import Span

A, B = "ACTOR", "LOCATION"


def _spans(*rows):
    return [Span(*row) for row in rows]


def test_precision_recall_and_f1_are_of_the_sums():
    counts = Counts(3, 4, 6)
    assert (counts.precision, counts.recall) == (0.75, 0.5)
    assert counts.f1 == pytest.approx(0.6)
    assert counts.to_dict() == {
        "precision": 0.75,
        "recall": 0.5,
        "f1": pytest.approx(0.6),
        "correct": 3,
        "predicted": 4,
        "gold": 6,
    }


def test_scores_of_nothing_are_zero():
    assert (Counts().precision, Counts().recall, Counts().f1) == (0.0, 0.0, 0.0)
    assert Counts(0, 1, 0).f1 == 0.0
    assert Counts(0, 0, 1).f1 == 0.0
    assert macro_f1({}) == 0.0
    assert bootstrap_interval([]) == (0.0, 0.0)


def test_counts_add_up_over_documents():
    assert total([Counts(1, 2, 3), Counts(10, 20, 30)]) == Counts(11, 22, 33)
    assert total([]) == Counts(0, 0, 0)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy.STRICT, Counts(1, 4, 4)),
        (Policy.BOUNDARY, Counts(2, 4, 4)),
        (Policy.LABEL_OVERLAP, Counts(2, 4, 4)),
        (Policy.OVERLAP, Counts(3, 4, 4)),
    ],
)
def test_each_policy_counts_what_its_name_says(policy, expected):
    gold = _spans((0, 5, A), (10, 15, A), (20, 25, A), (30, 35, A))
    predicted = _spans((0, 5, A), (10, 15, B), (22, 28, A), (40, 45, A))
    assert count_matches(gold, predicted, policy) == expected


def test_strict_is_the_default_policy():
    assert count_matches(_spans((0, 5, A)), _spans((0, 5, B))).correct == 0


def test_spans_that_only_touch_do_not_overlap():
    assert count_matches(_spans((0, 5, A)), _spans((5, 9, A)), Policy.OVERLAP).correct == 0
    assert count_matches(_spans((0, 5, A)), _spans((4, 9, A)), Policy.OVERLAP).correct == 1


def test_one_long_prediction_earns_one_gold_span_only():
    gold = _spans((0, 3, A), (4, 7, A), (8, 11, A))
    assert count_matches(gold, _spans((0, 11, A)), Policy.OVERLAP) == Counts(1, 1, 3)
    assert count_matches(_spans((0, 11, A)), gold, Policy.LABEL_OVERLAP) == Counts(1, 3, 1)


def test_overlaps_are_paired_so_that_most_spans_are_matched():
    # Greedy pairing of (0, 10) with the first overlap would leave (0, 3) without a partner.
    gold = _spans((0, 10, A), (0, 3, A))
    predicted = _spans((0, 2, A), (5, 9, A))
    assert count_matches(gold, predicted, Policy.OVERLAP).correct == 2


def test_label_overlap_does_not_pair_other_labels():
    assert count_matches(_spans((0, 5, A)), _spans((0, 5, B)), Policy.LABEL_OVERLAP).correct == 0


def test_repeated_identical_spans_count_once():
    assert count_matches(_spans((0, 5, A), (0, 5, A)), _spans((0, 5, A), (0, 5, A))) == Counts(1, 1, 1)


def test_type_and_score_play_no_part_in_matching():
    assert count_matches([Span(0, 5, A, "raid", 0.3)], [Span(0, 5, A, "strike", 0.9)]) == Counts(1, 1, 1)


def test_each_label_is_counted_without_the_others():
    gold, predicted = _spans((0, 5, A), (6, 9, B)), _spans((0, 5, A), (6, 9, A), (10, 12, B))
    assert count_by_label(gold, predicted, [A, B]) == {A: Counts(1, 2, 1), B: Counts(0, 1, 1)}
    assert count_by_label(gold, predicted, [B], Policy.OVERLAP) == {B: Counts(0, 1, 1)}
    assert count_by_label(_spans((0, 5, A)), _spans((3, 7, A)), [A], Policy.OVERLAP) == {A: Counts(1, 1, 1)}


def test_macro_f1_weighs_labels_alike():
    assert macro_f1({A: Counts(1, 1, 1), B: Counts(0, 1, 1)}) == 0.5


def test_f1_of_sums_works_row_by_row_and_on_empty_rows():
    assert f1_of_sums(np.array([[3, 4, 6], [0, 0, 0], [1, 1, 1]])).tolist() == [pytest.approx(0.6), 0.0, 1.0]


def test_resampling_draws_as_many_documents_as_there_are_and_repeats_with_its_seed():
    weights = resample_weights(7, 50, 3)
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert (weights == resample_weights(7, 50, 3)).all()
    assert (weights != resample_weights(7, 50, 4)).any()


def test_the_interval_holds_the_score_and_narrows_with_documents():
    few = [Counts(8, 10, 10), Counts(2, 10, 10), Counts(6, 10, 10)]
    low, high = bootstrap_interval(few)
    assert low < total(few).f1 < high
    many_low, many_high = bootstrap_interval(few * 30)
    assert many_high - many_low < (high - low) / 3
    assert bootstrap_interval(few) == (low, high)
    assert (low, high) == (pytest.approx(0.2), pytest.approx(0.8))


def test_the_level_sets_the_width_and_the_statistic_what_is_measured():
    documents = [Counts(index, 10, 20) for index in range(11)]
    wide, narrow = bootstrap_interval(documents, level=0.99), bootstrap_interval(documents, level=0.5)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    precision = bootstrap_interval(documents, statistic=lambda sums: sums[:, 0] / sums[:, 1], level=0.5)
    assert precision[0] == pytest.approx(narrow[0] * 1.5)
    assert precision[1] == pytest.approx(narrow[1] * 1.5)


def test_the_bounds_are_the_quantiles_of_the_resampled_f1():
    documents = [Counts(index, 10, 20) for index in range(11)]
    table = np.array([(c.correct, c.predicted, c.gold) for c in documents])
    values = f1_of_sums(resample_weights(11, 300, 7) @ table)
    expected = np.quantile(values, [0.25, 0.75])
    assert bootstrap_interval(documents, samples=300, level=0.5, seed=7) == (expected[0], expected[1])


def test_f1_of_mean_counts_below_one_is_defined():
    assert f1_of_sums(np.array([[0.5, 0.5, 0.5], [0.25, 0.25, 0.25]])).tolist() == [1.0, 1.0]


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(5)
    held = 0
    for trial in range(200):
        right = generator.binomial(20, generator.beta(14, 6, size=40))
        low, high = bootstrap_interval([Counts(int(n), 20, 20) for n in right], samples=400, seed=trial)
        held += low <= 0.7 <= high
    assert 0.89 <= held / 200 <= 0.99
