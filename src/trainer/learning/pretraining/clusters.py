"""``python -m trainer cluster-words``: clusters of the frequent words of a corpus, for the CRF.

Vectors of words from co-occurrence (`train_vectors`), set to length one, in k-means at several granularities: coarse
clusters join what few articles hold, fine ones keep kinds of names apart.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.cluster import MiniBatchKMeans
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from trainer.core.errors import InputError
from trainer.core.files import hash_file, write_json, write_text
from trainer.core.normalisation import Normalisation
from trainer.core.paths import repository_directory
from trainer.learning.pretraining.cache import build_cache
from trainer.learning.pretraining.corpus import find_files, read_documents
from trainer.learning.pretraining.vectors import train_vectors
from trainer.learning.pretraining.vocabulary import count_words
from trainer.learning.provenance import describe_machine, read_commit, read_versions
from trainer.runtime.word_clusters import WORD_CLUSTERS, write_word_clusters

logger = logging.getLogger(__name__)

FOLDED = Normalisation(fold_alef=True, fold_ya=True, fold_ta_marbuta=True, lowercase=True)  # as configs/model/crf.yaml
_UNKNOWN = "[UNK]"


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """How words are clustered.

    Attributes:
        words: Most words; the most frequent ones are kept.
        least: Times that a word must stand in the corpus.
        sizes: Numbers of clusters, one for each granularity.
        dimensions: Of a word's vector.
        contexts: Words that count as company, the most frequent ones.
        seed: Of k-means.
        workers: Processes that split the corpus into words.
    """

    words: int = 60_000
    least: int = 10
    sizes: tuple[int, ...] = (64, 256, 1024)
    dimensions: int = 200
    contexts: int = 2048
    seed: int = 0
    workers: int = 1


def cluster_corpus(paths: Sequence[Path], output: Path, settings: ClusterSettings = ClusterSettings()) -> Path:
    """Cluster the words of raw text; write the clusters, ``provenance.json`` and a card.

    Args:
        paths: Raw text: files and folders as ``pretrain`` reads them.
        output: The directory of the three files.
        settings: See `ClusterSettings`.

    Returns:
        The file of clusters.

    Raises:
        InputError: The corpus cannot be read, or holds fewer frequent words than clusters.
    """
    files = find_files(paths)
    logger.info("counting the words of %d file(s)", len(files))
    counts = count_words(read_documents(files), FOLDED)
    words = [word for word, count in counts.most_common(settings.words) if count >= settings.least]
    if len(words) <= max(settings.sizes):
        raise InputError(
            f"{len(words)} words stand {settings.least} times or more, too few for {max(settings.sizes)} clusters",
            file=paths[0],
            remedy="give more text, or fewer --clusters",
        )
    logger.info("vectors of %d words", len(words))
    vectors = _train_word_vectors(files, words, settings)
    weights = np.sqrt([counts[word] for word in words])
    columns = {size: _cluster(vectors, weights, size, settings.seed) for size in settings.sizes}
    output.mkdir(parents=True, exist_ok=True)
    path = output / WORD_CLUSTERS
    write_word_clusters(path, words, {size: found.tolist() for size, found in columns.items()})
    facts = _describe(files, settings, len(words), counts.total())
    write_json(output / "provenance.json", facts)
    write_text(output / "README.md", _write_card(facts))
    logger.info("%d words in %s clusters: %s", len(words), ", ".join(map(str, settings.sizes)), path)
    return path


def _train_word_vectors(
    files: Sequence[Path], words: Sequence[str], settings: ClusterSettings
) -> npt.NDArray[np.float32]:
    """Vectors of length one; shape (words, dimensions)."""
    table = {_UNKNOWN: 0} | {word: number for number, word in enumerate(words, 1)}
    backend = Tokenizer(models.WordLevel(table, unk_token=_UNKNOWN))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token=_UNKNOWN)
    with tempfile.TemporaryDirectory(prefix="trainer-clusters-") as folder:
        cache = build_cache(tuple(files), Path(folder), tokenizer, FOLDED, settings.workers)
        vectors = train_vectors(cache, len(table), settings.dimensions, settings.contexts)[1:]
    unit: npt.NDArray[np.float32] = torch.nn.functional.normalize(vectors).numpy()
    return unit


def _cluster(
    vectors: npt.NDArray[np.float32], weights: npt.NDArray[Any], size: int, seed: int
) -> npt.NDArray[np.int32]:
    logger.info("%d clusters", size)
    kmeans = MiniBatchKMeans(size, random_state=seed, batch_size=8192, n_init=3, max_iter=50)
    found: npt.NDArray[np.int32] = kmeans.fit(vectors, sample_weight=weights).predict(vectors)
    return found


def _describe(files: Sequence[Path], settings: ClusterSettings, words: int, running: int) -> dict[str, Any]:
    chosen = {key: value for key, value in asdict(settings).items() if key != "workers"}
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": read_commit(repository_directory()),
        "settings": chosen | {"normalisation": FOLDED.to_dict()},
        "corpus": {"files": {path.name: hash_file(path) for path in files}, "words": running},
        "words": words,
        "versions": read_versions(),
        "machine": describe_machine(),
    }


def _write_card(facts: dict[str, Any]) -> str:
    settings, corpus = facts["settings"], facts["corpus"]
    names = list(corpus["files"])
    files = ", ".join(f"`{name}`" for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"""# Word clusters

`{WORD_CLUSTERS}`: {facts["words"]:,} words in {", ".join(map(str, settings["sizes"]))} clusters, made by
`python -m trainer cluster-words` from {files} ({corpus["words"]:,} words). Words that stand in like company share a
cluster. The CRF reads them (`model.crf.clusters`). Words are normal forms, folded for alef, ya and ta marbuta; the file
holds no sentence of the corpus. `provenance.json` holds settings, hashes and versions.
"""
