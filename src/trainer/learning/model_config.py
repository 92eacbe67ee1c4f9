"""The ``model`` keys of ``python -m trainer train``."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from trainer.core.errors import ConfigError
from trainer.core.normalisation import Normalisation


class ModelKind(Enum):
    """What is trained."""

    encoder = "encoder"
    crf = "crf"


@dataclass
class ShapeConfig:
    """A BERT encoder's shape, for random weights."""

    layers: int = 6
    hidden: int = 320
    heads: int = 10
    intermediate: int = 1088
    vocabulary: int = 24000
    positions: int = 512

    def __post_init__(self) -> None:
        for key in ("layers", "hidden", "heads", "intermediate", "positions"):
            _require(getattr(self, key) > 0, f"model.shape.{key}", getattr(self, key), "give a positive number")
        _require(self.hidden % self.heads == 0, "model.shape.hidden", self.hidden, "make it a multiple of heads")
        _require(self.vocabulary >= 100, "model.shape.vocabulary", self.vocabulary, "give at least 100 pieces")


@dataclass
class NormalisationConfig:
    """Folding of words beyond the base form; see `trainer.core.normalisation.Normalisation`."""

    fold_alef: bool = False
    fold_ya: bool = False
    fold_ta_marbuta: bool = False
    fold_persian: bool = True
    lowercase: bool = False

    def to_normalisation(self) -> Normalisation:
        """The frozen value that the library works with."""
        return Normalisation(self.fold_alef, self.fold_ya, self.fold_ta_marbuta, self.fold_persian, self.lowercase)


@dataclass
class CrfConfig:
    """The linear-chain CRF baseline.

    Attributes:
        c1: L1 regularisation.
        c2: L2 regularisation.
        iterations: Most L-BFGS iterations.
        clusters: A file of word clusters, as ``cluster-words`` makes one; null trains without.
    """

    c1: float = 0.05
    c2: float = 0.01
    iterations: int = 120
    clusters: Path | None = None

    def __post_init__(self) -> None:
        _require(self.c1 >= 0, "model.crf.c1", self.c1, "give 0 or more")
        _require(self.c2 >= 0, "model.crf.c2", self.c2, "give 0 or more")
        _require(self.iterations > 0, "model.crf.iterations", self.iterations, "give a positive number")


@dataclass
class ModelConfig:
    """The encoder.

    Attributes:
        kind: ``encoder`` (transformers) or ``crf``.
        encoder: Name on the Hub, or a local directory; null takes random weights of ``shape``.
        revision: Branch, tag or commit on the Hub.
        shape: Random weights of this shape when ``encoder`` is null or a relative directory that does not exist.
        normalisation: Used where the encoder's directory has no ``normalisation.json`` of its own.
        crf: Settings of kind ``crf``.
    """

    kind: ModelKind = ModelKind.encoder
    encoder: str | None = None
    revision: str | None = None
    shape: ShapeConfig | None = None
    normalisation: NormalisationConfig = field(default_factory=NormalisationConfig)
    crf: CrfConfig = field(default_factory=CrfConfig)

    def __post_init__(self) -> None:
        named = self.encoder is not None or self.shape is not None or self.kind is ModelKind.crf
        _require(named, "model.encoder", self.encoder, "name an encoder, or give model.shape for random weights")


def _require(holds: bool, key: str, value: object, remedy: str) -> None:
    if not holds:
        raise ConfigError(f"{value!r} is not allowed", record=key, remedy=remedy)
