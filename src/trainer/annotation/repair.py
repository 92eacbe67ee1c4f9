"""Offsets brought back to code points of the text, where that can be proved right."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate

from trainer.annotation.tasks import Region

_ESCAPED_BREAK = re.compile(r"\\[rn]")
_WHITE_SPACE = re.compile(r"\s+")
_EDGE_CATEGORIES = frozenset(("Cf", "Cc", "Zs", "Zl", "Zp"))
_FIRST_ASTRAL = 0x10000


def shows_slice(region: Region, text: str) -> bool:
    """Whether the region lies in the text and its own copy of the surface agrees.

    Label Studio writes a line break in that copy as backslash-n, so both are compared with
    escaped line breaks undone and white space folded. A region without a copy passes.
    """
    if not 0 <= region.start <= region.end <= len(text):
        return False
    return region.text is None or _fold(text[region.start : region.end]) == _fold(region.text)


def repair_utf16(regions: Iterable[Region], text: str) -> tuple[Region, ...] | None:
    """Regions whose offsets counted UTF-16 units, converted to code points.

    Returns:
        The converted regions, or None unless the text goes beyond the basic plane, every
        region has its own copy of the surface, and every one of them fits after conversion.
    """
    if not text or max(text) < chr(_FIRST_ASTRAL):
        return None
    units = [0, *accumulate(2 if ord(character) >= _FIRST_ASTRAL else 1 for character in text)]
    points = {unit: point for point, unit in enumerate(units)}
    repaired: list[Region] = []
    for region in regions:
        start, end = points.get(region.start), points.get(region.end)
        if start is None or end is None or region.text is None:
            return None
        repaired.append(replace(region, start=start, end=end))
        if not shows_slice(repaired[-1], text):
            return None
    return tuple(repaired)


def trim_edges(text: str, start: int, end: int) -> tuple[int, int]:
    """The range without white space, format and control characters at its edges."""
    while start < end and _is_edge(text[start]):
        start += 1
    while start < end and _is_edge(text[end - 1]):
        end -= 1
    return start, end


def _is_edge(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in _EDGE_CATEGORIES


def _fold(surface: str) -> str:
    return _WHITE_SPACE.sub(" ", _ESCAPED_BREAK.sub("\n", surface)).strip()
