"""Words and paragraphs of raw text.

Invariant: words are in order, do not overlap, never cross a paragraph, and every code point
that is not white space, a control or a format character lies in exactly one word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import chain

from trainer.core.normalisation import Normalisation, normalise_word
from trainer.core.types import Paragraph, Word

_LINE_BREAK = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
# Marks and format characters live in the first two planes and in the variation selectors of plane 14.
_SEARCHED = (range(0x20000), range(0xE0000, 0xE0200))


def _character_classes(*groups: tuple[str, ...]) -> list[str]:
    """The code points of each group of Unicode categories as the inside of a regular-expression class."""
    group_of = {category: index for index, group in enumerate(groups) for category in group}
    ranges: list[list[list[int]]] = [[] for _ in groups]
    category_of = unicodedata.category
    for point in chain(*_SEARCHED):
        group = group_of.get(category_of(chr(point)))
        if group is not None:
            known = ranges[group]
            if known and known[-1][1] == point - 1:
                known[-1][1] = point
            else:
                known.append([point, point])
    return ["".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in known) for known in ranges]


_MARK, _FORMAT = _character_classes(("Mn", "Mc", "Me"), ("Cf",))
_LETTER = rf"(?:[^\W_]|[{_MARK}])"  # \w without marks is the classic Arabic trap: it cuts at each diacritic
_WORD = re.compile(
    rf"{_LETTER}+(?:[{_FORMAT}]+{_LETTER}+)*"  # a zero-width joiner or soft hyphen inside a word stays inside
    rf"|_|[^\w\s{_MARK}{_FORMAT}\x00-\x1f\x7f-\x9f\ud800-\udfff]"
)


def split_words(text: str, normalisation: Normalisation = Normalisation()) -> tuple[Word, ...]:
    """All words of a text, in order.

    >>> [word.surface for word in split_words("قَتَلَ «داعش» 3 جنود.")]
    ['قَتَلَ', '«', 'داعش', '»', '3', 'جنود', '.']
    """
    return tuple(
        Word(match.start(), match.end(), match.group(), normalise_word(match.group(), normalisation))
        for match in _WORD.finditer(text)
    )


def split_paragraphs(text: str, words: Sequence[Word]) -> tuple[Paragraph, ...]:
    """The lines of a text that hold at least one word, each with its range of words."""
    paragraphs: list[Paragraph] = []
    start = cursor = 0
    for end, following in [*(match.span() for match in _LINE_BREAK.finditer(text)), (len(text), len(text))]:
        first = cursor
        while cursor < len(words) and words[cursor].start < end:
            cursor += 1
        if cursor > first:
            paragraphs.append(Paragraph(start, end, first, cursor))
        start = following
    return tuple(paragraphs)


def covers_letters(text: str) -> bool:
    """Whether a text holds at least one word."""
    return _WORD.search(text) is not None
