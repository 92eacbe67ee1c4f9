"""The loss of a word's tag."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import nn


def build_loss(labels: Iterable[Sequence[int]], tags: int, smoothing: float, weighting: float) -> nn.CrossEntropyLoss:
    """Summed cross-entropy.

    Args:
        labels: Tag indices of each window; negative ones are ignored.
        tags: How many tags there are.
        smoothing: Share of the target spread over all tags (Szegedy et al. 2016).
        weighting: A tag weighs its frequency to the power of minus this; scaled so that a word
            weighs 1 on average. 0 weighs all alike.
    """
    weight = None
    if weighting > 0:
        counts = np.zeros(tags)
        for row in labels:
            found = np.asarray(row, dtype=np.int64)
            counts += np.bincount(found[found >= 0], minlength=tags)
        shares = np.maximum(counts, 1.0) / max(counts.sum(), 1.0)
        raw = shares**-weighting
        weight = torch.tensor(raw / (raw * shares).sum(), dtype=torch.float32)
    return nn.CrossEntropyLoss(weight=weight, label_smoothing=smoothing, reduction="sum")
