"""Clusters of words that stand in like company, learnt from raw text: what a CRF knows of words it was never taught.

A file of tab-separated values: a header with ``word`` and the number of clusters of each granularity, then a normal
form and its cluster at each. `trainer.learning.pretraining.clusters` makes one (after Miller, Guinness and Zamanian
2004, and Lin and Wu 2009, whose clusters of words and phrases served named-entity taggers in the same way).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.core.errors import ArtifactError
from trainer.runtime.packing import read_file
from trainer.runtime.word_forms import stem_of

WORD_CLUSTERS = "word_clusters.tsv"
_WORD = "word"
_ARTICLE = "ال"
_REMEDY = "make it again: python -m trainer cluster-words CORPUS, or train without: model.crf.clusters=null"


@dataclass(frozen=True, slots=True)
class WordClusters:
    """The clusters of frequent words.

    Attributes:
        sizes: Number of clusters of each granularity, as the header names them.
        table: For each normal form its cluster at each granularity.
    """

    sizes: tuple[str, ...]
    table: Mapping[str, tuple[str, ...]]

    def clusters_of(self, form: str) -> tuple[str, ...]:
        """A word's cluster at each granularity; of its stem, bare or with the article, where it is unknown itself."""
        found = self.table.get(form)
        if found is None:
            stem = stem_of(form)
            found = self.table.get(stem) or self.table.get(_ARTICLE + stem)
        return found or ()


def load_word_clusters(path: Path) -> WordClusters:
    """Read a file of clusters, packed or not.

    Raises:
        ArtifactError: It is missing, not UTF-8, or a line has another number of columns than the header.
    """
    try:
        lines = read_file(path).decode("utf-8").splitlines()
    except FileNotFoundError as error:
        raise ArtifactError("no word clusters", file=path, remedy=_REMEDY) from error
    except UnicodeDecodeError as error:
        raise ArtifactError("word clusters are not UTF-8", file=path, remedy=_REMEDY) from error
    header, *rows = [tuple(line.split("\t")) for line in lines] or [()]
    if header[:1] != (_WORD,) or len(header) < 2:
        raise ArtifactError("not a file of word clusters: no header", file=path, remedy=_REMEDY)
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise ArtifactError(
                f"{len(row)} columns, the header has {len(header)}", file=path, record=f"line {number}", remedy=_REMEDY
            )
    return WordClusters(header[1:], {row[0]: row[1:] for row in rows})


def write_word_clusters(path: Path, words: Sequence[str], columns: Mapping[int, Sequence[int]]) -> None:
    """Write a file of clusters; ``columns`` holds, for each number of clusters, the cluster of each word."""
    rows = ["\t".join((_WORD, *map(str, columns)))]
    rows += ["\t".join((word, *map(str, found))) for word, *found in zip(words, *columns.values(), strict=True)]
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text("\n".join(rows) + "\n", encoding="utf-8")
    temporary.replace(path)
