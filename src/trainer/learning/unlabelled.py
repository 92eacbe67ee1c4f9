"""Raw articles that a student learns from through its teachers."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from trainer.annotation.leakage import check_leakage, find_duplicates
from trainer.core.errors import ConfigError
from trainer.core.types import Article
from trainer.learning.distil_config import DistilConfig
from trainer.learning.pretraining.corpus import read_documents
from trainer.runtime.records import Fields, Reject
from trainer.runtime.sources import Source, find_sources, read_source

logger = logging.getLogger(__name__)

_COMPRESSED = (".gz", ".xz", ".zst")


def read_unlabelled(config: DistilConfig, dev: Sequence[Article], manifest: Path | None) -> tuple[Article, ...]:
    """Raw articles without those that repeat a dev or a gold article, in part or as a whole.

    An archive may well hold held-out articles; a student that learns a teacher's reading of them would be judged on
    text it has seen. The gold is known by its fingerprints alone.

    Args:
        config: Where they lie.
        dev: Articles that pick the epoch.
        manifest: Fingerprints of the gold; None checks against dev alone.

    Raises:
        ConfigError: No path is named, or no article is left.
        InputError: A path does not exist.
    """
    if not config.articles:
        raise ConfigError(
            "a teacher needs raw articles to read", record="distil.articles", remedy="distil.articles=[FILE,FOLDER,…]"
        )
    articles = tuple(islice(_read_paths(config), config.limit))
    repeating = {match.article for match in find_duplicates(articles, dev)}
    if manifest is not None:
        repeating |= {match.article for match in check_leakage(articles, manifest).matches}
    kept = tuple(article for article in articles if article.id not in repeating)
    if repeating:
        logger.info("%d raw articles repeat held-out text and are left out", len(articles) - len(kept))
    if not kept:
        raise ConfigError(
            f"no article to learn from among {len(articles)}", record="distil.articles", remedy="name other files"
        )
    return kept


def _read_paths(config: DistilConfig) -> Iterator[Article]:
    for path in config.articles:
        if path.suffix in _COMPRESSED:
            for number, paragraphs in enumerate(read_documents((path,)), 1):
                yield Article(f"{path.name}:{number}", "\n".join(paragraphs))
            continue
        for source in find_sources([str(path)]):
            yield from _read_source(source, Fields(text=config.text_field))


def _read_source(source: str, fields: Fields) -> Iterator[Article]:
    for number, (item, _) in enumerate(read_source(Source(source), fields), 1):
        if isinstance(item, Reject):
            logger.warning("%s %s: left out: %s", item.source, item.record, item.reason)
        elif item.text.strip():
            yield Article(f"{source}:{number}", item.text)
