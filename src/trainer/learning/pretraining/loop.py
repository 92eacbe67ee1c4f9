"""The loop of pretraining: reads, masks, steps, measures, saves; stops when the budget is spent."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from trainer.learning.pretraining.batches import Batch, Draw, read_batches
from trainer.learning.pretraining.blocks import Special, Stream
from trainer.learning.pretraining.config import Optimiser, PretrainConfig
from trainer.learning.pretraining.encoder import count_positions
from trainer.learning.pretraining.loss import MaskedLoss
from trainer.learning.pretraining.masking import mask_words
from trainer.learning.pretraining.optimiser import Muon, split_parameters
from trainer.learning.pretraining.processes import Processes
from trainer.learning.pretraining.schedule import measure_progress, scale_rate
from trainer.learning.pretraining.state import Counters, load_checkpoint, restore, save_checkpoint

LOG = "history.jsonl"


@dataclass(frozen=True, slots=True)
class Report:
    """What a run says about itself now and then.

    ``loss`` is the mean since the last report, if a step was made; ``held_out_loss`` and ``held_out_accuracy``
    follow a measurement only.
    """

    step: int
    tokens: int
    seconds: float
    progress: float
    rate: float
    loss: float | None
    tokens_per_second: float
    held_out_loss: float | None = None
    held_out_accuracy: float | None = None


def build_optimisers(model: nn.Module, config: PretrainConfig) -> list[torch.optim.Optimizer]:
    """Muon for matrices, AdamW for the rest; their peak rates are kept in each group as ``peak``.

    The tied output layer gives every row of the embeddings a small gradient at each step, which AdamW blows up to
    a full one: embeddings get a lower rate, else rare pieces would lose what their static vectors know.
    """
    matrices, embeddings, vectors = split_parameters(model)
    groups: list[dict[str, Any]] = [
        {"params": embeddings, "lr": config.learning_rate * config.embedding_rate, "weight_decay": 0.0},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimisers: list[torch.optim.Optimizer] = []
    if config.optimiser is Optimiser.muon:
        optimisers.append(Muon(matrices, config.learning_rate, weight_decay=config.weight_decay))
    else:
        groups.append({"params": matrices, "weight_decay": config.weight_decay})
    kind = {"fused": True} if embeddings[0].is_cuda else {"foreach": True}
    optimisers.append(torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), **kind))
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
    return optimisers


class Trainer:
    """A pretraining run.

    Args:
        config: Its settings.
        model: A masked language model, in fp32.
        training: What it learns from.
        held_out: What it is measured on.
        special: Ids of special tokens.
        processes: This process among those of the run.
    """

    def __init__(
        self,
        config: PretrainConfig,
        model: nn.Module,
        training: Stream,
        held_out: Stream,
        special: Special,
        processes: Processes,
    ) -> None:
        self.config = config
        self.held_out = held_out
        self.special = special
        self.processes = processes
        self.model = model.to(processes.device)
        self.optimisers = build_optimisers(self.model, config)
        self.compiled = processes.device.type == "cuda" if config.compiled is None else config.compiled
        wrapped = processes.wrap(MaskedLoss(self.model))
        self.loss = torch.compile(wrapped, dynamic=False) if self.compiled else wrapped
        self.counters = Counters()
        self.draw = Draw(
            training, special, max(1, config.batch_tokens // config.length // processes.count), config.length,
            config.mask_rate, count_positions(model) if config.shift_positions else None, config.seed,
            processes.rank, processes.count, self.compiled,
        )  # fmt: skip
        self._batches: Iterator[Batch] | None = None
        if (content := load_checkpoint(config.work)) is not None:
            self.counters = restore(content, self.model, self.optimisers, config.work)
            for optimiser, fresh in zip(self.optimisers, build_optimisers(self.model, config), strict=True):
                for group, new in zip(optimiser.param_groups, fresh.param_groups, strict=True):
                    group["peak"] = new["peak"]  # a resumed run may change its rate

    @property
    def progress(self) -> float:
        """Share of the budget that is spent."""
        return measure_progress(self.counters.seconds, self.counters.tokens, self.config.minutes, self.config.tokens)

    def run(self, report: Callable[[Report], None]) -> bool:
        """Trains until the budget is spent, or SIGTERM comes; calls ``report`` every few seconds.

        Returns:
            Whether the budget is spent; a run that was told to stop has saved where it stands.
        """
        asked: list[int] = []
        before = signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
        try:
            self._train(report, asked)
        finally:
            signal.signal(signal.SIGTERM, before)
        return self.processes.agree(float(bool(asked))) == 0.0

    def _train(self, report: Callable[[Report], None], asked: list[int]) -> None:
        if self.compiled and self.progress < 1.0:
            self._compile()
        saved = spoken = time.monotonic()
        losses: list[torch.Tensor] = []
        tokens_then, seconds_then = self.counters.tokens, self.counters.seconds
        while (progress := self.processes.agree(2.0 if asked else self.progress)) < 1.0:
            begin = time.monotonic()
            rate = self.config.learning_rate * scale_rate(progress, self.config.warm_up, self.config.decay_from)
            losses.append(self.step(rate / self.config.learning_rate))
            now = time.monotonic()
            self.counters.seconds += now - begin
            if now - spoken >= 10.0:
                speed = (self.counters.tokens - tokens_then) / max(self.counters.seconds - seconds_then, 1e-9)
                report(self._describe(rate, losses, speed, None))
                losses, spoken = [], now
                tokens_then, seconds_then = self.counters.tokens, self.counters.seconds
            if self.processes.agree(now - saved) >= 60 * self.config.save_minutes:
                self._save(report, rate, losses)
                saved = spoken = time.monotonic()
        self._save(report, 0.0, losses)

    def _compile(self) -> None:
        """Compiles before the clock starts: the time budget buys steps, and the rate rises with the first of them."""
        self._differentiate(self.draw.at(self.counters.cursor).move(self.processes.device))
        self.model.zero_grad(set_to_none=True)

    def _differentiate(self, batch: Batch) -> torch.Tensor:
        with self.processes.autocast(self.config.precision):
            loss, _ = self.loss(batch.ids, batch.positions, batch.places, batch.labels)
        loss.backward()
        return loss.detach()

    def step(self, scale: float) -> torch.Tensor:
        """One update at a multiple of the peak rates; returns the mean loss, which a GPU may still be computing."""
        if self._batches is None:
            pinned = self.processes.device.type == "cuda"
            self._batches = read_batches(self.draw, self.counters.cursor, self.config.readers, pinned)
        batch = next(self._batches).move(self.processes.device)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * scale
        loss = self._differentiate(batch)
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip, foreach=True)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.counters.step += 1
        self.counters.cursor = batch.cursor
        self.counters.tokens += batch.ids.numel() * self.processes.count
        return loss

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def measure(self, tokens: int = 32_768) -> tuple[float, float]:
        """Loss and share of right guesses on held-out documents, masked the same way each time."""
        self.model.eval()
        module = MaskedLoss(self.model).eval()
        cursor, places, right, total = 0, 0, 0.0, 0.0
        sequences = max(1, 4096 // self.config.length)
        while cursor < min(tokens, self.held_out.total):
            block = self.held_out.block(cursor, sequences, self.config.length)
            masked = mask_words(block, 0.15, self.special, np.random.default_rng((7, cursor)))
            cursor = block.cursor
            if not len(masked.places):
                continue
            parts = (
                torch.from_numpy(part).to(self.processes.device) for part in (masked.ids, masked.places, masked.labels)
            )
            ids, where, labels = parts
            with self.processes.autocast(self.config.precision):
                loss, hits = module(ids, None, where, labels)
            total += float(loss) * len(where)
            right += float(hits)
            places += len(where)
        self.model.train()
        return total / max(places, 1), right / max(places, 1)

    def _describe(
        self, rate: float, losses: list[torch.Tensor], speed: float, measured: tuple[float, float] | None
    ) -> Report:
        counters = self.counters
        loss = round(float(torch.stack(losses).mean()), 4) if losses else None
        return Report(
            counters.step, counters.tokens, round(counters.seconds, 1), round(self.progress, 4), rate, loss,
            round(speed, 1), *((round(measured[0], 4), round(measured[1], 4)) if measured else (None, None)),
        )  # fmt: skip

    def _save(self, report: Callable[[Report], None], rate: float, losses: list[torch.Tensor]) -> None:
        if self.processes.main:
            speed = self.counters.tokens / max(self.counters.seconds, 1e-9)
            described = self._describe(rate, losses, speed, self.measure())
            save_checkpoint(self.config.work, self.model, self.optimisers, self.counters)
            append_history(self.config.work, described)
            report(described)
        self.processes.wait()


def append_history(folder: Path, report: Report) -> None:
    """Adds a line to the run's log."""
    line = {name: getattr(report, name) for name in Report.__slots__}
    with (folder / LOG).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
