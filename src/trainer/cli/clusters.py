"""``cluster-words``: clusters of words from raw text, for the CRF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def cluster_words(
    corpus: Annotated[list[Path], typer.Argument(metavar="CORPUS…", help="Raw text, as pretrain reads it.")],
    output: Annotated[Path, typer.Option(help="Directory of the clusters.")] = Path("models/clusters"),
    words: Annotated[int, typer.Option(min=100, help="Most words.")] = 60_000,
    clusters: Annotated[list[int] | None, typer.Option(min=2, help="Clusters; repeat for each granularity.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that read the corpus.")] = 1,
) -> None:
    """Cluster words that stand in like company: what the CRF knows of words that no annotated article holds."""
    from trainer.learning.pretraining.clusters import ClusterSettings, cluster_corpus
    from trainer.learning.progress import start_logging

    start_logging(main_process=True)
    sizes = tuple(clusters) if clusters else ClusterSettings().sizes
    cluster_corpus(corpus, output, ClusterSettings(words=words, sizes=sizes, workers=workers))
