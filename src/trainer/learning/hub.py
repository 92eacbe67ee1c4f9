"""Where an encoder's files lie: a local directory, the cache, or the Hugging Face Hub.

What is in the cache is used without asking the network, so a run by name is repeatable and
works offline.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from pathlib import Path
from typing import Any

from trainer.core.errors import ArtifactError, ConfigError, HubError
from trainer.learning.model_config import ModelConfig, ModelKind

logger = logging.getLogger(__name__)

BUNDLED = "models/encoder"
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "sentencepiece.bpe.model", "spiece.model", "vocab.json")
_FILES = ["*.json", "vocab.txt", "*.model", "merges.txt"]
_SEGMENTED_NAME = re.compile(r"(bert-(base|large)-arabert|arabert-(base|large))(v1|v2)?$", re.IGNORECASE)
_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_PROBE_SECONDS = 6.0
_WAYS_OUT = (
    "(1) point to a local directory: model.encoder=/path/to/encoder; "
    "(2) fill a cache on a machine with network (HF_HOME=/path hf download {name}) and set HF_HOME here; "
    "(3) train the bundled encoder: +exp=compact"
)


def find_encoder(config: ModelConfig) -> Path | None:
    """The directory of the configured encoder; None where random weights of ``model.shape`` are meant.

    Needs neither torch nor transformers, so that a command can fail at once.

    Raises:
        ConfigError: The encoder reads Farasa segments.
        ArtifactError: A local directory is missing or not an encoder's.
        HubError: The Hub was needed and cannot be reached.
    """
    absent = config.encoder is None or (config.encoder == BUNDLED and not Path(BUNDLED).is_dir())
    if config.kind is ModelKind.crf or (absent and config.shape is not None):
        return None
    if config.encoder is None:
        raise ConfigError("neither an encoder nor a shape", record="model.encoder", remedy="give one of them")
    return locate_encoder(config.encoder, config.revision)


def refuse_segmented(name: str) -> None:
    """Refuse an encoder of AraBERT's segmented generations.

    Raises:
        ConfigError: Always.
    """
    raise ConfigError(
        f"{name!r} reads text that Farasa has segmented (AraBERT v1, v2); spans could not keep their exact offsets",
        record="model.encoder",
        remedy="use aubmindlab/bert-base-arabertv02 or bert-large-arabertv02 (+exp=arabert, +exp=arabert_large)",
    )


def locate_encoder(name: str, revision: str | None = None) -> Path:
    """The directory that holds an encoder's files; downloads them when no cache has them.

    Args:
        name: A directory, or ``owner/name`` on the Hub.
        revision: Branch, tag or commit on the Hub.

    Raises:
        ArtifactError: The directory does not exist or lacks weights, configuration or tokenizer.
        HubError: The Hub was needed and cannot be reached, or refuses.
        ConfigError: The encoder reads Farasa segments.
    """
    if _SEGMENTED_NAME.search(name):
        refuse_segmented(name)
    directory = Path(name).expanduser()
    if directory.is_dir():
        return _check(directory)
    if directory.is_absolute() or name.startswith((".", "~")) or not _NAME.fullmatch(name):
        raise ArtifactError("no such encoder directory", file=name, remedy="name an existing directory or a Hub name")
    cached = _cached(name, revision)
    return cached if cached is not None else _download(name, revision)


def find_weights(directory: Path) -> Path | None:
    """The file (or index) of an encoder's weights, safetensors first."""
    return next((directory / name for name in WEIGHTS if (directory / name).is_file()), None)


def _check(directory: Path) -> Path:
    missing = [
        what
        for what, present in (
            ("config.json", (directory / "config.json").is_file()),
            ("weights", find_weights(directory) is not None),
            ("a tokenizer", any((directory / name).is_file() for name in _TOKENIZERS)),
        )
        if not present
    ]
    if missing:
        raise ArtifactError(
            f"not an encoder's directory: {', '.join(missing)} missing", file=directory, remedy="name a complete one"
        )
    return directory


def _cached(name: str, revision: str | None) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return _check(Path(snapshot_download(name, revision=revision, local_files_only=True)))
    except (LocalEntryNotFoundError, ArtifactError):
        return None


def _download(name: str, revision: str | None) -> Path:
    """Ask the Hub what there is (briefly), then fetch it."""
    from huggingface_hub import constants, snapshot_download

    unreachable = HubError(
        "the model hub cannot be reached and the cache does not hold this encoder",
        record=name,
        remedy=_WAYS_OUT.format(name=name),
    )
    if constants.HF_HUB_OFFLINE:
        raise unreachable
    files = _ask_hub(name, revision, unreachable)
    weights = next((weight for weight in WEIGHTS if weight in files), None)
    if weights is None:
        raise HubError("the repository holds no PyTorch weights", record=name, remedy="name another encoder")
    shards = [weights.removesuffix(".index.json").replace(".", "-*.", 1)] if weights.endswith(".index.json") else []
    logger.info("downloading %s from the model hub", name)
    try:
        path = snapshot_download(name, revision=revision, allow_patterns=[*_FILES, weights, *shards])
    except Exception as error:  # HTTP client, file system and hub each raise their own
        raise HubError(f"the download failed: {error}", record=name, remedy=_WAYS_OUT.format(name=name)) from error
    return _check(Path(path))


def _ask_hub(name: str, revision: str | None, unreachable: HubError) -> set[str]:
    """Names of the repository's files, asked for in a thread so that a dead network costs seconds only."""
    answer: list[Any] = []
    thread = threading.Thread(target=_fetch_listing, args=(name, revision, answer), daemon=True)
    thread.start()
    thread.join(_PROBE_SECONDS)
    if not answer:
        raise unreachable
    if not isinstance(answer[0], Exception):
        return set(answer[0])
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    if isinstance(answer[0], GatedRepoError):
        raise HubError("this encoder is gated", record=name, remedy="accept its terms on the Hub, then `hf auth login`")
    if isinstance(answer[0], RevisionNotFoundError):
        raise HubError(f"no revision {revision}", record=name, remedy="name a branch, tag or commit that exists")
    if isinstance(answer[0], RepositoryNotFoundError):
        raise HubError("no such encoder on the Hub", record=name, remedy="check the name; private ones need a login")
    raise unreachable from answer[0]


def _fetch_listing(name: str, revision: str | None, answer: list[Any]) -> None:
    from huggingface_hub import HfApi

    try:
        details = HfApi().model_info(name, revision=revision, timeout=_PROBE_SECONDS)
        answer.append([sibling.rfilename for sibling in details.siblings or []])
    except Exception as error:  # handed to the thread that waits
        answer.append(error)


def keep_offline() -> None:
    """Everything is local from here on: no background conversion, no telemetry, no version check."""
    os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
