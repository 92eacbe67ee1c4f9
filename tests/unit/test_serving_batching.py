"""The queue in front of the model."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from tests.serving_model import FakeExtractor, served
from trainer.core.errors import InputError
from trainer.runtime.result import Extraction
from trainer.serving.batching import Batcher, Outcome, predict_each
from trainer.serving.limits import Limits
from trainer.serving.metrics import Metrics
from trainer.serving.problems import Problem, ProblemError


def run(work: Callable[[Batcher], Awaitable[Any]], limits: Limits = Limits()) -> Any:
    async def live() -> Any:
        batcher = Batcher(limits, Metrics())
        batcher.start()
        try:
            return await work(batcher)
        finally:
            await batcher.stop()

    return asyncio.run(live())


class Gate:
    """Holds the first batch back until it is opened."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()

    def __call__(self, _: Sequence[str]) -> None:
        self.entered.set()
        assert self.opened.wait(10)

    async def wait_until_entered(self) -> None:
        assert await asyncio.to_thread(self.entered.wait, 10)


def texts_of(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.text if isinstance(outcome, Extraction) else outcome.kind for outcome in outcomes]


def test_what_arrives_while_a_batch_is_computed_goes_through_together() -> None:
    gate = Gate()
    extractor = FakeExtractor(before=gate)
    model = served(extractor)

    async def work(batcher: Batcher) -> list[list[str]]:
        first = asyncio.create_task(batcher.submit(model, ["أول"]))
        await gate.wait_until_entered()
        others = [asyncio.create_task(batcher.submit(model, [f"نص {index}", "آخر"])) for index in range(5)]
        await asyncio.sleep(0)
        gate.opened.set()
        return [texts_of(outcomes) for outcomes in await asyncio.gather(first, *others)]

    results = run(work)
    assert results == [["أول"], *([f"نص {index}", "آخر"] for index in range(5))]
    assert [len(batch) for batch in extractor.batches] == [1, 10]


def test_a_batch_keeps_to_its_budget_and_a_long_article_goes_alone() -> None:
    gate = Gate()
    extractor = FakeExtractor(before=gate)
    model = served(extractor)

    async def work(batcher: Batcher) -> None:
        first = asyncio.create_task(batcher.submit(model, ["x"]))
        await gate.wait_until_entered()
        rest = asyncio.create_task(batcher.submit(model, ["a" * 60, "b" * 40, "c" * 41, "d" * 300, "e"]))
        await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(first, rest)

    run(work, Limits(batch_characters=100))
    assert [[text[0] for text in batch] for batch in extractor.batches] == [["x"], ["a", "b"], ["c"], ["d"], ["e"]]


def test_a_full_batch_is_handed_over_before_the_worker_is_free_and_no_smaller_one() -> None:
    gate = Gate()
    extractor = FakeExtractor(before=gate)
    model = served(extractor)

    async def work(batcher: Batcher) -> list[int]:
        tasks = [asyncio.create_task(batcher.submit(model, ["x"]))]
        await gate.wait_until_entered()
        left: list[int] = []
        for texts in (["a" * 60], ["b" * 30, "c" * 30], ["d" * 30]):  # the second fills the batch that the first began
            tasks.append(asyncio.create_task(batcher.submit(model, texts)))
            for _ in range(5):
                await asyncio.sleep(0)
            left.append(len(batcher._waiting))
        gate.opened.set()
        await asyncio.gather(*tasks)
        return left

    assert run(work, Limits(batch_characters=100)) == [1, 1, 2]
    assert [[text[0] for text in batch] for batch in extractor.batches] == [["x"], ["a", "b"], ["c", "d"]]


def test_two_full_batches_are_in_work_at_once() -> None:
    together = threading.Barrier(2)
    extractor = FakeExtractor(before=lambda _: together.wait(10) and None)

    async def work(batcher: Batcher) -> list[Outcome]:
        return list(await batcher.submit(served(extractor), ["a" * 100, "b" * 100]))

    outcomes = run(work, Limits(batch_characters=100))
    assert [type(outcome) for outcome in outcomes] == [Extraction, Extraction]  # alone, each would wait in vain
    assert len(extractor.batches) == 2


def test_articles_admitted_with_one_model_are_never_answered_by_another() -> None:
    gate = Gate()
    old, new = FakeExtractor(before=gate), FakeExtractor()

    async def work(batcher: Batcher) -> None:
        first = asyncio.create_task(batcher.submit(served(old, "old"), ["a", "b"]))
        await gate.wait_until_entered()
        second = asyncio.create_task(batcher.submit(served(new, "new"), ["c"]))
        await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(first, second)

    run(work)
    assert (old.batches, new.batches) == ([["a", "b"]], [["c"]])


def test_an_article_that_breaks_its_batch_fails_alone() -> None:
    outcomes = predict_each(served(FakeExtractor()), ["الجيش", "تعطل", "غارة"])
    assert texts_of(outcomes) == ["الجيش", "article-failed", "غارة"]


def test_an_error_that_a_user_can_mend_is_told() -> None:
    class Refusing(FakeExtractor):
        def predict(self, texts: Sequence[str]) -> list[Extraction]:
            raise InputError("the text is in the wrong encoding")

    (outcome,) = predict_each(served(Refusing()), ["x"])
    assert isinstance(outcome, Problem)
    assert "wrong encoding" in outcome.detail


def test_a_model_that_loses_a_result_is_asked_again_one_by_one() -> None:
    class Forgetful(FakeExtractor):
        def predict(self, texts: Sequence[str]) -> list[Extraction]:
            return FakeExtractor.predict(self, texts)[:1]

    assert texts_of(predict_each(served(Forgetful()), ["a", "b"])) == ["a", "b"]


def test_stopping_finishes_what_waits_and_refuses_what_comes() -> None:
    gate = Gate()
    model = served(FakeExtractor(before=gate))

    async def live() -> tuple[list[str], list[str]]:
        batcher = Batcher(Limits(batch_characters=3), Metrics())
        batcher.start()
        first = asyncio.create_task(batcher.submit(model, ["aaa", "bbb"]))
        second = asyncio.create_task(batcher.submit(model, ["ccc"]))
        await gate.wait_until_entered()
        stopping = asyncio.create_task(batcher.stop())
        await asyncio.sleep(0)
        with pytest.raises(ProblemError) as caught:
            await batcher.submit(model, ["late"])
        assert caught.value.problem.status == 503
        gate.opened.set()
        await stopping
        return texts_of(await first), texts_of(await second)

    assert asyncio.run(live()) == (["aaa", "bbb"], ["ccc"])


def test_abandoned_articles_leave_the_queue_without_being_read() -> None:
    gate = Gate()
    extractor = FakeExtractor(before=gate)
    model = served(extractor)

    async def work(batcher: Batcher) -> None:
        first = asyncio.create_task(batcher.submit(model, ["a"]))
        await gate.wait_until_entered()
        abandoned = asyncio.create_task(batcher.submit(model, ["b", "c"]))
        await asyncio.sleep(0)
        abandoned.cancel()
        await asyncio.sleep(0)
        gate.opened.set()
        await first
        await batcher.submit(model, ["d", "e"])  # fits only if the abandoned ones have given back their room

    run(work, Limits(queue_articles=3, request_articles=3))
    assert extractor.batches == [["a"], ["d", "e"]]


def test_a_request_larger_than_the_queue_is_refused_for_good() -> None:
    async def work(batcher: Batcher) -> int:
        with pytest.raises(ProblemError) as caught:
            await batcher.submit(served(FakeExtractor()), ["x" * 60, "y" * 60])
        return caught.value.problem.status

    assert run(work, Limits(queue_characters=100, article_characters=100)) == 413
