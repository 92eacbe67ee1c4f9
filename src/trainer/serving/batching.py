"""Dynamic batching: whatever waits when the model falls idle goes through it together.

No timer delays a lone request. While a batch is in work, new articles gather; the next batch takes
them in the order they came, up to a budget of characters. As soon as they fill that budget they are
handed to a worker thread, who then need not wait for the event loop between two batches. Two batches
are in work at a time: reading and decoding use one core, and would leave the encoder idle.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from trainer.core.errors import TrainerError
from trainer.runtime.result import Extraction
from trainer.serving.extractor import ServedModel
from trainer.serving.limits import Limits
from trainer.serving.metrics import Metrics
from trainer.serving.problems import (
    Problem,
    ProblemError,
    article_failed,
    invalid_article,
    not_ready,
    queue_full,
    request_too_large,
    too_slow,
)

_log = logging.getLogger(__name__)
_FIRST_GUESS = 20_000.0  # characters a second of one batch, until it has been measured
_MEMORY = 0.9  # of the moving average of the rate
_AT_ONCE = 2  # batches in work: one reads or decodes, which is Python, while another is in the encoder
_IN_FLIGHT = _AT_ONCE + 1  # and one ready

Outcome = Extraction | Problem


@dataclass(slots=True)
class _Waiting:
    model: ServedModel
    text: str
    future: asyncio.Future[Outcome]


class Batcher:
    """The queue in front of the model.

    Args:
        limits: Of the queue and of a batch.
        metrics: Where batches are counted.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits = limits
        self._metrics = metrics
        self._waiting: deque[_Waiting] = deque()
        self._waiting_characters = 0
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._running = 0
        self._articles = 0
        self._characters = 0
        self._rate = _FIRST_GUESS
        self._draining = False

    def start(self) -> None:
        """Begin to serve the queue (inside a running event loop); again after `stop`, too."""
        self._arrived = asyncio.Event()
        self._executor = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="extract")
        self._draining = False
        loop = asyncio.get_running_loop()
        self._tasks = tuple(loop.create_task(self._serve(), name=f"batcher-{number}") for number in range(_IN_FLIGHT))

    async def stop(self) -> None:
        """Refuse new work, finish what waits, end."""
        self._draining = True
        if not self._tasks:
            return
        self._arrived.set()
        await asyncio.gather(*self._tasks)
        self._executor.shutdown()

    async def submit(self, model: ServedModel, texts: Sequence[str]) -> list[Outcome]:
        """Results of some texts in their order; a text that cannot be processed has a problem instead.

        Raises:
            ProblemError: 413 if the queue could never hold them, 429 if it is full, 503 while
                shutting down or when the time of a request is over.
        """
        if not texts:
            return []
        self._admit(len(texts), sum(map(len, texts)))
        loop = asyncio.get_running_loop()
        waiting = [_Waiting(model, text, loop.create_future()) for text in texts]
        self._waiting.extend(waiting)
        self._waiting_characters += sum(map(len, texts))
        self._arrived.set()
        try:
            async with asyncio.timeout(self._limits.seconds):
                return [await item.future for item in waiting]
        except TimeoutError as error:
            raise ProblemError(too_slow(self._limits.seconds)) from error
        finally:
            for item in waiting:
                item.future.cancel()  # a no-op where it is done; the queue passes over what is cancelled
            self._release(len(texts), sum(map(len, texts)))

    def check_open(self) -> None:
        """Whether new work is taken.

        Raises:
            ProblemError: 503 while shutting down.
        """
        if self._draining:
            raise ProblemError(not_ready("The service is shutting down."))

    def _admit(self, articles: int, characters: int) -> None:
        self.check_open()
        if articles > self._limits.queue_articles or characters > self._limits.queue_characters:
            limit = f"{self._limits.queue_articles:,} articles and {self._limits.queue_characters:,} characters"
            raise ProblemError(request_too_large(f"A request has at most {limit}; send several."))
        if (
            self._articles + articles > self._limits.queue_articles
            or self._characters + characters > self._limits.queue_characters
        ):
            self._metrics.refused.inc()
            raise ProblemError(queue_full(min(60, max(1, math.ceil(self._characters / (_AT_ONCE * self._rate))))))
        self._articles += articles
        self._characters += characters
        self._metrics.queued.set(self._articles)

    def _release(self, articles: int, characters: int) -> None:
        self._articles -= articles
        self._characters -= characters
        self._metrics.queued.set(self._articles)

    async def _serve(self) -> None:
        """Batch after batch; of these tasks two work, and another has the next full batch ready."""
        loop = asyncio.get_running_loop()
        while True:
            batch = self._take()
            if not batch:
                if self._draining:
                    return
                self._arrived.clear()
                await self._arrived.wait()
                continue
            self._running += 1
            try:
                outcomes, seconds = await loop.run_in_executor(
                    self._executor, _time_batch, batch[0].model, [item.text for item in batch]
                )
            finally:
                self._running -= 1
            self._record(batch, outcomes, seconds)
            for item, outcome in zip(batch, outcomes, strict=True):
                if not item.future.done():
                    item.future.set_result(outcome)

    def _take(self) -> list[_Waiting]:
        """The next batch: one model, within the budget of characters, at least one article.

        Nothing while another batch is in work, unless what waits fills one.
        """
        batch: list[_Waiting] = []
        budget = self._limits.batch_characters
        if self._running and self._waiting_characters < budget:
            return batch
        while self._waiting:
            item = self._waiting[0]
            if item.future.done():
                self._pop()
                continue
            if batch and (item.model is not batch[0].model or len(item.text) > budget):
                break
            batch.append(self._pop())
            budget -= len(item.text)
        return batch

    def _pop(self) -> _Waiting:
        item = self._waiting.popleft()
        self._waiting_characters -= len(item.text)
        return item

    def _record(self, batch: Sequence[_Waiting], outcomes: Sequence[Outcome], seconds: float) -> None:
        characters = sum(len(item.text) for item in batch)
        if characters:
            self._rate = _MEMORY * self._rate + (1 - _MEMORY) * characters / max(seconds, 1e-6)
        failed = sum(isinstance(outcome, Problem) for outcome in outcomes)
        self._metrics.batch_articles.observe(len(batch))
        self._metrics.batch_seconds.observe(seconds)
        self._metrics.characters.inc(characters)
        self._metrics.articles.labels("ok").inc(len(batch) - failed)
        self._metrics.articles.labels("failed").inc(failed)


def _time_batch(model: ServedModel, texts: Sequence[str]) -> tuple[list[Outcome], float]:
    began = time.perf_counter()
    outcomes = predict_each(model, texts)
    return outcomes, time.perf_counter() - began


def predict_each(model: ServedModel, texts: Sequence[str]) -> list[Outcome]:
    """Results of a batch; if the batch as a whole fails, each article is tried alone."""
    try:
        outcomes: list[Outcome] = list(model.extractor.predict(texts))
        if len(outcomes) == len(texts):
            return outcomes
        _log.error("the model gave %d results for %d articles; trying each alone", len(outcomes), len(texts))
    except Exception as error:  # whatever one article provokes must not reach the others
        _log.warning("a batch of %d articles failed (%s); trying each alone", len(texts), type(error).__name__)
    return [_predict_one(model, text) for text in texts]


def _predict_one(model: ServedModel, text: str) -> Outcome:
    try:
        (outcome,) = model.extractor.predict([text])
    except TrainerError as error:
        return invalid_article(error.message)
    except Exception:
        _log.exception("extraction failed on an article of %d characters", len(text))
        return article_failed()
    return outcome
