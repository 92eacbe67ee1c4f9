"""The labelling queue: what is unsure, new and short comes first."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.annotation.queue import Candidate, embed_texts, measure_uncertainty, order_queue
from trainer.annotation.strategy import Effort, Strategy

TEXTS = {
    "strike": "قصفت طائرات حربية مواقع في مدينة الموصل شمال العراق",
    "strike-again": "قصفت طائرات حربية مواقع في مدينة الموصل شمال العراق صباحا",
    "talks": "بحث وزير الخارجية مع نظيره المصري سبل تعزيز التعاون الاقتصادي",
    "protest": "خرج مئات المتظاهرين في شوارع الخرطوم احتجاجا على غلاء الأسعار",
}


def candidates(**uncertainty: float) -> list[Candidate]:
    names = {name.replace("_", "-"): value for name, value in uncertainty.items()}
    return [Candidate(name, TEXTS[name], 100, value) for name, value in names.items()]


def names(queue: object) -> list[str]:
    return [queued.article for queued in queue]  # type: ignore[attr-defined]


def test_a_word_between_two_tags_is_wholly_uncertain_and_a_sure_word_not_at_all() -> None:
    even, sure = np.log([0.5, 0.5, 1e-12]), np.log([1.0, 1e-12, 1e-12])
    assert measure_uncertainty(np.array([even])) == pytest.approx(1.0)
    assert measure_uncertainty(np.array([sure])) == pytest.approx(0.0, abs=1e-9)
    assert measure_uncertainty(np.array([even, sure])) == pytest.approx(0.5)
    assert measure_uncertainty(np.zeros((0, 3))) == 0.0


def test_uncertainty_alone_ranks_by_uncertainty() -> None:
    queue = order_queue(candidates(strike=0.2, talks=0.9, protest=0.5), strategy=Strategy.UNCERTAINTY)
    assert names(queue) == ["talks", "protest", "strike"]


def test_the_twin_of_a_queued_article_waits_behind_less_uncertain_news() -> None:
    queue = order_queue(candidates(strike=0.9, strike_again=0.89, talks=0.3, protest=0.2), strategy=Strategy.BOTH)
    assert names(queue)[0] == "strike"
    assert names(queue)[-1] == "strike-again"


def test_what_is_like_the_labelled_articles_is_not_novel() -> None:
    (first, *_) = order_queue(candidates(strike=0.5, talks=0.5), [TEXTS["strike-again"]], Strategy.DIVERSITY)
    assert (first.article, first.novelty > 0.9) == ("talks", True)


def test_of_two_equally_uncertain_articles_the_longer_uses_the_effort_better() -> None:
    short = Candidate("short", TEXTS["strike"], 10, 0.5)
    long = Candidate("long", TEXTS["talks"], 400, 0.5)
    assert names(order_queue([short, long], strategy=Strategy.UNCERTAINTY)) == ["long", "short"]


def test_where_articles_cost_the_same_the_one_with_more_uncertain_words_comes_first() -> None:
    sharp = Candidate("sharp", TEXTS["strike"], 40, 0.6)
    long = Candidate("long", TEXTS["talks"], 400, 0.3)
    by_words = order_queue([sharp, long], strategy=Strategy.UNCERTAINTY, effort=Effort.WORDS)
    by_articles = order_queue([sharp, long], strategy=Strategy.UNCERTAINTY, effort=Effort.ARTICLES)
    assert (names(by_words), names(by_articles)) == (["sharp", "long"], ["long", "sharp"])
    assert by_articles[0].gain == pytest.approx(0.3 * 400)


def test_random_order_follows_the_seed_only() -> None:
    waiting = [Candidate(str(number), TEXTS["talks"], 10, number / 50) for number in range(50)]
    first = names(order_queue(waiting, strategy=Strategy.RANDOM, seed=1))
    assert first == names(order_queue(waiting, strategy=Strategy.RANDOM, seed=1))
    assert first != names(order_queue(waiting, strategy=Strategy.RANDOM, seed=2))


@pytest.mark.parametrize("strategy", list(Strategy))
def test_every_strategy_queues_each_article_once_and_the_limit_cuts(strategy: Strategy) -> None:
    waiting = candidates(strike=0.4, strike_again=0.4, talks=0.4, protest=0.4)
    assert sorted(names(order_queue(waiting, strategy=strategy))) == sorted(TEXTS)
    assert len(order_queue(waiting, strategy=strategy, limit=2)) == 2
    assert order_queue([], strategy=strategy) == ()


def test_vectors_are_unit_length_and_spelling_variants_are_one_word() -> None:
    vectors = embed_texts(["أحمد", "احمد", "موسى", ""])
    assert vectors[0] @ vectors[1] == pytest.approx(1.0)
    assert vectors[0] @ vectors[2] == pytest.approx(0.0)
    assert not vectors[3].any()
