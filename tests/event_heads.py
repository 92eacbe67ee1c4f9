"""Event heads of random weights, and examples whose answer is a rule, for tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from trainer.core.schema import EventSchema
from trainer.learning.event_net import EventNet
from trainer.runtime.event_head import EventHead, HeadSettings
from trainer.runtime.reading import Reading
from trainer.runtime.tagging import Floats
from trainer.runtime.word_hashes import WIDTH as HASHES_OF_ONE

WIDTH = 32
HASHES = 2 * HASHES_OF_ONE


def build_net(schema: EventSchema, width: int = WIDTH, seed: int = 0) -> EventNet:
    """A net of random weights, in evaluation mode."""
    torch.manual_seed(seed)
    return EventNet(width + HASHES, len(schema.types), len(schema.roles), 16, 0.1).eval()


def build_head(schema: EventSchema, width: int = WIDTH, threshold: float = 0.34, seed: int = 0) -> EventHead:
    """The head of `build_net`."""
    weights = {name: value.numpy() for name, value in build_net(schema, width, seed).state_dict().items()}
    roles = tuple(role.name for role in schema.roles)
    return EventHead(HeadSettings(schema.type_names, roles, threshold, width + HASHES), weights)


def letter_states(readings: Sequence[Reading], tags: int = 7) -> list[tuple[Floats, Floats]]:
    """States that say which letters a word has, and logits that find nothing."""
    scored = []
    for reading in readings:
        states = np.zeros((len(reading.words), WIDTH), dtype=np.float32)
        for row, word in enumerate(reading.words):
            for letter in word.normal:
                states[row, ord(letter) % WIDTH] += 1.0
        logits = np.zeros((len(reading.words), tags), dtype=np.float32)
        logits[:, 0] = 10.0
        scored.append((logits, states))
    return scored
