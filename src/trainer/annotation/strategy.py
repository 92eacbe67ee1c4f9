"""The strategies of the labelling queue, by name (the command line lists them without loading numpy)."""

from __future__ import annotations

from enum import Enum


class Strategy(Enum):
    """What the order of the queue heeds."""

    BOTH = "both"
    UNCERTAINTY = "uncertainty"
    DIVERSITY = "diversity"
    RANDOM = "random"
