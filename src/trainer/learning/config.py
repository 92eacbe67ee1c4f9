"""Every key of ``python -m trainer train``, with its type and range.

Hydra fills these dataclasses and refuses misspelt keys and wrong types; ranges are checked in
``__post_init__``. Hydra cannot fill frozen classes, so these alone are mutable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from trainer.annotation.adjudication import Adjudication
from trainer.core.errors import ConfigError
from trainer.learning.distil_config import DistilConfig, read_teachers
from trainer.learning.event_config import EventHeadConfig
from trainer.learning.model_config import ModelConfig, ModelKind


class Precision(Enum):
    """Number format of matrix products while training; ``auto`` takes bf16 where the hardware has it."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


class Tracker(Enum):
    """Where live curves of a run go; an optional package."""

    trackio = "trackio"


@dataclass
class DataConfig:
    """Where articles come from.

    Attributes:
        annotations: Label Studio exports (or .conll, .jsonl files) or folders of them.
        split: File that says which article trains and which is dev.
        schema: Labels, types and roles; null takes the schema that ships.
        gold_manifest: Fingerprints of held-out gold text; training text that repeats it stops the run.
        adjudication: Which of several annotations of an article counts: ground_truth, majority or latest.
        use_dev_for_training: Train on dev articles too (for a final fit; dev scores then mean nothing).
    """

    annotations: list[Path] = field(default_factory=lambda: [Path("data/annotations")])
    split: Path | None = Path("data/split.json")
    schema: Path | None = None
    gold_manifest: Path | None = Path("eval/gold/manifest.json")
    adjudication: Adjudication = Adjudication.ground_truth
    use_dev_for_training: bool = False

    def __post_init__(self) -> None:
        _require(bool(self.annotations), "data.annotations", self.annotations, "name at least one file or folder")


@dataclass
class TrainingConfig:
    """How it is trained.

    Attributes:
        epochs: Most passes over the training articles, unless least_updates asks for more.
        least_updates: Few articles are read in more epochs, until the run has so many updates.
        max_steps: Stop after so many updates (rehearsals); null trains all epochs.
        learning_rate: Peak, for the encoder.
        head_learning_rate: Peak, for the classifier.
        batch_tokens: Tokens of one batch, padding included.
        accumulation: Batches of one update.
        warmup: Share of the updates in which the rate rises, before it falls linearly to zero.
        weight_decay: Decoupled decay of matrices.
        gradient_clip: Longest gradient, as an L2 norm.
        label_smoothing: Share of the target spread over all tags.
        class_weighting: Tags weigh (1 / frequency) to this power; 0 weighs all alike.
        patience: Epochs without a better dev score before training stops; null never stops early.
        precision: See `Precision`.
        max_length: Tokens of a window, special tokens included.
        overlap: Tokens of context on each side of a cut inside a long paragraph.
        dropout: Of hidden states.
        attention_dropout: Of attention; above 0 it forgoes the fast attention kernel on CPUs.
        lazy_embeddings: Update only the rows of the embedding table that a batch touches.
        freeze_embeddings: Never update the embedding table.
        lower_layers_until: Share of the updates after which embeddings and lower two thirds of pretrained layers rest.
        spelling_noise: Share of the training articles whose words are spelt as hurried writers spell them.
        conjunction_noise: Share of the training words that could take an attached و and get one.
        word_masking: Share of the words of each batch that the encoder sees as its mask token, drawn afresh every time.
        threads: Threads of torch; null leaves its own choice.
    """

    epochs: int = 10
    least_updates: int = 0
    max_steps: int | None = None
    learning_rate: float = 5e-5
    head_learning_rate: float = 5e-4
    batch_tokens: int = 2048
    accumulation: int = 1
    warmup: float = 0.1
    weight_decay: float = 0.01
    gradient_clip: float = 1.0
    label_smoothing: float = 0.0
    class_weighting: float = 0.0
    patience: int | None = 5
    precision: Precision = Precision.auto
    max_length: int = 256
    overlap: int = 32
    dropout: float = 0.1
    attention_dropout: float = 0.0
    lazy_embeddings: bool = True
    freeze_embeddings: bool = False
    lower_layers_until: float = 0.75
    spelling_noise: float = 0.0
    conjunction_noise: float = 0.0
    word_masking: float = 0.0
    threads: int | None = None

    def __post_init__(self) -> None:
        for key in ("epochs", "accumulation", "batch_tokens", "max_steps", "patience", "threads"):
            value = getattr(self, key)
            _require(value is None or value > 0, f"training.{key}", value, "give a positive number")
        for key in ("learning_rate", "head_learning_rate", "gradient_clip"):
            _require(getattr(self, key) > 0, f"training.{key}", getattr(self, key), "give a positive number")
        for key in ("spelling_noise", "conjunction_noise"):
            _require(0 <= getattr(self, key) <= 1, f"training.{key}", getattr(self, key), "give a share from 0 to 1")
        for key in (
            "warmup", "label_smoothing", "dropout", "attention_dropout", "word_masking"
        ):  # fmt: skip
            _require(0 <= getattr(self, key) < 1, f"training.{key}", getattr(self, key), "give 0 or more, below 1")
        for key in ("weight_decay", "class_weighting", "overlap", "least_updates"):
            _require(getattr(self, key) >= 0, f"training.{key}", getattr(self, key), "give 0 or more")
        _require(
            self.max_length - 2 > 2 * self.overlap,
            "training.max_length",
            self.max_length,
            "set it above twice training.overlap",
        )


@dataclass
class TrainConfig:
    """One training run.

    Attributes:
        name: Of the run; its directory is ``models/<name>``.
        directory: The run's directory; Hydra sets it, sweeps included.
        seed: Of weights, order and dropout.
        overwrite: Train anew where another run lies already.
        tracking: Show live curves in this tracker; null shows none.
        data: See `DataConfig`.
        model: See `ModelConfig`.
        training: See `TrainingConfig`.
        event_head: See `EventHeadConfig`.
        teacher: A finished run whose tags on raw articles are learnt too, or a list of runs; null trains on
            annotated articles alone.
        distil: See `DistilConfig`; counts with a teacher only.
    """

    name: str = "run"
    directory: Path = Path("models/run")
    seed: int = 1
    overwrite: bool = False
    tracking: Tracker | None = None
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=lambda: ModelConfig(encoder="models/encoder"))
    training: TrainingConfig = field(default_factory=TrainingConfig)
    event_head: EventHeadConfig = field(default_factory=EventHeadConfig)
    teacher: Any = None
    distil: DistilConfig = field(default_factory=DistilConfig)

    def __post_init__(self) -> None:
        plain = re.fullmatch(r"[\w][\w.,=+-]*", self.name) is not None
        _require(plain, "name", self.name, "use letters, digits, dots, dashes and underscores")
        _require(0 <= self.seed < 2**32, "seed", self.seed, "give a number from 0 to 4294967295")
        alone = not read_teachers(self.teacher) or (self.event_head.joint == 0 and self.model.kind is ModelKind.encoder)
        _require(alone, "teacher", self.teacher, "distil into an encoder, with event_head.joint=0")


def _require(holds: bool, key: str, value: object, remedy: str) -> None:
    if not holds:
        raise ConfigError(f"{value!r} is not allowed", record=key, remedy=remedy)
