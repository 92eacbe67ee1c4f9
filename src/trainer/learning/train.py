"""Training, read from top to bottom: articles in, a sealed run directory out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from transformers import PreTrainedModel, PreTrainedTokenizerBase, set_seed

from trainer.core.errors import ArtifactError
from trainer.core.files import hold_directory, write_json
from trainer.learning.checkpoints import BestSoFar, is_finished, read_history, restore_weights, write_history
from trainer.learning.config import TrainConfig
from trainer.learning.data import TrainingData, load_data
from trainer.learning.development import DevSet
from trainer.learning.distil_config import read_teachers
from trainer.learning.distillation import DistilTrainer, Lesson, load_teachers, prepare_lesson
from trainer.learning.encoder import Encoder, open_encoder
from trainer.learning.encoding import encode_readings
from trainer.learning.events import add_event_head
from trainer.learning.hub import keep_offline
from trainer.learning.joint import JointTrainer, attach_event_net, detach_event_net, find_window_events, has_event_net
from trainer.learning.loop import TaggerTrainer
from trainer.learning.loss import build_loss
from trainer.learning.memory import keep_freed_memory
from trainer.learning.model_card import write_model_card
from trainer.learning.model_config import ModelKind
from trainer.learning.noise import WordMask, WordNoise
from trainer.learning.observer import DEV_F1, Speed
from trainer.learning.progress import start_logging
from trainer.learning.provenance import describe_run
from trainer.learning.run import CHECKPOINTS, find_checkpoint, open_run, pin_source, remove_checkpoints
from trainer.learning.tagger import build_tagger, choose_autocast
from trainer.learning.torch_scorer import TorchScorer
from trainer.learning.tracking import check_tracker
from trainer.learning.unlabelled import read_unlabelled
from trainer.runtime.calibration import Calibration
from trainer.runtime.checkpoint import SCHEMA, seal_checkpoint, write_calibration, write_reading
from trainer.runtime.reading import Reader, ReadingSettings
from trainer.runtime.tagging import score_states

logger = logging.getLogger(__name__)

T = TypeVar("T")


def train(config: TrainConfig) -> Path:
    """Train one model, or go on where a killed run stopped.

    Args:
        config: What to train, on what, how.

    Returns:
        The run's directory, complete.

    Raises:
        TrainerError: Configuration, data, encoder or directory stand in the way; nothing half-written stays.
    """
    started = time.monotonic()
    processes = PartialState(cpu=not torch.cuda.is_available())
    start_logging(processes.is_main_process)
    keep_offline()
    keep_freed_memory()
    if config.training.threads:
        torch.set_num_threads(config.training.threads)
    check_tracker(config)
    data = load_data(config.data)
    with hold_directory(config.directory, processes.is_main_process):
        _train(config, data, processes, started)
    return config.directory


def _train(config: TrainConfig, data: TrainingData, processes: PartialState, started: float) -> None:
    if not _on_main(processes, lambda: open_run(config, data.hash)):
        return
    if config.model.kind is ModelKind.crf:
        from trainer.learning.crf import train_crf

        train_crf(config, data, config.directory)
        return
    set_seed(config.seed)
    with processes.main_process_first():
        vocabulary = config.directory / CHECKPOINTS / "vocabulary"
        encoder = open_encoder(config.model, (article.text for article in data.train), vocabulary)
    _on_main(processes, lambda: pin_source(config.directory, "encoder", encoder.weights_hash))
    reader = Reader(encoder.tokenizer.backend_tokenizer, _reading_settings(config, encoder))
    if encoder.from_scratch:  # layers that know nothing yet learn to the end
        config = replace(config, training=replace(config.training, lower_layers_until=1.0))
    tagger = build_tagger(encoder, data.schema.tags, config.training)
    attach_event_net(tagger, data.schema, config.event_head)
    dev = DevSet(data.dev, reader, data.schema.tags, data.schema.label_names)
    lesson = _ask_teachers(config, data, reader, processes)
    checkpoint = _on_main(processes, lambda: find_checkpoint(config.directory))
    speed = _fit(config, data, reader, encoder.tokenizer, tagger, dev, checkpoint, lesson)
    if processes.is_main_process:
        metrics, calibration = _judge_on_dev(config, encoder, tagger, dev)
        metrics["speed"] = speed.to_dict()
        detach_event_net(tagger)
        _write_model(config.directory, data, reader, encoder, tagger, calibration)
        metrics["dev"]["events"] = _add_events(config, data, reader, tagger)
        provenance = {**describe_run(config, data, time.monotonic() - started), "encoder": _describe(encoder)}
        if lesson is not None:
            provenance["distillation"] = lesson.facts
        _seal(config.directory, provenance, metrics)
    processes.wait_for_everyone()


def _fit(
    config: TrainConfig,
    data: TrainingData,
    reader: Reader,
    tokenizer: PreTrainedTokenizerBase,
    tagger: PreTrainedModel,
    dev: DevSet,
    checkpoint: Path | None,
    lesson: Lesson | None,
) -> Speed:
    """Train until the updates or the patience end; nothing to do when a checkpoint is at that point already."""
    settings = config.training
    if checkpoint is not None and is_finished(checkpoint, settings.patience, DEV_F1):
        return Speed()
    tags = data.schema.tags
    noise = WordNoise(settings.spelling_noise, settings.conjunction_noise, config.seed)
    readings = reader.read_texts([article.text for article in data.train], noise.spell if noise else None)
    windows = encode_readings(data.train, readings, tags)
    loss = build_loss(windows["labels"], len(tags), settings.label_smoothing, settings.class_weighting)
    scorer = TorchScorer(tagger)
    mask = WordMask(settings.word_masking, tokenizer) if settings.word_masking else None
    inputs = (tagger, windows, lambda: dev.score(scorer)[0], config, loss, choose_autocast(settings.precision), mask)
    if has_event_net(tagger):
        events = find_window_events(data.train, readings, data.schema)
        trainer: TaggerTrainer = JointTrainer(*inputs, events=events, weight=config.event_head.joint)
    elif lesson is not None:
        trainer = DistilTrainer(*inputs, lesson=lesson, weight=config.distil.weight)
    else:
        trainer = TaggerTrainer(*inputs)
    logger.info(
        "%d training articles in %d windows (%d tokens), %d dev articles, %d parameters",
        len(data.train),
        len(windows),
        sum(windows["length"]),
        len(data.dev),
        tagger.num_parameters(),
    )
    return trainer.start(checkpoint)


def _ask_teachers(config: TrainConfig, data: TrainingData, reader: Reader, processes: PartialState) -> Lesson | None:
    """What the teachers say about raw articles; None without a teacher."""
    directories = read_teachers(config.teacher)
    if not directories:
        return None
    teachers = load_teachers(directories, data.schema.tags, [article.id for article in data.dev])
    fingerprints = [teacher.fingerprint for teacher in teachers]
    _on_main(processes, lambda: pin_source(config.directory, "teacher", fingerprints))
    articles = read_unlabelled(config.distil, data.dev, config.data.gold_manifest)
    logger.info("%d teacher(s) read %d raw articles", len(teachers), len(articles))
    return prepare_lesson(articles, reader, teachers, data.schema.tags, config.distil.temperature)


def _judge_on_dev(
    config: TrainConfig, encoder: Encoder, tagger: PreTrainedModel, dev: DevSet
) -> tuple[dict[str, Any], Calibration]:
    """Scores and calibration of the best epoch's weights, which the tagger holds afterwards."""
    newest = find_checkpoint(config.directory)
    if newest is None:
        raise ArtifactError("no checkpoint was written", file=config.directory, remedy="start the command again")
    history = read_history(newest)
    best = BestSoFar.of_history(history, DEV_F1)
    restore_weights(tagger, config.directory / CHECKPOINTS / f"checkpoint-{best.step}")
    scores, logits = dev.score(TorchScorer(tagger))
    calibration, fit = dev.calibrate(logits)
    epochs = {int(entry["step"]): round(entry["epoch"]) for entry in history if DEV_F1 in entry}
    metrics = {
        "dev": scores.to_dict(),
        "best_epoch": epochs[best.step],
        "epochs": len(epochs),
        "updates": max(epochs),
        "calibration": fit,
        "encoder_from_scratch": encoder.from_scratch,
    }
    write_history(config.directory, history)
    return metrics, calibration


def _add_events(
    config: TrainConfig, data: TrainingData, reader: Reader, tagger: PreTrainedModel
) -> dict[str, Any] | None:
    score = partial(score_states, scorer=TorchScorer(tagger), tags=len(data.schema.tags))
    return add_event_head(config, data.train, data.dev, data.schema, reader.read_texts, score)


def _write_model(
    directory: Path,
    data: TrainingData,
    reader: Reader,
    encoder: Encoder,
    tagger: PreTrainedModel,
    calibration: Calibration,
) -> None:
    tagger.config.name_or_path = encoder.tokenizer.name_or_path = ""  # a path of this machine says nothing elsewhere
    tagger.save_pretrained(directory)
    encoder.tokenizer.save_pretrained(directory)
    data.schema.save(directory / SCHEMA)
    write_reading(directory, reader.settings)
    write_calibration(directory, calibration)


def _seal(directory: Path, provenance: dict[str, Any], metrics: dict[str, Any]) -> None:
    write_json(directory / "metrics.json", metrics)
    write_model_card(directory, provenance, metrics)
    seal_checkpoint(directory, ModelKind.encoder.value, provenance)
    remove_checkpoints(directory)
    strict = metrics["dev"]["strict"]
    logger.info(
        "%s: dev strict F1 %.1f (precision %.1f, recall %.1f), best epoch %d",
        directory.name,
        100 * strict["f1"],
        100 * strict["precision"],
        100 * strict["recall"],
        metrics["best_epoch"],
    )
    if metrics["encoder_from_scratch"]:
        logger.warning("%s WAS TRAINED FROM RANDOM WEIGHTS; a pretrained encoder scores far higher", directory.name)


def _reading_settings(config: TrainConfig, encoder: Encoder) -> ReadingSettings:
    settings = config.training
    if settings.max_length > encoder.positions:
        logger.info("windows of %d tokens: the encoder reads no more", encoder.positions)
    return ReadingSettings(encoder.normalisation, min(settings.max_length, encoder.positions), settings.overlap)


def _describe(encoder: Encoder) -> dict[str, Any]:
    return {"name": encoder.name, "weights_sha256": encoder.weights_hash, "from_scratch": encoder.from_scratch}


def _on_main(processes: PartialState, ask: Callable[[], T]) -> T:
    """The answer of the main process, in all of them: one process alone touches the directory."""
    answer: list[T | None] = [ask() if processes.is_main_process else None]
    broadcast_object_list(answer)
    return cast(T, answer[0])
