"""Fitting of the event head on the states of a finished tagger.

The encoder is passed over once; then epochs over pooled spans and pairs take seconds. Types and
links share no weights, so each keeps the epoch that is best on dev, and the threshold of links is
chosen there too.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from trainer.core.files import write_bytes
from trainer.core.schema import EventSchema
from trainer.learning.event_config import EventHeadConfig
from trainer.learning.event_examples import Examples
from trainer.learning.event_net import NO_LINK, EventNet
from trainer.runtime.event_head import EVENT_HEAD, EventHead, HeadSettings
from trainer.runtime.packing import render_tensors
from trainer.runtime.tagging import Floats

logger = logging.getLogger(__name__)

_THRESHOLDS = tuple(round(0.2 + 0.025 * step, 3) for step in range(25))  # 0.2 to 0.8
_TYPES, _LINKS = "type_", "link_"


@dataclass(slots=True)
class _Best:
    """The best epoch of one half of the net."""

    prefix: str
    score: float = -1.0
    threshold: float = 0.5
    epoch: int = 0
    weights: Mapping[str, Floats] | None = None

    def consider(self, net: EventNet, score: float, epoch: int, threshold: float = 0.5) -> None:
        if score > self.score:
            state = net.state_dict().items()
            self.weights = {name: value.numpy().copy() for name, value in state if name.startswith(self.prefix)}
            self.score, self.epoch, self.threshold = score, epoch, threshold


def fit_event_head(
    train: Examples, dev: Examples, schema: EventSchema, config: EventHeadConfig, seed: int
) -> EventHead | None:
    """Fit a head on gold spans.

    Args:
        train: Examples to learn from.
        dev: Examples that pick the epochs and the threshold.
        schema: Names types and roles.
        config: See `EventHeadConfig`.
        seed: Of weights, order and dropout.

    Returns:
        The head; None where the training articles hold neither types nor links.
    """
    types = len(schema.types) if len(train.types) else 0
    roles = len(schema.roles) if bool((train.roles != NO_LINK).any()) else 0
    if not types and not roles:
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = EventNet(train.width, types, roles, config.hidden, config.dropout)
        best = _fit(net, train, dev, config)
    weights = {name: value for half in best for name, value in (half.weights or {}).items()}
    logger.info(
        "event head: on dev's gold spans type accuracy %.1f (epoch %d), link F1 %.1f (epoch %d, threshold %.3f)",
        100 * max(best[0].score, 0.0),
        best[0].epoch,
        100 * max(best[1].score, 0.0),
        best[1].epoch,
        best[1].threshold,
    )
    settings = HeadSettings(
        schema.type_names if types else (),
        tuple(role.name for role in schema.roles) if roles else (),
        best[1].threshold,
        train.width,
    )
    return EventHead(settings, weights)


def write_event_head(directory: Path, head: EventHead) -> None:
    """Write ``event_head.safetensors``, whole or not at all."""
    weights = {name: np.ascontiguousarray(value) for name, value in sorted(head.weights.items())}
    write_bytes(directory / EVENT_HEAD, render_tensors(weights, head.settings.to_metadata()))


def _fit(net: EventNet, train: Examples, dev: Examples, config: EventHeadConfig) -> tuple[_Best, _Best]:
    optimiser = torch.optim.AdamW(
        net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    fade = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, total_iters=config.epochs)
    types, links = _Best(_TYPES), _Best(_LINKS)
    for epoch in range(1, config.epochs + 1):
        net.train()
        if net.types:
            for rows in torch.randperm(len(train.types)).split(config.batch // 4):
                _update(optimiser, type_loss(net, train, rows))
        if net.roles:
            for rows in torch.randperm(len(train.roles)).split(config.batch):
                _update(optimiser, link_loss(net, train, rows))
        fade.step()
        net.eval()
        with torch.inference_mode():
            if net.types:
                types.consider(net, _type_accuracy(net, dev), epoch)
            if net.roles:
                score, threshold = _best_threshold(net, dev)
                links.consider(net, score, epoch, threshold)
        since = epoch - max(types.epoch, links.epoch)
        if config.patience is not None and since >= config.patience:
            break
    return types, links


def type_loss(net: EventNet, examples: Examples, rows: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the types of some operations."""
    return functional.cross_entropy(net.score_types(examples.pooled[examples.operations[rows]]), examples.types[rows])


def link_loss(net: EventNet, examples: Examples, rows: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the roles of some pairs."""
    return functional.cross_entropy(net.score_links(examples.pooled, examples.pairs.take(rows)), examples.roles[rows])


def _update(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def _type_accuracy(net: EventNet, dev: Examples) -> float:
    if not len(dev.types):
        return 0.0
    right = net.score_types(dev.pooled[dev.operations]).argmax(dim=1) == dev.types
    return float(right.float().mean())


def _best_threshold(net: EventNet, dev: Examples) -> tuple[float, float]:
    """The best link F1 on dev and its threshold."""
    probabilities = torch.softmax(net.score_links(dev.pooled, dev.pairs), dim=1)[:, NO_LINK + 1 :]
    sureness, best = probabilities.max(dim=1)
    right = best + NO_LINK + 1 == dev.roles
    return max((_link_f1(right, sureness >= threshold, dev.links), threshold) for threshold in _THRESHOLDS)


def _link_f1(right: torch.Tensor, chosen: torch.Tensor, gold: int) -> float:
    predicted = int(chosen.sum())
    return 2 * int((right & chosen).sum()) / (predicted + gold) if predicted + gold else 0.0
