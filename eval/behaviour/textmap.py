"""Edits of a text, and where every boundary of the old text lies in the new one.

A boundary between two characters is one point in the old text, but text inserted there lies
either before or after it. Which, depends on what the inserted text belongs to: a diacritic to the
letter before it (``joins left``), a conjunction to the word after it (``joins right``), an emoji
to neither. A span keeps what belongs to its own characters and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from trainer.core.types import Span


class Joins(Enum):
    """Which neighbour an insertion belongs to."""

    NONE = "none"
    LEFT = "left"
    RIGHT = "right"


_ORDER = {Joins.LEFT: 0, Joins.NONE: 1, Joins.RIGHT: 2}


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace ``text[start:end]`` by ``new``; an insertion where ``start == end``."""

    start: int
    end: int
    new: str
    joins: Joins = Joins.NONE


@dataclass(frozen=True, slots=True)
class EditedText:
    """A changed text and the place of the old boundaries in it.

    Attributes:
        text: The new text.
        starts: ``(old length + 1,)`` where a span that began at an old boundary begins now.
        ends: ``(old length + 1,)`` where a span that ended there ends now.
    """

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def move(self, span: Span) -> Span:
        """The span in the new text."""
        return Span(self.starts[span.start], self.ends[span.end], span.label, span.type, span.score)


def apply_edits(text: str, edits: Iterable[Edit]) -> EditedText:
    """Apply edits that do not overlap; of several insertions at one point those that join left go first.

    Raises:
        ValueError: Edits overlap or lie outside the text.
    """
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end, _ORDER[edit.joins]))
    _refuse_overlap(text, ordered)
    parts: list[str] = []
    starts, ends = [0] * (len(text) + 1), [0] * (len(text) + 1)
    old = new = 0
    for edit in [*ordered, Edit(len(text), len(text), "")]:
        for point in range(old + 1, edit.start + 1):
            starts[point] = ends[point] = new + point - old
        new += edit.start - old
        after = new + len(edit.new)
        if edit.start < edit.end:
            for point in range(edit.start + 1, edit.end):  # a boundary inside a replaced stretch goes to its edge
                starts[point], ends[point] = new, after
            starts[edit.end] = ends[edit.end] = after
        elif edit.joins is Joins.LEFT:
            starts[edit.start] = ends[edit.start] = after
        elif edit.joins is Joins.NONE:
            starts[edit.start] = after
        parts += [text[old : edit.start], edit.new]
        old, new = edit.end, after
    return EditedText("".join(parts), tuple(starts), tuple(ends))


def _refuse_overlap(text: str, ordered: Sequence[Edit]) -> None:
    reach = 0
    for edit in ordered:
        if not reach <= edit.start <= edit.end <= len(text):
            raise ValueError(f"edit {edit.start}:{edit.end} overlaps another or lies outside the text")
        reach = edit.end
