"""The guard: a model that has seen the gold is not judged on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from eval.gold import MANIFEST, Gold
from trainer.annotation.corpus import load_corpus
from trainer.annotation.fingerprints import fingerprint_article
from trainer.annotation.leakage import match_prints
from trainer.core.errors import LeakageError, TrainerError
from trainer.core.files import hash_file
from trainer.core.types import Article
from trainer.runtime.checkpoint import Checkpoint

_SHOWN = 5
UNCHECKED = "not checked"


def refuse_seen_gold(checkpoint: Checkpoint, gold: Gold, unchecked: bool = False) -> str:
    """Refuse a model whose training articles are, or repeat, gold articles.

    Args:
        checkpoint: The model; its provenance lists the ids and the hash of its training data.
        gold: What it is to be judged on.
        unchecked: Judge even where the training texts are not at hand; the report then says so.

    Returns:
        How the texts were compared, for the report.

    Raises:
        LeakageError: An id or a text is on both sides, or the texts cannot be compared.
    """
    data = checkpoint.provenance.get("data")
    if not isinstance(data, Mapping):
        raise LeakageError(
            "the run does not say what it was trained on", file=checkpoint.directory, remedy="train again"
        )
    known = {gold.article.id for gold in gold.articles}
    trained = [*data.get("train", ()), *data.get("dev", ())]
    _refuse(sorted(known & set(trained)), checkpoint, "was trained on gold articles")
    if gold.shipped and data.get("gold_manifest_sha256") == hash_file(MANIFEST):
        return "training compared its texts with this gold's fingerprints"
    articles = find_training_articles(checkpoint)
    if articles is None:
        if unchecked:
            return UNCHECKED
        raise LeakageError(
            "the run's training texts are not at hand, so they cannot be compared with this gold",
            file=checkpoint.directory,
            remedy="restore the files named in its provenance.json, or pass --unchecked and say so",
        )
    prints = [
        [fingerprint_article(article) for article in side] for side in (articles, [g.article for g in gold.articles])
    ]
    _refuse([match.describe() for match in match_prints(*prints)], checkpoint, "was trained on texts of the gold")
    return "the training texts were compared with this gold"


def find_training_articles(checkpoint: Checkpoint) -> Sequence[Article] | None:
    """The very articles that the run read, dev among them, or None where they are gone or changed."""
    provenance = checkpoint.provenance
    paths = [Path(path) for path in provenance.get("configuration", {}).get("data", {}).get("annotations", ())]
    try:
        corpus = load_corpus(paths, None) if paths else None
    except TrainerError:
        return None
    return corpus.articles if corpus is not None and corpus.hash == provenance["data"]["hash"] else None


def _refuse(found: Sequence[str], checkpoint: Checkpoint, fault: str) -> None:
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise LeakageError(
            f"the model {fault}: {'; '.join(found[:_SHOWN])}{more}",
            file=checkpoint.directory,
            remedy="train without them; no score on text that was seen says anything",
        )
