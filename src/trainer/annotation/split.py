"""Which articles train and which are held out for choosing a model: written down once, by article id."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from trainer.annotation.corpus import Corpus
from trainer.annotation.shapes import Node
from trainer.core.errors import AnnotationError
from trainer.core.files import write_json
from trainer.core.types import Article

_LOGGER = logging.getLogger(__name__)
DEV_SHARE = 0.15
_REMEDY = "write a new split with `python -m trainer annotations split`"


@dataclass(frozen=True, slots=True)
class Split:
    """Article ids of both sides, and the share of new articles that go to dev."""

    train: tuple[str, ...]
    dev: tuple[str, ...]
    dev_share: float = DEV_SHARE


def load_split(path: Path) -> Split:
    """Read a split file.

    Raises:
        AnnotationError: It is missing, not such a file, or puts an article on both sides.
    """
    try:
        node = Node(json.loads(path.read_text(encoding="utf-8")))
        sides = [tuple(item.text() for item in node.get(side).items()) for side in ("train", "dev")]
        share = node.get("dev_share").number()
    except OSError as error:
        raise AnnotationError(f"cannot be read: {error.strerror}", file=path, remedy=_REMEDY) from error
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError
        raise AnnotationError(f"not JSON: {error}", file=path, remedy=_REMEDY) from error
    except AnnotationError as error:
        raise AnnotationError(error.message, file=path, record=error.record, remedy=_REMEDY) from error
    both = [name for name, count in Counter(sides[0] + sides[1]).items() if count > 1]
    if both:
        raise AnnotationError(f"article {both[0]} stands twice in the split", file=path, remedy="keep one of the two")
    return Split(sides[0], sides[1], share)


def save_split(split: Split, path: Path) -> None:
    """Write a split file, ids in order."""
    write_json(path, {"dev_share": split.dev_share, "dev": sorted(split.dev), "train": sorted(split.train)})


def split_corpus(corpus: Corpus, split: Split | None = None) -> tuple[tuple[Article, ...], tuple[Article, ...]]:
    """Training and dev articles, in the corpus's order; every article is on exactly one side.

    Articles that the split does not name go to a side by a stable hash of their id; without a
    split that is true of all of them.

    Raises:
        AnnotationError: The split names articles that the corpus does not have, or a side is empty.
    """
    split = split or Split((), ())
    sides = dict.fromkeys(split.train, "train") | dict.fromkeys(split.dev, "dev")
    missing = sorted(set(sides) - {article.id for article in corpus.articles})
    if missing:
        raise AnnotationError(
            f"the split names {len(missing)} articles that the data do not hold: {', '.join(missing[:5])}",
            remedy=f"add the files that hold them, or {_REMEDY}",
        )
    new = [article.id for article in corpus.articles if article.id not in sides]
    sides.update((name, "dev" if stable_fraction(name) < split.dev_share else "train") for name in new)
    if new:
        dev = sum(sides[name] == "dev" for name in new)
        _LOGGER.info("%d articles are not in the split: %d to train, %d to dev by hash", len(new), len(new) - dev, dev)
    train, held_out = (
        tuple(article for article in corpus.articles if sides[article.id] == side) for side in ("train", "dev")
    )
    for name, side in (("train", train), ("dev", held_out)):
        if not side:
            raise AnnotationError(f"the {name} side of the split is empty", remedy="add articles, or " + _REMEDY)
    return train, held_out


def stable_fraction(name: str) -> float:
    """A number from 0 to 1 that depends on nothing but the name."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:6], "big") / 2**48
