"""The ``event_head`` keys of ``python -m trainer train``."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.core.errors import ConfigError


@dataclass
class EventHeadConfig:
    """The head that gives types and links.

    Attributes:
        enabled: Whether a run gets one; it never does where the data has neither types nor links.
        hidden: Units of its hidden layers.
        dropout: Of pooled states and hidden units.
        learning_rate: At the first epoch; it falls linearly.
        weight_decay: Decoupled decay.
        batch: Pairs of one update; a quarter as many operations.
        epochs: Most passes over the gold spans.
        joint: Weight of the event losses while the tagger itself is trained; 0 leaves its encoder to the tags alone.
        patience: Epochs without a better dev score, of types or of links, before fitting stops; null never stops early.
    """

    enabled: bool = True
    hidden: int = 128
    dropout: float = 0.2
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    batch: int = 512
    epochs: int = 20
    patience: int | None = 5
    joint: float = 0.0

    def __post_init__(self) -> None:
        for key in ("hidden", "learning_rate", "epochs", "patience"):
            value = getattr(self, key)
            _require(value is None or value > 0, key, value, "give a positive number")
        _require(0 <= self.dropout < 1, "dropout", self.dropout, "give 0 or more, below 1")
        for key in ("weight_decay", "joint"):
            _require(getattr(self, key) >= 0, key, getattr(self, key), "give 0 or more")
        _require(self.hidden % 2 == 0, "hidden", self.hidden, "give an even number")
        _require(self.batch >= 4, "batch", self.batch, "give at least 4")


def _require(holds: bool, key: str, value: object, remedy: str) -> None:
    if not holds:
        raise ConfigError(f"{value!r} is not allowed", record=f"event_head.{key}", remedy=remedy)
