"""How the labelling queue orders articles, by name (the command line lists the names without loading numpy)."""

from __future__ import annotations

from enum import Enum


class Strategy(Enum):
    """What the order of the queue heeds."""

    BOTH = "both"
    UNCERTAINTY = "uncertainty"
    DIVERSITY = "diversity"
    RANDOM = "random"


class Effort(Enum):
    """What an annotation costs: so much for each word read and marked, or the same for each article."""

    WORDS = "words"
    ARTICLES = "articles"
