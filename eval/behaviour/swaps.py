"""Names changed for other names of the same kind: a model must not lean on the names it knows."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import yaml

from eval.behaviour.textmap import Edit
from trainer.core.normalisation import Normalisation, normalise_word
from trainer.core.types import Article

NAMES = Path(__file__).with_name("swaps.yaml")
_PREFIXES = ("", "و", "ب")
_FOLDED = Normalisation(fold_alef=True, fold_ya=True, fold_ta_marbuta=True)


def swap_names(article: Article, random: Random) -> list[Edit]:
    """Every gold span that is a listed name takes another name of its kind; one name, one stand-in an article."""
    chosen: dict[tuple[str, str], str] = {}
    edits: list[Edit] = []
    for span in article.spans:
        found = _find(span.label, article.surface(span))
        if found is None:
            continue
        prefix, name, others = found
        stand_in = chosen.setdefault((span.label, name), random.choice([other for other in others if other != name]))
        edits.append(Edit(span.start, span.end, prefix + stand_in))
    return edits


def _find(label: str, surface: str) -> tuple[str, str, tuple[str, ...]] | None:
    """Attached prefix, listed name and the names of its kind."""
    folded = _fold(surface)
    for prefix in _PREFIXES:
        for name, others in _names().get(label, {}).items():
            if folded == prefix + _fold(name):
                return prefix, name, others
    return None


@cache
def _names() -> dict[str, dict[str, tuple[str, ...]]]:
    """For each label, each name with the names of its kind."""
    listed = yaml.safe_load(NAMES.read_text(encoding="utf-8"))
    return {
        label: {name: tuple(names) for names in kinds.values() for name in names} for label, kinds in listed.items()
    }


@cache
def _fold(surface: str) -> str:
    return " ".join(normalise_word(part, _FOLDED) for part in surface.split())
