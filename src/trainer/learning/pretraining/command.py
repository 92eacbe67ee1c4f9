"""``python -m trainer pretrain``: from raw text to an encoder's directory."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, PreTrainedModel

from trainer.core.errors import ArtifactError, ConfigError
from trainer.core.files import hold_directory, write_json
from trainer.core.normalisation import Normalisation
from trainer.learning.hub import locate_encoder
from trainer.learning.pretraining.blocks import Stream, split_held_out, weigh_documents
from trainer.learning.pretraining.cache import TokenCache, build_cache, fingerprint, open_cache
from trainer.learning.pretraining.card import describe_corpus, describe_pretraining, write_card
from trainer.learning.pretraining.config import PretrainConfig
from trainer.learning.pretraining.corpus import find_files, read_documents
from trainer.learning.pretraining.encoder import count_positions, describe_special, make_compact, open_encoder
from trainer.learning.pretraining.export import export_encoder
from trainer.learning.pretraining.loop import Trainer
from trainer.learning.pretraining.processes import Processes
from trainer.learning.pretraining.progress import PretrainingBar
from trainer.learning.pretraining.state import CHECKPOINT
from trainer.learning.pretraining.vocabulary import (
    NORMALISATION_FILE,
    count_words,
    train_wordpiece,
    write_normalisation,
)
from trainer.learning.progress import start_logging
from trainer.runtime.checkpoint import read_json

logger = logging.getLogger(__name__)

PREPARED = "prepared.json"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a run needs before its first step."""

    tokenizer: Any
    normalisation: Normalisation
    model: PreTrainedModel
    cache: TokenCache
    corpus: dict[str, Any]


def pretrain(config: PretrainConfig) -> Path:
    """Pretrains or adapts an encoder and writes it to ``config.output``; called again, goes on where it stopped.

    Raises:
        ConfigError: No corpus is named and none was prepared, or sequences are longer than the encoder reads.
        InputError: The corpus cannot be read.
        ArtifactError: The encoder or the checkpoint cannot be used.
        HubError: The encoder must be fetched and the Hub cannot be reached.
    """
    if not config.corpus and not (config.work / PREPARED).is_file():
        raise ConfigError(
            "no raw text is named, and work has none prepared", record="corpus",
            remedy="corpus=[FILE,FOLDER,…], or work=FOLDER of a run that was made with prepare_only=true",
        )  # fmt: skip
    files = find_files(config.corpus) if config.corpus else ()
    if config.export_only and not (config.work / CHECKPOINT).is_file():
        raise ArtifactError("no checkpoint to export", file=config.work, remedy="name the run's folder: work=FOLDER")
    processes = Processes.start()
    start_logging(processes.main)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    config.work.mkdir(parents=True, exist_ok=True)
    try:
        with hold_directory(config.work, processes.main and not config.export_only):
            _run(config, files, processes)
    finally:
        processes.stop()
    return config.output


def _run(config: PretrainConfig, files: tuple[Path, ...], processes: Processes) -> None:
    if not processes.main:
        processes.wait()  # the main process fills the folder first
    prepared = prepare(config, files)
    if processes.main:
        processes.wait()
    if config.prepare_only:
        logger.info("prepared in %s; called without corpus and prepare_only, a run begins from there", config.work)
        return
    trainer = make_trainer(config, prepared, processes)
    logger.info(
        "%s tokens, %.1f M parameters, from step %d",
        f"{len(prepared.cache.tokens):,}",
        sum(p.numel() for p in prepared.model.parameters()) / 1e6,
        trainer.counters.step,
    )
    if not config.export_only:
        with PretrainingBar(processes.main, config.minutes) as bar:
            if not trainer.run(bar.show):
                logger.info("stopped and saved; the same command goes on from here")
                return
    if processes.main:
        facts = describe_pretraining(config, prepared.corpus, trainer.counters, *trainer.measure())
        card = write_card(config, prepared.model, facts)
        export_encoder(prepared.model, prepared.tokenizer, prepared.normalisation, card, facts, config.output)
        logger.info("encoder written to %s", config.output)
    processes.wait()


def prepare(config: PretrainConfig, files: tuple[Path, ...]) -> Prepared:
    """Tokenizer, token cache and first weights; each is made once and kept in the run's folder."""
    if config.encoder is None:
        tokenizer, normalisation = _own_tokenizer(config, files)
    else:
        folder = locate_encoder(config.encoder)
        tokenizer, given = open_encoder(folder)
        normalisation = _read_normalisation(folder / NORMALISATION_FILE) or config.normalise.freeze()
    cache, corpus = _tokenise(config, files, tokenizer, normalisation)
    if len(cache.documents) < 3:
        raise ConfigError("needs two documents at least", record="corpus", remedy="part documents by blank lines")
    model = make_compact(config, tokenizer, cache) if config.encoder is None else given
    return Prepared(tokenizer, normalisation, model, cache, corpus)


def _tokenise(
    config: PretrainConfig, files: tuple[Path, ...], tokenizer: Any, normalisation: Normalisation
) -> tuple[TokenCache, dict[str, Any]]:
    """The token cache of the files, or without files the one that ``prepare_only`` left, and what is in it."""
    note = config.work / PREPARED
    pieces = fingerprint((), tokenizer, normalisation)
    if not files:
        known = _read_prepared(note)
        folder = config.work / "cache" / known["cache"]
        if known["pieces"] != pieces:
            raise ArtifactError(
                "was prepared for another tokenizer or folding", file=note,
                remedy="name the encoder it was prepared for, or prepare again with this one",
            )  # fmt: skip
        if not (folder / "cache.json").is_file():
            raise ArtifactError("the prepared tokens are missing", file=folder, remedy="copy the whole folder again")
        logger.info("opening the prepared tokens of %s", ", ".join(known["corpus"]["files"]))
        return open_cache(folder), known["corpus"]
    logger.info("tokenising %d file(s), or opening what was tokenised before", len(files))
    cache = build_cache(files, config.work / "cache", tokenizer, normalisation, config.workers)
    corpus = describe_corpus(files, cache)
    if config.prepare_only:
        name = fingerprint(files, tokenizer, normalisation)
        write_json(note, {"cache": name, "pieces": pieces, "corpus": corpus})
    return cache, corpus


def _read_prepared(note: Path) -> dict[str, Any]:
    known = read_json(note)
    missing = [key for key in ("cache", "pieces", "corpus") if key not in known]
    if missing:
        raise ArtifactError(f"says nothing of {', '.join(missing)}", file=note, remedy="copy the whole folder again")
    return known


def make_trainer(config: PretrainConfig, prepared: Prepared, processes: Processes) -> Trainer:
    """The run, resumed from its checkpoint if there is one."""
    cache, special = prepared.cache, describe_special(prepared.tokenizer)
    learnt, held = split_held_out(len(cache.documents) - 1, config.held_out, config.seed)
    on_topic = np.zeros(special.size, np.bool_)
    for piece, number in prepared.tokenizer.get_vocab().items():
        on_topic[number] = any(stem in piece for stem in config.topics)
    weights = weigh_documents(cache, on_topic, config.topic_weight, config.topic_threshold)
    training = Stream(cache, learnt, special, config.seed, weights)
    model = prepared.model
    positions = count_positions(model)
    if config.length > positions:
        raise ConfigError(
            f"{config.length} exceeds the {positions} positions of the encoder",
            record="length",
            remedy=f"length={positions} or less",
        )
    return Trainer(config, prepared.model, training, Stream(cache, held, special, config.seed), special, processes)


def _own_tokenizer(config: PretrainConfig, files: tuple[Path, ...]) -> tuple[Any, Normalisation]:
    folder = config.work / "tokenizer"
    if not folder.exists():
        logger.info("learning %d word pieces", config.shape.vocabulary)
        normalisation = config.normalise.freeze()
        counts = count_words(read_documents(files), normalisation, config.vocabulary_every)
        tokenizer = train_wordpiece(counts, config.shape.vocabulary, config.shape.positions)
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        tokenizer.save_pretrained(part)
        write_normalisation(normalisation, part)
        part.rename(folder)
    stored = _read_normalisation(folder / NORMALISATION_FILE)
    if stored != config.normalise.freeze():
        raise ConfigError(
            "differs from what the tokenizer of this run was trained with", record="normalise",
            remedy=f"restore the setting, or use another work=FOLDER than {config.work}",
        )  # fmt: skip
    return AutoTokenizer.from_pretrained(folder), stored


def _read_normalisation(path: Path) -> Normalisation | None:
    if not path.is_file():
        return None
    return Normalisation(**json.loads(path.read_text(encoding="utf-8")))
