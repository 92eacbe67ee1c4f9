"""Clitic-free names of spans: ``وبالموصل`` is about ``الموصل``, ``للجيش`` about ``الجيش``.

Arabic writes a conjunction (و ف) and a preposition (ب ك ل) onto the word that follows. The
method is deliberately conservative: a name is changed only where a rule has evidence, else it is
the span as written. Evidence comes from `name_forms.json`, counted over the training articles
by `trainer.learning.name_forms`, and from the other words of the same article:

- a *stem* is a word that begins with a clitic's letter but is whole, since it takes the article
  (الوزارة) or stands behind a preposition (في بغداد): never cut;
- a preposition with the article (بال كال لل, also behind و or ف) is cut back to the article;
- a bare و ف ب ل is cut where what remains is itself attested, and more often than the whole. A bare ك
  never is: names that begin with it outnumber comparisons by far.

Offsets stay those of the raw text; only the first word of a span is looked at.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from trainer.core.normalisation import normalise_word
from trainer.core.types import Span, Word

ARTICLE = "ال"
CONJUNCTIONS = "وف"
PREPOSITIONS = "بكل"
_PARTICLES = ("في", "من", "إلى", "الى", "على", "عن", "بين", "منذ", "خلال", "بعد", "قبل", "مع", "ضد", "نحو", "داخل")
_PLACE_NOUNS = ("مدينة", "بلدة", "محافظة", "ولاية", "قرية")
GOVERNORS = frozenset((*_PARTICLES, *_PLACE_NOUNS))
"""Words behind which another word never begins with an attached preposition or conjunction."""
_NEVER_LEFT = GOVERNORS | {"تحت", "فوق", "أمام", "وراء"}  # فتحت is "she opened", not ف + تحت
_PARENT = re.compile("والد(?:ا|ان|ين|ة|ات)?(?:ت?(?:ه|ها|هم|هن|هما|ي|نا|ك|كم))?")
_HAMZAS = "أإآ"
_LEAST_REST = 3
_NO_WORDS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NameForms:
    """What is known about words: whole stems, and how often each form was seen."""

    stems: Set[str]
    counts: Mapping[str, int]

    def is_attested(self, form: str) -> bool:
        """Whether a form is known to stand on its own."""
        return form in self.counts or form in self.stems or ARTICLE + form in self.counts


@lru_cache(maxsize=1)
def load_name_forms() -> NameForms:
    """The forms that ship with the package."""
    raw = json.loads(files("trainer.runtime").joinpath("name_forms.json").read_text(encoding="utf-8"))
    return NameForms(frozenset(raw["stems"]), raw["counts"])


def name_spans(words: Sequence[Word], spans: Sequence[Span]) -> tuple[str, ...]:
    """The clitic-free name of each span of one article.

    Args:
        words: The article's words in order.
        spans: In order; each begins with a word.
    """
    if not spans:
        return ()
    starts = {word.start: index for index, word in enumerate(words)}
    local = frozenset(word.normal for word in words)
    names: list[str] = []
    for span in spans:
        first = starts[span.start]
        last = first
        while last + 1 < len(words) and words[last + 1].start < span.end:
            last += 1
        before = words[first - 1].normal if first else ""
        names.append(_name(words, first, last, before, local))
    return tuple(names)


def _name(words: Sequence[Word], first: int, last: int, before: str, local: Set[str]) -> str:
    parts = [strip_clitics(words[first].surface, before, local)]
    for previous, word in zip(words[first:last], words[first + 1 : last + 1], strict=True):
        parts.append(" " * (word.start > previous.end) + word.surface)
    return "".join(parts)


def strip_clitics(surface: str, before: str = "", local: Set[str] = _NO_WORDS) -> str:
    """A word without its attached conjunction and preposition, where there is evidence for them.

    Args:
        surface: The word as written, diacritics and all.
        before: The word before it.
        local: Forms that the same article holds; they count as attested.

    >>> [strip_clitics(word) for word in ("وبالموصل", "للجيش", "وزارة", "بغداد", "فرنسا", "كركوك", "لبنان")]
    ['الموصل', 'الجيش', 'وزارة', 'بغداد', 'فرنسا', 'كركوك', 'لبنان']
    """
    form = normalise_word(surface)
    if before in GOVERNORS or not form or form[0] not in CONJUNCTIONS + PREPOSITIONS:
        return surface
    cut, article = _find_cut(form, local, load_name_forms())
    return article + _drop_letters(surface, cut) if cut else surface


def _find_cut(form: str, local: Set[str], known: NameForms) -> tuple[int, str]:
    """How many letters to drop from the front, and what to put there instead."""
    if form in known.stems or _PARENT.fullmatch(form):
        return 0, ""
    conjunction = 1 if form[0] in CONJUNCTIONS else 0
    rest = form[conjunction:]
    if not conjunction or rest not in known.stems:
        if rest[:3] == "بال" and _is_name(rest[3:], known):
            return conjunction + 1, ""
        if rest[:3] == "كال" and (ARTICLE + rest[3:] in known.counts or ARTICLE + rest[3:] in local):
            return conjunction + 1, ""
        if rest[:2] == "لل" and (len(rest) > 4 or _is_name(rest[2:], known)):
            return conjunction + _cut_of_lil(rest, known), ARTICLE
    if conjunction and ((rest.startswith(ARTICLE) and _is_name(rest[2:], known)) or _is_hamzated(form, rest)):
        return 1, ""
    if conjunction and rest[:1] in ("ب", "ل") and rest not in known.stems and _stands(rest[1:], form, local, known):
        return 2, ""
    if form[0] != "ك" and _stands(form[1:], form, local, known):
        return 1, ""
    return 0, ""


def _is_hamzated(form: str, rest: str) -> bool:
    """Hardly a word begins with و or ف and a hamza on its alef, but for a few of three letters (فأس)."""
    return rest[:1] in _HAMZAS and len(form) > _LEAST_REST + (form[0] == "ف")


def _is_name(rest: str, known: NameForms) -> bool:
    """Whether what follows an article is long enough, or known, to be a word."""
    return len(rest) >= _LEAST_REST or ARTICLE + rest in known.counts


def _cut_of_lil(rest: str, known: NameForms) -> int:
    """``للجيش`` is ل + الجيش; ``للجنة`` is ل + اللجنة, written with one ل less."""
    return 1 if known.counts.get(ARTICLE + rest[1:], 0) > known.counts.get(ARTICLE + rest[2:], 0) else 2


def _stands(rest: str, form: str, local: Set[str], known: NameForms) -> bool:
    """Whether what remains is a word by itself, and likelier one than the whole."""
    if len(rest) < _LEAST_REST or rest in _NEVER_LEFT:
        return False
    seen = known.is_attested(rest) or (rest in local and form not in known.counts)
    return seen and known.counts.get(rest, 0) + known.counts.get(ARTICLE + rest, 0) >= known.counts.get(form, 0)


def _drop_letters(surface: str, count: int) -> str:
    """A word without its first letters and the marks on them."""
    index = 0
    while index < len(surface) and (count or not surface[index].isalpha() or surface[index] == "\u0640"):
        if count and unicodedata.category(surface[index]) in ("Lo", "Nd") and surface[index] != "\u0640":
            count -= 1
        index += 1
    return surface[index:]
