"""The error atlas: every wrong span, gold or predicted, in exactly one error of one kind.

Strictly right spans are taken out first. What is left is joined by overlap, and each group is
read in this order:

1. one gold span and one predicted span: `WRONG_LABEL` where the labels differ (whatever the
   edges); else the edges differ: `QUOTE` where only quotes, brackets and white space lie between
   them, `CLITIC` where only an attached و ف ب ل ك or the article does, else `BOUNDARY_LEFT`,
   `BOUNDARY_RIGHT` or `BOUNDARY_BOTH`;
2. one gold span and several predicted ones: `SPLIT`; several gold spans and one predicted: `MERGED`;
3. several on both sides: the pairs that share most are read as in 1, one span once; the rest is
   `MISSED` or `SPURIOUS`, as is every span that overlaps nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from trainer.core.normalisation import normalise_word
from trainer.core.types import Span

_PAIRED_MARKS = frozenset("\"'«»“”„‟‘’‹›()[]{}〈〉《》<>")
_CLITICS = re.compile("[وف]?[بلك]?(?:ال|ل)?")


class ErrorKind(Enum):
    """What is wrong with a span; see the module's order of reading."""

    MISSED = "missed"
    SPURIOUS = "spurious"
    WRONG_LABEL = "wrong_label"
    QUOTE = "quote"
    CLITIC = "clitic"
    BOUNDARY_LEFT = "boundary_left"
    BOUNDARY_RIGHT = "boundary_right"
    BOUNDARY_BOTH = "boundary_both"
    SPLIT = "split"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class SpanError:
    """One error and the spans it concerns, in text order."""

    kind: ErrorKind
    gold: tuple[Span, ...]
    predicted: tuple[Span, ...]

    @property
    def start(self) -> int:
        """Where the error begins."""
        return min(span.start for span in (*self.gold, *self.predicted))

    @property
    def end(self) -> int:
        """One past where the error ends."""
        return max(span.end for span in (*self.gold, *self.predicted))


def classify_errors(text: str, gold: Iterable[Span], predicted: Iterable[Span]) -> tuple[SpanError, ...]:
    """The errors of one article, in text order.

    >>> classify_errors("قصف الموصل", [Span(4, 10, "LOCATION")], [Span(6, 10, "LOCATION")])[0].kind.value
    'clitic'
    """
    wanted = {(span.start, span.end, span.label): span for span in gold}
    found = {(span.start, span.end, span.label): span for span in predicted}
    wrong_gold = sorted(span for key, span in wanted.items() if key not in found)
    wrong_predicted = sorted(span for key, span in found.items() if key not in wanted)
    errors: list[SpanError] = []
    for left, right in _join_overlaps(wrong_gold, wrong_predicted):
        errors.extend(_read_group(text, left, right))
    return tuple(sorted(errors, key=lambda error: (error.start, error.end)))


def _join_overlaps(gold: Sequence[Span], predicted: Sequence[Span]) -> list[tuple[list[Span], list[Span]]]:
    """Groups of spans that hang together by overlap."""
    groups: list[tuple[list[Span], list[Span]]] = []
    reach = -1
    for span, side in sorted([*((span, 0) for span in gold), *((span, 1) for span in predicted)]):
        if span.start >= reach:
            groups.append(([], []))
        groups[-1][side].append(span)
        reach = max(reach, span.end)
    return groups


def _read_group(text: str, gold: list[Span], predicted: list[Span]) -> list[SpanError]:
    if len(gold) == 1 and len(predicted) == 1:
        return [_read_pair(text, gold[0], predicted[0])]
    if len(gold) == 1 and len(predicted) > 1:
        return [SpanError(ErrorKind.SPLIT, tuple(gold), tuple(predicted))]
    if len(predicted) == 1 and len(gold) > 1:
        return [SpanError(ErrorKind.MERGED, tuple(gold), tuple(predicted))]
    pairs = _pair_largest(gold, predicted)
    errors = [_read_pair(text, left, right) for left, right in pairs]
    errors += [SpanError(ErrorKind.MISSED, (span,), ()) for span in gold if span not in [pair[0] for pair in pairs]]
    errors += [SpanError(ErrorKind.SPURIOUS, (), (span,)) for span in predicted if span not in [p[1] for p in pairs]]
    return errors


def _pair_largest(gold: Sequence[Span], predicted: Sequence[Span]) -> list[tuple[Span, Span]]:
    """Pairs in order of shared code points; each span in one pair at most, ties to the earlier spans."""
    shared = [(min(g.end, p.end) - max(g.start, p.start), g, p) for g in gold for p in predicted]
    pairs: list[tuple[Span, Span]] = []
    for size, left, right in sorted(shared, key=lambda row: (-row[0], row[1], row[2])):
        if size > 0 and not any(left is pair[0] or right is pair[1] for pair in pairs):
            pairs.append((left, right))
    return pairs


def _read_pair(text: str, gold: Span, predicted: Span) -> SpanError:
    return SpanError(_pair_kind(text, gold, predicted), (gold,), (predicted,))


def _pair_kind(text: str, gold: Span, predicted: Span) -> ErrorKind:
    if gold.label != predicted.label:
        return ErrorKind.WRONG_LABEL
    left = text[min(gold.start, predicted.start) : max(gold.start, predicted.start)]
    right = text[min(gold.end, predicted.end) : max(gold.end, predicted.end)]
    if all(character in _PAIRED_MARKS or character.isspace() for character in left + right):
        return ErrorKind.QUOTE
    if not right and _CLITICS.fullmatch(normalise_word(left)):
        return ErrorKind.CLITIC
    if left and right:
        return ErrorKind.BOUNDARY_BOTH
    return ErrorKind.BOUNDARY_LEFT if left else ErrorKind.BOUNDARY_RIGHT
