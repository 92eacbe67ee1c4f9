"""Training of tagger and event head together: one encoder pass, the sum of their losses.

The net that is trained along rides on the tagger as a submodule, so that optimiser, checkpoints
and resumption know it; it comes off before the run is written. Its use is what it teaches the
encoder: the head that a run keeps is fitted afterwards on the encoder's final states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader
from transformers import PreTrainedModel

from trainer.core.candidates import find_candidates
from trainer.core.schema import EventSchema
from trainer.core.types import Article
from trainer.learning.event_config import EventHeadConfig
from trainer.learning.event_examples import find_roles
from trainer.learning.event_net import EventNet, Pairs
from trainer.learning.loop import TaggerTrainer
from trainer.runtime.reading import EncodedWindow, Reading

_NET = "event_net"
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class WindowEvents:
    """The gold events of a window; words count from the window's first, spans from its first span.

    Attributes:
        tokens: ``(words,)`` position of each word's first token.
        spans: ``(spans, 2)`` first word and one past the last.
        operations: ``(operations, 2)`` span and type.
        pairs: ``(pairs, 4)`` operation, argument, first word between and one past the last.
        structure: ``(pairs, STRUCTURE)``.
        allowed: ``(pairs, roles)``.
        roles: ``(pairs,)`` 0 for no link, else 1 + role.
    """

    tokens: Integers
    spans: Integers
    operations: Integers
    pairs: Integers
    structure: NDArray[np.float32]
    allowed: NDArray[np.bool_]
    roles: Integers


def attach_event_net(tagger: PreTrainedModel, schema: EventSchema, config: EventHeadConfig) -> None:
    """Put a net of random weights on a tagger, where joint training is asked for and the schema has events."""
    if config.enabled and config.joint > 0 and (schema.types or schema.roles):
        width = int(tagger.config.hidden_size)
        net = EventNet(width, len(schema.types), len(schema.roles), config.hidden, config.dropout)
        tagger.add_module(_NET, net)


def has_event_net(tagger: PreTrainedModel) -> bool:
    """Whether a net rides on a tagger."""
    return hasattr(tagger, _NET)


def detach_event_net(tagger: PreTrainedModel) -> None:
    """Take the net off, so that a plain token classifier is saved."""
    if has_event_net(tagger):
        delattr(tagger, _NET)


def find_window_events(
    articles: Sequence[Article], readings: Sequence[Reading], schema: EventSchema
) -> list[WindowEvents]:
    """The events of each window, in the order of `trainer.learning.encoding.encode_readings`.

    A window teaches the operations whose first word it owns, with the arguments that lie inside it.

    Args:
        articles: Annotated articles.
        readings: The same ones that the windows were encoded from: noise moves tokens.
        schema: Names types and roles.
    """
    found: list[WindowEvents] = []
    for article, reading in zip(articles, readings, strict=True):
        candidates = find_candidates(reading.words, reading.paragraphs, article.spans, schema)
        kinds = [schema.type_names.index(span.type) if span.type else -1 for span in article.spans]
        types = np.array(kinds, dtype=np.int64)
        roles = find_roles(article, candidates, schema)
        between = np.stack(candidates.between(), axis=1)
        for encoded in reading.windows:
            window = encoded.window
            inside = (candidates.first >= window.first) & (candidates.last <= window.last)
            owned = inside & (candidates.first >= window.own_first) & (candidates.first < window.own_last)
            place = np.cumsum(inside) - 1  # index of each span among those of the window
            kept = owned[candidates.operations] & inside[candidates.arguments]
            ends = np.stack((place[candidates.operations], place[candidates.arguments]), axis=1)
            typed = np.flatnonzero(owned & (types >= 0))
            found.append(
                WindowEvents(
                    tokens=_token_positions(encoded),
                    spans=np.stack((candidates.first, candidates.last), axis=1)[inside] - window.first,
                    operations=np.stack((place[typed], types[typed]), axis=1),
                    pairs=np.concatenate((ends, between - window.first), axis=1)[kept],
                    structure=candidates.structure[kept],
                    allowed=candidates.allowed[kept],
                    roles=roles[kept],
                )
            )
    return found


def _token_positions(encoded: EncodedWindow) -> Integers:
    return np.minimum(encoded.first_tokens, len(encoded.ids) - 1)


class _EventCollator:
    """Adds ``events``, the joined events of a batch's windows, to what another collator makes of it."""

    def __init__(self, inner: Callable[[Any], dict[str, torch.Tensor]], events: Sequence[WindowEvents]) -> None:
        self._inner, self._events = inner, events

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = self._inner(rows)
        longest = batch["input_ids"].shape[1]
        parts = [self._events[row["window"]] for row in rows]
        joined: dict[str, list[NDArray[Any]]] = {key: [] for key in WindowEvents.__slots__}
        words = spans = 0
        for row, part in enumerate(parts):
            joined["tokens"].append(part.tokens + row * longest)
            joined["spans"].append(part.spans + words)
            joined["operations"].append(part.operations + np.array([spans, 0]))
            joined["pairs"].append(part.pairs + np.array([spans, spans, words, words]))
            for key in ("structure", "allowed", "roles"):
                joined[key].append(getattr(part, key))
            words, spans = words + len(part.tokens), spans + len(part.spans)
        batch["events"] = {key: torch.from_numpy(np.concatenate(values)) for key, values in joined.items()}
        return batch


class JointTrainer(TaggerTrainer):
    """Trains a tagger on which an event net rides.

    Args:
        tagger: With `attach_event_net` done.
        windows: From `trainer.learning.encoding.encode_articles`.
        rest: As `TaggerTrainer` takes them.
        events: Of each window.
        weight: Of the event losses beside the tags' loss.
    """

    def __init__(
        self, tagger: PreTrainedModel, windows: Any, *rest: Any, events: Sequence[WindowEvents], weight: float
    ) -> None:
        super().__init__(tagger, windows.add_column("window", list(range(len(windows)))), *rest)
        self._events, self._weight = events, weight

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches with the events of their windows."""
        loader = super().get_train_dataloader()
        loader.collate_fn = _EventCollator(loader.collate_fn, self._events)
        return loader

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The tags' loss plus the weighted event losses, which count as much as the batch's share of tagged words."""
        events = inputs.pop("events")
        tagged = (inputs["labels"] >= 0).sum()
        inputs = {**inputs, "output_hidden_states": True}
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        share = 1.0 if num_items_in_batch is None else tagged / num_items_in_batch * self.accelerator.num_processes
        net: EventNet = getattr(self.accelerator.unwrap_model(model), _NET)
        loss = loss + self._weight * share * event_loss(net, outputs.hidden_states[-1], events)
        return (loss, outputs) if return_outputs else loss


def event_loss(net: EventNet, states: torch.Tensor, events: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Mean cross-entropy of types plus that of links.

    Args:
        net: Scores types and links.
        states: ``(rows, tokens, width)`` last hidden states.
        events: As the collator joins them.
    """
    words = states.flatten(0, 1)[events["tokens"]].float()
    sums = torch.cat((words.new_zeros(1, words.shape[1]), words.cumsum(dim=0)))

    def average(first: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        return (sums[last] - sums[first]) / (last - first).clamp(min=1)[:, None]

    first, last = events["spans"].T
    pooled = torch.cat((words[first], average(first, last)), dim=1)
    return sum(_losses(net, pooled, events, average), start=_nothing(net))


def _losses(
    net: EventNet,
    pooled: torch.Tensor,
    events: Mapping[str, torch.Tensor],
    average: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> Iterator[torch.Tensor]:
    rows, types = events["operations"].T
    if net.types and len(rows):
        yield functional.cross_entropy(net.score_types(pooled[rows]), types)
    operations, arguments, begin, end = events["pairs"].T
    if net.roles and len(operations):
        pairs = Pairs(operations, arguments, average(begin, end), events["structure"], events["allowed"])
        yield functional.cross_entropy(net.score_links(pooled, pairs), events["roles"])


def _nothing(net: EventNet) -> torch.Tensor:
    """Zero that reaches every weight: a distributed run waits for the gradient of each, events or not."""
    return torch.stack([weight.sum() for weight in net.parameters()]).sum() * 0.0
