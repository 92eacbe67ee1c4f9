"""What makes a checkpoint's confidence honest; fitted on dev by `trainer.learning.calibrate`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Calibration:
    """Of words, then of spans.

    Attributes:
        temperature: Divides the tagger's logits (Guo et al. 2017).
        slope: Multiplies the log-odds of a span's score (Platt 2000).
        offset: Added to them.
    """

    temperature: float = 1.0
    slope: float = 1.0
    offset: float = 0.0

    def rate(self, score: float) -> float:
        """A span's score: the chance that label and both boundaries are right.

        Args:
            score: The least probability among its words' tags, in [0, 1].
        """
        inside = min(max(score, _LEAST), 1 - _LEAST)
        if (self.slope, self.offset) == (1.0, 0.0):
            return score
        return 1 / (1 + math.exp(-(self.slope * math.log(inside / (1 - inside)) + self.offset)))

    def to_dict(self) -> dict[str, float]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Calibration:
        """The calibration of `to_dict`; what is missing changes nothing."""
        return cls(**{key: float(value[key]) for key in ("temperature", "slope", "offset") if key in value})
