"""Settings of ``python -m trainer pretrain``."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from trainer.core.errors import ConfigError
from trainer.core.normalisation import Normalisation


class Precision(Enum):
    """Arithmetic of the forward pass; ``auto`` takes bf16 where the hardware multiplies it faster than fp32."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


class Optimiser(Enum):
    """``muon`` teaches a fresh encoder most per token; ``adamw`` moves a trained one gently."""

    muon = "muon"
    adamw = "adamw"


@dataclass
class ShapeConfig:
    """A BERT-shaped encoder; read only when one is made from nothing."""

    vocabulary: int = 24_000
    layers: int = 6
    hidden: int = 320
    heads: int = 10
    intermediate: int = 1088
    positions: int = 512


@dataclass
class NormaliseConfig:
    """What is folded before pieces are learnt; see `trainer.core.normalisation.Normalisation`."""

    fold_alef: bool = True
    fold_ya: bool = True
    fold_ta_marbuta: bool = False
    fold_persian: bool = True
    lowercase: bool = True

    def freeze(self) -> Normalisation:
        """The same settings as the value that the rest of the library uses."""
        return Normalisation(self.fold_alef, self.fold_ya, self.fold_ta_marbuta, self.fold_persian, self.lowercase)


@dataclass
class PretrainConfig:
    """One pretraining run.

    Attributes:
        corpus: Files or folders of raw text (plain, .gz, .xz, .zst); none opens what ``prepare_only`` left in ``work``.
        output: Directory of the finished encoder.
        work: Directory of caches, checkpoint and log; resuming reads it.
        encoder: Hub name or directory of an encoder to continue; none makes a compact one from nothing.
        shape: Shape of an encoder made from nothing.
        normalise: Folding of an encoder made from nothing; a continued encoder brings its own.
        topics: Stems that mark what the encoder is for; documents with many come earlier.
        topic_weight: How much earlier; 1 draws all documents alike.
        topic_threshold: Share of topic words from which a document is on topic.
        static_vectors: Begin from co-occurrence vectors.
        vocabulary_every: The pieces are learnt from one document in this many.
        mask_rate: Share of words that are hidden.
        length: Tokens in a sequence.
        batch_tokens: Tokens in a step, over all processes.
        shift_positions: Begin each sequence at a random position, so that all positions learn.
        optimiser: What steps the matrices between layers; embeddings, biases and norms always get AdamW.
        learning_rate: Peak of the schedule.
        embedding_rate: Peak for embeddings, as a multiple of ``learning_rate``.
        weight_decay: Decoupled decay of matrices.
        clip: Largest gradient norm.
        warm_up: Share of the run in which the rate rises.
        decay_from: Share of the run at which the rate begins to fall to zero.
        minutes: Training time, over all resumptions; the schedule is spread over it.
        tokens: Tokens to see, if that comes first.
        precision: Arithmetic.
        threads: Processor threads; none leaves torch's choice.
        workers: Processes that tokenise.
        readers: Processes that draw and mask what the next steps read; 0 does it between the steps. A GPU needs some.
        compiled: Compile the forward and backward pass; none does so on a GPU.
        held_out: Share of documents kept for measuring.
        save_minutes: Time between checkpoints.
        prepare_only: Make tokenizer, token cache and static vectors in ``work``, train nothing. The folder can be
            copied to a machine with a GPU, where the run needs no corpus.
        export_only: Write the encoder from the newest checkpoint, even of a run that is going on; train nothing.
        title: Heading of the model card.
        card: What the model card says of sources, licences and limits.
        seed: Seed of everything drawn.
    """

    corpus: list[Path] = field(default_factory=list)
    output: Path = Path("models/encoder")
    work: Path = Path(".cache/pretrain")
    encoder: str | None = None
    shape: ShapeConfig = field(default_factory=ShapeConfig)
    normalise: NormaliseConfig = field(default_factory=NormaliseConfig)
    topics: list[str] = field(default_factory=list)
    topic_weight: float = 1.0
    topic_threshold: float = 0.02
    static_vectors: bool = True
    vocabulary_every: int = 4
    mask_rate: float = 0.2
    length: int = 128
    batch_tokens: int = 4096
    shift_positions: bool = True
    optimiser: Optimiser = Optimiser.muon
    learning_rate: float = 2e-3
    embedding_rate: float = 0.2
    weight_decay: float = 0.01
    clip: float = 1.0
    warm_up: float = 0.03
    decay_from: float = 0.3
    minutes: float = 90.0
    tokens: int | None = None
    precision: Precision = Precision.auto
    threads: int | None = None
    workers: int = 2
    readers: int = 0
    compiled: bool | None = None
    held_out: float = 0.005
    save_minutes: float = 10.0
    prepare_only: bool = False
    export_only: bool = False
    title: str = "Arabic encoder"
    card: str = ""
    seed: int = 13

    def __post_init__(self) -> None:
        shares = ("mask_rate", "held_out", "warm_up", "decay_from", "topic_threshold")
        for name in shares:
            if not 0.0 < getattr(self, name) < 1.0:
                raise ConfigError(f"must lie between 0 and 1, is {getattr(self, name)}", record=name)
        positive = (
            "topic_weight", "vocabulary_every", "batch_tokens", "learning_rate", "embedding_rate", "clip", "minutes",
            "workers", "save_minutes",
        )  # fmt: skip
        for name in positive:
            if getattr(self, name) <= 0:
                raise ConfigError(f"must be positive, is {getattr(self, name)}", record=name)
        if self.warm_up >= self.decay_from:
            raise ConfigError(f"warm_up {self.warm_up} must come before decay_from {self.decay_from}", record="warm_up")
        if self.length < 8 or self.length > self.batch_tokens:
            raise ConfigError(f"must lie between 8 and batch_tokens, is {self.length}", record="length")
        if self.encoder is None and self.length > self.shape.positions:
            raise ConfigError(f"{self.length} exceeds shape.positions {self.shape.positions}", record="length")
        if self.shape.hidden % self.shape.heads:
            raise ConfigError(f"{self.shape.hidden} does not divide by {self.shape.heads} heads", record="shape.hidden")
        if self.readers < 0:
            raise ConfigError(f"must not be negative, is {self.readers}", record="readers")
        if self.prepare_only and self.export_only:
            raise ConfigError("prepare_only and export_only exclude each other", record="prepare_only")
        if self.tokens is not None and self.tokens <= 0:
            raise ConfigError(f"must be positive, is {self.tokens}", record="tokens")
