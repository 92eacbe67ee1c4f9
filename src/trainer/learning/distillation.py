"""Distillation: a student learns its teachers' tag distributions on raw articles, beside the annotated ones.

After Hinton et al. 2015, with tags for classes: teachers and student read the same words, whatever pieces their
tokenizers make of them, so distributions pass from word to word. Several teachers are averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, concatenate_datasets
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader
from transformers import PreTrainedModel

from trainer.core.errors import ConfigError
from trainer.core.files import hash_texts
from trainer.core.types import Article
from trainer.learning.encoding import IGNORED
from trainer.learning.loop import TaggerTrainer
from trainer.runtime.model import Model, load_model
from trainer.runtime.reading import EncodedWindow, Reader
from trainer.runtime.tagging import log_softmax

Floats = NDArray[np.float32]
_ARTICLES_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Lesson:
    """What teachers say about raw articles, cut into the student's windows.

    Attributes:
        windows: Columns as `trainer.learning.encoding.encode_articles` has them; labels are the likeliest tags.
        targets: ``(labelled words, tags)`` distributions of each window, in the order of its labelled tokens.
        temperature: That the distributions were made with.
        facts: Teachers and articles, for the run's provenance.
    """

    windows: Dataset
    targets: list[Floats]
    temperature: float
    facts: dict[str, Any]


def load_teachers(directories: Sequence[Path], tags: Sequence[str], dev: Sequence[str]) -> list[Model]:
    """Loads finished runs that know the student's tags, in whatever order.

    Args:
        directories: Of the runs.
        tags: The student's tags.
        dev: Ids of the student's dev articles.

    Raises:
        ArtifactError: A directory is not a complete run.
        ConfigError: A teacher has other tags than the student, or was trained on an article that the student's epoch
            is picked by.
    """
    teachers = [load_model(directory) for directory in directories]
    for directory, teacher in zip(directories, teachers, strict=True):
        if set(teacher.checkpoint.schema.tags) != set(tags):
            raise ConfigError(
                f"the teacher's tags are {', '.join(teacher.checkpoint.schema.tags)}; the student's {', '.join(tags)}",
                file=directory, record="teacher", remedy="name a run of the same labels, or set data.schema to its own",
            )  # fmt: skip
        seen = sorted(set(dev) & set(teacher.checkpoint.provenance.get("data", {}).get("train", ())))
        if seen:
            raise ConfigError(
                f"the teacher was trained on {len(seen)} of the student's dev articles, such as {seen[0]}",
                file=directory, record="teacher", remedy="train the teacher on the same split, without dev",
            )  # fmt: skip
    return teachers


def ask_teachers(
    teachers: Sequence[Model], texts: Sequence[str], tags: Sequence[str], temperature: float
) -> list[Floats]:
    """For each text ``(words, tags)``: the mean of the teachers' calibrated distributions.

    Args:
        teachers: From `load_teachers`.
        texts: Raw texts.
        tags: The student's tags, which order the columns.
        temperature: Divides the calibrated logits.
    """
    means: list[Floats] = []
    for begin in range(0, len(texts), _ARTICLES_AT_ONCE):
        part = texts[begin : begin + _ARTICLES_AT_ONCE]
        answers = [_ask(teacher, part, tags, temperature) for teacher in teachers]
        means += [np.mean(rows, axis=0, dtype=np.float32) for rows in zip(*answers, strict=True)]
    return means


def _ask(teacher: Model, texts: Sequence[str], tags: Sequence[str], temperature: float) -> list[Floats]:
    checkpoint = teacher.checkpoint
    columns = [checkpoint.schema.tags.index(tag) for tag in tags]
    scale = checkpoint.calibration.temperature * temperature
    nothing = np.zeros((0, len(tags)), dtype=np.float32)  # of a text without words
    return [
        np.exp(log_softmax(logits[:, columns] / scale)) if len(logits) else nothing
        for _, logits in teacher.score(texts)
    ]


def prepare_lesson(
    articles: Sequence[Article], reader: Reader, teachers: Sequence[Model], tags: Sequence[str], temperature: float
) -> Lesson:
    """Reads raw articles with teachers and student.

    Args:
        articles: Raw articles.
        reader: The student's.
        teachers: From `load_teachers`.
        tags: The student's tags.
        temperature: Softens the distributions.
    """
    texts = [article.text for article in articles]
    readings = reader.read_texts(texts)
    asked = ask_teachers(teachers, texts, tags, temperature)
    ids: list[list[int]] = []
    labels: list[list[int]] = []
    targets: list[Floats] = []
    for reading, answer in zip(readings, asked, strict=True):
        for window in reading.windows:
            labelled, distributions = _spread(window, answer)
            ids.append(window.ids.tolist())
            labels.append(labelled.tolist())
            targets.append(distributions)
    windows = Dataset.from_dict({"input_ids": ids, "labels": labels, "length": [len(row) for row in ids]})
    facts = {
        "teachers": [{"name": teacher.name, "fingerprint": teacher.fingerprint} for teacher in teachers],
        "articles": len(articles),
        "words": sum(len(reading.words) for reading in readings),
        "hash": hash_texts(texts),
        "temperature": temperature,
    }
    return Lesson(windows, targets, temperature, facts)


def _spread(window: EncodedWindow, answer: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Labels of a window's tokens, and the distributions behind those that are not ignored."""
    own = window.window
    owned = window.first_tokens[own.own_first - own.first : own.own_last - own.first]
    labels = np.full(len(window.ids), IGNORED, dtype=np.int64)
    rows = np.full(len(window.ids), -1, dtype=np.int64)
    inside = owned < len(window.ids)
    rows[owned[inside]] = np.arange(own.own_first, own.own_last)[inside]
    labels[rows >= 0] = answer[rows[rows >= 0]].argmax(axis=1)
    return labels, answer[rows[rows >= 0]]


class _SoftCollator:
    """Adds ``targets`` and ``soft``, which says whose words they are, to what another collator makes of a batch."""

    def __init__(
        self, inner: Callable[[Any], dict[str, torch.Tensor]], targets: Sequence[Floats], first: int, tags: int
    ) -> None:
        self._inner, self._targets, self._first, self._tags = inner, targets, first, tags

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        batch = self._inner(rows)
        soft = torch.tensor([row["window"] >= self._first for row in rows])
        parts = [self._targets[row["window"] - self._first] for row in rows if row["window"] >= self._first]
        joined = np.concatenate(parts) if parts else np.zeros((0, self._tags), dtype=np.float32)
        return {**batch, "soft": soft, "targets": torch.from_numpy(joined)}


class DistilTrainer(TaggerTrainer):
    """Trains a student on annotated windows and on its teachers' distributions together.

    Args:
        student: The tagger.
        windows: Of annotated articles.
        rest: As `TaggerTrainer` takes them.
        lesson: What the teachers say; the student's distributions are softened as theirs were, and the loss is
            multiplied by the square of the temperature so that its gradient keeps its size.
        weight: Of a raw article's word beside an annotated one.
    """

    def __init__(
        self,
        student: PreTrainedModel,
        windows: Dataset,
        *rest: Any,
        lesson: Lesson,
        weight: float,
    ) -> None:
        both = concatenate_datasets([windows, lesson.windows.cast(windows.features)])
        super().__init__(student, both.add_column("window", list(range(len(both)))), *rest)
        self._lesson, self._first, self._weight = lesson, len(windows), weight

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches with the distributions of their raw windows."""
        loader = super().get_train_dataloader()
        tags = int(self.accelerator.unwrap_model(self.model).config.num_labels)
        loader.collate_fn = _SoftCollator(loader.collate_fn, self._lesson.targets, self._first, tags)
        return loader

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Mean over the batch's words of cross-entropy: with the tag where it is known, else with the teachers."""
        soft, targets, labels = inputs.pop("soft"), inputs.pop("targets"), inputs["labels"]
        hard = labels.masked_fill(soft[:, None], IGNORED)
        words = (labels >= 0).sum() if num_items_in_batch is None else num_items_in_batch
        loss, outputs = super().compute_loss(model, {**inputs, "labels": hard}, True, words)
        chosen = (labels >= 0) & soft[:, None]
        share = self._weight * self.accelerator.num_processes / words
        loss = loss + share * soft_loss(outputs.logits[chosen], targets, self._lesson.temperature)
        return (loss, outputs) if return_outputs else loss


def soft_loss(logits: torch.Tensor, targets: torch.Tensor, temperature: float) -> torch.Tensor:
    """Summed cross-entropy between distributions, times the square of the temperature.

    Args:
        logits: ``(words, tags)`` of the student.
        targets: ``(words, tags)`` of the teachers.
        temperature: Divides the logits.
    """
    likelihood = functional.log_softmax(logits.float() / temperature, dim=-1)
    return -(targets.to(likelihood.device) * likelihood).sum() * temperature**2
