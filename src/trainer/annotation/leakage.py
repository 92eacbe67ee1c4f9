"""Repetitions of text between sets of articles, and the guard of the gold.

The library knows the gold only by the fingerprints in its manifest, never by text or label.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.annotation.fingerprints import (
    PLACES,
    SHORT,
    ArticlePrint,
    Fingerprint,
    fingerprint_article,
    parse_article_print,
)
from trainer.annotation.shapes import Node
from trainer.core.errors import AnnotationError, LeakageError
from trainer.core.types import Article

NEAR = 0.7  # Jaccard similarity of 5-word shingles from which two texts count as one
_BANDS = 32  # of 4 places each: a pair at 0.7 is missed with probability 0.0002, one at 0.3 compared in vain at 0.23
_FEW_WORDS = 4  # datelines, bylines and section headings are not compared at all
_LISTED = 5
_BOILERPLATE = 3  # a short paragraph that this many articles of one side share is a formula, not a leak


@dataclass(frozen=True, slots=True)
class Match:
    """A text of one side that the other side repeats.

    Attributes:
        article: Article id on the side that was checked.
        paragraph: Index of the paragraph, None for the article as a whole.
        kind: ``exact``, ``normalised`` or ``near``.
        similarity: Estimated Jaccard similarity, 1 for the first two kinds.
        other: Article id on the other side.
        other_paragraph: Its paragraph, None for the article as a whole.
        words: Words of the repeated text.
    """

    article: str
    paragraph: int | None
    kind: str
    similarity: float
    other: str
    other_paragraph: int | None
    words: int

    def describe(self) -> str:
        """One line."""
        here = "text" if self.paragraph is None else f"paragraph {self.paragraph + 1}"
        there = "text" if self.other_paragraph is None else f"paragraph {self.other_paragraph + 1}"
        likeness = f" ({self.similarity:.2f})" if self.kind == "near" else ""
        return f"{self.kind}{likeness}: {here} of {self.article} ({self.words} words) repeats {there} of {self.other}"


@dataclass(frozen=True, slots=True)
class LeakageReport:
    """What was compared and what was found."""

    manifest: str
    articles: int
    paragraphs: int
    gold_articles: int
    gold_paragraphs: int
    matches: tuple[Match, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def load_manifest(path: Path) -> tuple[ArticlePrint, ...]:
    """The fingerprints of a gold manifest: all that the library may know of the gold.

    Raises:
        LeakageError: It is missing or not a manifest: without it nothing guards the gold.
    """
    remedy = "write it again with `python -m eval.gold_manifest`"
    try:
        node = Node(json.loads(path.read_text(encoding="utf-8")))
        files = list(node.get("files").items())
        articles = tuple(parse_article_print(item) for file in files for item in file.get("fingerprints").items())
    except OSError as error:
        raise LeakageError(f"the gold manifest cannot be read: {error.strerror}", file=path, remedy=remedy) from error
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError
        raise LeakageError(f"not a gold manifest: {error}", file=path, remedy=remedy) from error
    except AnnotationError as error:
        raise LeakageError(error.message, file=path, record=error.record, remedy=remedy) from error
    if not articles:
        raise LeakageError("the gold manifest holds no fingerprint", file=path, remedy=remedy)
    return articles


def check_leakage(articles: Iterable[Article], manifest: Path) -> LeakageReport:
    """Compare articles with the gold, as wholes and paragraph by paragraph; the same id is a match too.

    Raises:
        LeakageError: The manifest is missing or not a manifest.
    """
    gold = load_manifest(manifest)
    prints = [fingerprint_article(article) for article in articles]
    return LeakageReport(
        manifest=str(manifest),
        articles=len(prints),
        paragraphs=sum(len(article.paragraphs) for article in prints),
        gold_articles=len(gold),
        gold_paragraphs=sum(len(article.paragraphs) for article in gold),
        matches=(*_match_ids(prints, gold), *match_prints(prints, gold)),
    )


def refuse_leakage(report: LeakageReport) -> None:
    """Raise where something leaks.

    Raises:
        LeakageError: Names article, paragraph and kind of the first matches.
    """
    if not report.matches:
        return
    shown = "".join(f"\n  {match.describe()}" for match in report.matches[:_LISTED])
    more = f"\n  … and {len(report.matches) - _LISTED} more" if len(report.matches) > _LISTED else ""
    raise LeakageError(
        f"articles repeat the gold:{shown}{more}",
        file=report.manifest,
        record=f"article {report.matches[0].article}",
        remedy="take these articles or paragraphs out of the training data",
    )


def find_duplicates(left: Sequence[Article], right: Sequence[Article]) -> tuple[Match, ...]:
    """Repetitions between two sets of articles, or within one set given twice; an article does not repeat itself."""
    prints = [fingerprint_article(article) for article in left]
    others = prints if right is left else [fingerprint_article(article) for article in right]
    return tuple(match for match in match_prints(prints, others) if match.article != match.other)


def match_prints(left: Sequence[ArticlePrint], right: Sequence[ArticlePrint]) -> list[Match]:
    """Matches in order: whole articles first, then paragraphs; one for each pair of texts."""
    whole = _match_texts(_wholes(left), _wholes(right))
    formulas = _formulas(left) | _formulas(right)
    return [*whole, *_match_texts(_paragraphs(left, formulas), _paragraphs(right, formulas))]


_Text = tuple[str, int | None, Fingerprint]


def _wholes(prints: Iterable[ArticlePrint]) -> list[_Text]:
    return [(article.id, None, article.whole) for article in prints]


def _paragraphs(prints: Iterable[ArticlePrint], formulas: set[str]) -> list[_Text]:
    return [
        (article.id, index, paragraph)
        for article in prints
        for index, paragraph in enumerate(article.paragraphs)
        if paragraph.words >= _FEW_WORDS and paragraph.normalised not in formulas
    ]


def _formulas(prints: Iterable[ArticlePrint]) -> set[str]:
    """Reduced forms of short paragraphs that several articles share."""
    counts = Counter(
        form
        for article in prints
        for form in {paragraph.normalised for paragraph in article.paragraphs if paragraph.words < SHORT}
    )
    return {form for form, count in counts.items() if count >= _BOILERPLATE}


def _match_texts(left: Sequence[_Text], right: Sequence[_Text]) -> Iterator[Match]:
    index: dict[object, list[int]] = defaultdict(list)
    for position, (_, _, text) in enumerate(right):
        for key in _keys(text):
            index[key].append(position)
    for name, paragraph, text in left:
        for position in sorted({position for key in _keys(text) for position in index.get(key, ())}):
            other, other_paragraph, other_text = right[position]
            kind, similarity = _compare(text, other_text)
            if kind:
                yield Match(name, paragraph, kind, similarity, other, other_paragraph, text.words)


def _keys(text: Fingerprint) -> Iterator[object]:
    """What two texts share if they may match: the hash of the reduced form, or a band of the signature."""
    yield text.normalised
    if text.signature is not None:
        rows = PLACES // _BANDS
        for band in range(_BANDS):
            yield band, text.signature[band * rows : (band + 1) * rows].tobytes()


def _compare(left: Fingerprint, right: Fingerprint) -> tuple[str, float]:
    if left.exact == right.exact:
        return "exact", 1.0
    if left.normalised == right.normalised:
        return "normalised", 1.0
    similarity = left.similarity(right)
    return ("near", similarity) if similarity >= NEAR else ("", similarity)


def _match_ids(left: Sequence[ArticlePrint], right: Sequence[ArticlePrint]) -> list[Match]:
    """Articles of the gold under their own id, whatever their text now is."""
    known = {article.id for article in right}
    return [Match(a.id, None, "id", 1.0, a.id, None, a.whole.words) for a in left if a.id in known]
