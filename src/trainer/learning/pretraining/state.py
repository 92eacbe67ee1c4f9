"""The checkpoint of a run: everything that a killed run needs to go on as if nothing had happened."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from trainer.core.errors import ArtifactError

CHECKPOINT = "checkpoint.pt"


@dataclass(slots=True)
class Counters:
    """How far a run is.

    Masks, random positions and the order of documents are functions of the seed and ``cursor``, so there is no
    generator whose state could be lost.

    Attributes:
        step: Optimiser steps.
        cursor: Position in the stream of tokens.
        tokens: Tokens seen.
        seconds: Time spent training, without the time between resumptions.
    """

    step: int = 0
    cursor: int = 0
    tokens: int = 0
    seconds: float = 0.0


def save_checkpoint(
    folder: Path, model: torch.nn.Module, optimisers: list[torch.optim.Optimizer], counters: Counters
) -> None:
    """Writes the checkpoint whole: to a temporary name, synced, then renamed over the last one."""
    content = {
        "model": model.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        "counters": asdict(counters),
    }
    part = folder / f"{CHECKPOINT}.part"
    with part.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / CHECKPOINT)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The last checkpoint of a run, or none when it has not begun.

    Raises:
        ArtifactError: It cannot be read.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ArtifactError(
            f"cannot be read: {error}", file=path, remedy="delete it to begin anew, or restore a copy"
        ) from error
    return content


def restore(
    content: dict[str, Any], model: torch.nn.Module, optimisers: list[torch.optim.Optimizer], folder: Path
) -> Counters:
    """Puts a checkpoint's content back in place.

    Raises:
        ArtifactError: It belongs to a model of another shape.
    """
    try:
        model.load_state_dict(content["model"])
        for optimiser, state in zip(optimisers, content["optimisers"], strict=True):
            optimiser.load_state_dict(state)
    except (RuntimeError, ValueError) as error:
        raise ArtifactError(
            f"does not fit this configuration: {str(error).splitlines()[0]}",
            file=folder / CHECKPOINT,
            remedy="use the configuration it was made with, or another work=FOLDER",
        ) from error
    return Counters(**content["counters"])
