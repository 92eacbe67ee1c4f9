"""Paired tests: known cases, symmetry, seeds, and the promise on data without a difference."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from trainer.core.errors import ConfigError
from trainer.core.significance import (
    Difference,
    Verdict,
    compare_models,
    correct_holm,
    mean_f1,
    randomise,
)


def _counts(generator, rate, documents, gold=40, runs=1):
    """Runs of a model that finds each gold span with a document's own probability and predicts as many."""
    shape = (runs, documents)
    correct = generator.binomial(gold, np.clip(rate, 0.02, 0.98), size=shape)
    predicted = correct + generator.binomial(gold, 0.2, size=shape)
    return np.stack([correct, predicted, np.full(shape, gold)], axis=2).astype(float)


def _pair(seed, gain, documents=29, runs=1):
    generator = np.random.default_rng(seed)
    difficulty = generator.beta(14, 6, size=documents)
    return _counts(generator, difficulty + gain, documents, runs=runs), _counts(
        generator, difficulty, documents, runs=runs
    )


def test_a_model_is_no_better_than_itself():
    model, _ = _pair(1, 0.0)
    result = compare_models(model, model)
    assert (result.value, result.low, result.high) == (0.0, 0.0, 0.0)
    assert (result.p_randomisation, result.p_bootstrap) == (1.0, 1.0)
    assert result.smallest == 0.0
    assert result.judge() is Verdict.CANNOT_TELL


def test_a_large_gain_is_better_and_the_reverse_is_worse():
    model, baseline = _pair(2, 0.15)
    there, back = compare_models(model, baseline, samples=2000), compare_models(baseline, model, samples=2000)
    assert there.judge() is Verdict.BETTER
    assert back.judge() is Verdict.WORSE
    assert there.value == pytest.approx(-back.value)
    assert 0 < there.low < there.value < there.high
    assert there.p_randomisation < 0.01
    assert there.p_bootstrap < 0.01
    assert there.p_randomisation == pytest.approx(back.p_randomisation, abs=0.01)


def test_a_small_gain_cannot_be_told():
    model, baseline = _pair(4, 0.002)
    result = compare_models(model, baseline, samples=2000)
    assert result.judge() is Verdict.CANNOT_TELL
    assert result.low < 0 < result.high
    assert result.smallest > abs(result.value)


def test_the_value_is_the_difference_of_micro_f1():
    model = np.array([[[3.0, 4.0, 6.0], [1.0, 1.0, 2.0]]])
    baseline = np.array([[[2.0, 4.0, 6.0], [1.0, 1.0, 2.0]]])
    assert mean_f1(model) == pytest.approx(8 / 13)
    assert compare_models(model, baseline, samples=10).value == pytest.approx(8 / 13 - 6 / 13)


def test_mean_f1_averages_over_runs():
    runs = np.array([[[1.0, 1.0, 1.0]], [[0.0, 1.0, 1.0]]])
    assert mean_f1(runs) == 0.5


def test_randomisation_agrees_with_all_assignments():
    model, baseline = _pair(6, 0.06, documents=10)

    def f1(sums):
        return 2 * sums[0] / (sums[1] + sums[2])

    observed = abs(f1(model[0].sum(axis=0)) - f1(baseline[0].sum(axis=0)))
    hits = 0
    for assignment in itertools.product([False, True], repeat=10):
        swap = np.array(assignment)[:, None]
        left, right = np.where(swap, baseline[0], model[0]), np.where(swap, model[0], baseline[0])
        hits += abs(f1(left.sum(axis=0)) - f1(right.sum(axis=0))) >= observed - 1e-12
    exact = hits / 2**10
    assert randomise(model[0], baseline[0], 20_000, 0) == pytest.approx(exact, abs=0.012)


def test_the_smallest_p_is_one_over_all_assignments_drawn():
    model = np.tile([9.0, 10.0, 10.0], (40, 1))
    baseline = np.tile([1.0, 10.0, 10.0], (40, 1))
    assert randomise(model, baseline, 999, 0) == pytest.approx(0.001)
    result = compare_models(model[None], baseline[None], samples=999)
    assert result.p_bootstrap == pytest.approx(0.002)
    assert compare_models(baseline[None], model[None], samples=999).p_bootstrap == pytest.approx(0.002)


def test_results_repeat_with_their_seed():
    model, baseline = _pair(7, 0.03, runs=2)
    assert compare_models(model, baseline, 500, 3) == compare_models(model, baseline, 500, 3)
    assert compare_models(model, baseline, 500, 3) != compare_models(model, baseline, 500, 4)


def test_a_difference_is_written_with_all_its_numbers():
    assert Difference(0.02, 0.001, 0.04, 0.03, 0.05, 0.06, seeds=True).to_dict() == {
        "difference": 0.02,
        "interval": [0.001, 0.04],
        "p_bootstrap": 0.03,
        "p_randomisation": 0.05,
        "smallest_difference": 0.06,
    }


def test_holm_multiplies_the_smallest_most_and_never_falls():
    assert correct_holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert correct_holm([0.9, 0.8]) == (1.0, 1.0)
    assert correct_holm([0.02, 0.02]) == pytest.approx((0.04, 0.04))
    assert correct_holm([0.2]) == (0.2,)
    assert correct_holm([]) == ()


def test_the_verdict_follows_the_corrected_p():
    result = Difference(0.02, 0.001, 0.04, 0.04, 0.04, 0.03, seeds=False)
    assert result.judge() is Verdict.BETTER
    assert result.judge(p=0.05) is Verdict.BETTER
    assert result.judge(p=0.051) is Verdict.CANNOT_TELL
    assert result.judge(level=0.01) is Verdict.CANNOT_TELL
    worse = Difference(-0.02, -0.04, -0.001, 0.04, 0.04, 0.03, seeds=False)
    assert worse.judge() is Verdict.WORSE
    none = Difference(0.0, 0.0, 0.0, 0.01, 0.01, 0.03, seeds=False)
    assert none.judge() is Verdict.CANNOT_TELL


def test_with_seeds_the_interval_must_exclude_zero_too():
    values = {"value": 0.02, "p_bootstrap": 0.2, "p_randomisation": 0.01, "smallest": 0.03}
    assert Difference(low=-0.01, high=0.05, seeds=True, **values).judge() is Verdict.CANNOT_TELL
    assert Difference(low=0.0, high=0.05, seeds=True, **values).judge() is Verdict.CANNOT_TELL
    assert Difference(low=0.001, high=0.05, seeds=True, **values).judge() is Verdict.BETTER
    assert Difference(low=-0.01, high=0.05, seeds=False, **values).judge() is Verdict.BETTER
    assert Difference(low=-0.05, high=0.0, seeds=True, **{**values, "value": -0.02}).judge() is Verdict.CANNOT_TELL


def test_seeds_that_scatter_widen_the_interval_and_stop_the_verdict():
    documents = 30
    steady = np.tile([30.0, 40.0, 40.0], (3, documents, 1))
    scattered = steady.copy()
    scattered[:, :, 0] += np.array([8.0, -4.0, 0.0])[:, None]
    baseline = np.tile([29.0, 40.0, 40.0], (3, documents, 1))
    calm, wild = compare_models(steady, baseline, 2000), compare_models(scattered, baseline, 2000)
    assert calm.seeds
    assert wild.seeds
    assert calm.judge() is Verdict.BETTER
    assert wild.p_randomisation < 0.05
    assert wild.low < 0 < wild.high
    assert wild.judge() is Verdict.CANNOT_TELL


def test_few_seeds_are_stretched_to_the_unbiased_spread():
    # Two runs at 0.4 and 0.6 on identical documents: the mean's unbiased standard error is 0.1.
    runs = np.stack([np.tile([4.0, 10.0, 10.0], (5, 1)), np.tile([6.0, 10.0, 10.0], (5, 1))])
    baseline = np.tile([5.0, 10.0, 10.0], (1, 5, 1))
    result = compare_models(runs, baseline, 20_000)
    assert result.smallest == pytest.approx((1.959964 + 0.841621) * 0.1, rel=0.03)
    assert result.seeds
    # Three runs at 0.4, 0.5 and 0.9: a standard deviation of 0.2646, so a standard error of 0.1528; skewed upwards.
    three = np.stack([np.tile([right, 10.0, 10.0], (5, 1)) for right in (4.0, 5.0, 9.0)])
    skewed = compare_models(three, baseline, 20_000)
    assert skewed.smallest == pytest.approx((1.959964 + 0.841621) * 0.1528, rel=0.03)
    assert skewed.high - skewed.value > skewed.value - skewed.low


def test_one_seed_against_several_counts_as_seeds():
    model, baseline = _pair(9, 0.05, runs=2)
    assert compare_models(model[:1], baseline, 100).seeds
    assert compare_models(model, baseline[:1], 100).seeds
    assert not compare_models(model[:1], baseline[:1], 100).seeds


def test_the_smallest_difference_is_what_power_analysis_says():
    found = 0
    model, baseline = _pair(11, 0.0)
    smallest = compare_models(model, baseline, 2000).smallest
    for trial in range(60):
        # F1 is 2r / (r + 1.2) at a rate of finding r, whose slope at r = 0.7 is 0.665.
        pair = _pair(100 + trial, smallest / 0.665)
        found += compare_models(*pair, samples=400).judge() is Verdict.BETTER
    assert 0.6 <= found / 60 <= 0.97


@pytest.mark.parametrize(
    ("model", "baseline"),
    [((1, 3, 3), (1, 4, 3)), ((1, 0, 3), (1, 0, 3)), ((0, 3, 3), (1, 3, 3)), ((1, 3, 3), (0, 3, 3))],
)
def test_documents_that_do_not_pair_are_refused(model, baseline):
    with pytest.raises(ConfigError, match="cannot be compared in pairs"):
        compare_models(np.ones(model), np.ones(baseline))


def test_the_refusal_says_how_many_documents_and_what_to_do():
    with pytest.raises(ConfigError) as raised:
        compare_models(np.ones((1, 5, 3)), np.ones((1, 4, 3)))
    assert raised.value.message == "5 and 4 documents cannot be compared in pairs"
    assert raised.value.remedy == "judge both models on the same gold"


def test_five_hundred_pairs_without_a_difference_get_a_verdict_in_five_percent():
    verdicts = [compare_models(*_pair(1000 + trial, 0.0), samples=1000, seed=trial).judge() for trial in range(500)]
    share = sum(verdict is not Verdict.CANNOT_TELL for verdict in verdicts) / 500
    assert 0.03 <= share <= 0.07


def test_groups_of_seeds_without_a_difference_get_a_verdict_in_at_most_five_percent():
    verdicts = [
        compare_models(*_pair(9000 + trial, 0.0, runs=3), samples=500, seed=trial).judge() for trial in range(200)
    ]
    assert sum(verdict is not Verdict.CANNOT_TELL for verdict in verdicts) / 200 <= 0.07
