"""Does the audit find annotation errors? 100 planted ones, of six kinds (see docs/audit.md).

A copy of the training articles in memory gets the errors; the audit ranks its suspects; a planted
error counts as found when a suspect overlaps it. What was wrong before the planting counts
against precision, so the figures are a lower bound. Writes docs/results/audit.json.

    nice python scripts/prove_audit.py
"""

from __future__ import annotations

import argparse
import pickle
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from trainer.annotation.audit import Judged, Suspect, find_suspects
from trainer.annotation.corpus import hash_articles, load_corpus
from trainer.core.bio import OUTSIDE, spans_to_tags, word_range
from trainer.core.files import hash_texts, write_bytes, write_json
from trainer.core.paths import default_schema_path, repository_directory
from trainer.core.schema import EventSchema, load_schema
from trainer.core.types import Article, Span
from trainer.core.words import covers_letters, split_paragraphs, split_words
from trainer.learning.audit import CRF, FOLDS, judge_articles

ROOT = repository_directory()
ERRORS = 100
CUTS = (100, 200)


@dataclass(frozen=True, slots=True)
class Planted:
    """An error, and the stretch of text that it concerns."""

    article: str
    kind: str
    start: int
    end: int


class Planter:
    """Draws errors at random places; links are dropped, since the audit does not read them."""

    def __init__(self, articles: Sequence[Article], schema: EventSchema, seed: int) -> None:
        self.articles = {article.id: replace(article, links=()) for article in articles}
        self.schema = schema
        self.draw = np.random.default_rng(seed)
        self.planted: list[Planted] = []
        self.kinds: dict[str, Callable[[Article], tuple[tuple[Span, ...], int, int] | None]] = {
            "removed": self._remove,
            "spurious": self._invent,
            "extended": self._extend,
            "cut": self._cut,
            "relabelled": self._relabel,
            "retyped": self._retype,
        }

    def plant(self, count: int) -> None:
        """Plant so many errors, the kinds in turn, none within 40 characters of another."""
        names = list(self.kinds)
        while len(self.planted) < count:
            kind = names[len(self.planted) % len(names)]
            article = self._any(list(self.articles.values()))
            changed = self.kinds[kind](article)
            if changed is None:
                continue
            spans, start, end = changed
            near = (p for p in self.planted if p.article == article.id and p.start - 40 < end and start < p.end + 40)
            if next(near, None) is None:
                self.articles[article.id] = replace(article, spans=tuple(sorted(spans)))
                self.planted.append(Planted(article.id, kind, start, end))

    def _any(self, values: Sequence[object]) -> object:
        return values[int(self.draw.integers(len(values)))]

    def _without(self, article: Article) -> tuple[Span, list[Span]] | None:
        if not article.spans:
            return None
        span = self._any(article.spans)
        return span, [other for other in article.spans if other is not span]

    def _remove(self, article: Article) -> tuple[tuple[Span, ...], int, int] | None:
        taken = self._without(article)
        return None if taken is None else (tuple(taken[1]), taken[0].start, taken[0].end)

    def _invent(self, article: Article) -> tuple[tuple[Span, ...], int, int] | None:
        words = split_words(article.text)
        tags = spans_to_tags(words, article.spans)
        free = [
            w
            for w, tag in zip(words, tags, strict=True)
            if tag == OUTSIDE and len(w.normal) > 3 and covers_letters(w.surface)
        ]
        word = self._any(free)
        span = self._labelled(word.start, word.end, self._any(self.schema.label_names))
        return (*article.spans, span), span.start, span.end

    def _extend(self, article: Article) -> tuple[tuple[Span, ...], int, int] | None:
        taken = self._without(article)
        if taken is None:
            return None
        span, others = taken
        words = split_words(article.text)
        first, last = word_range(words, span.start, span.end)
        paragraph = next(p for p in split_paragraphs(article.text, words) if p.first_word <= first < p.last_word)
        if (
            last >= paragraph.last_word
            or len(words[last].normal) < 2
            or any(o.start < words[last].end and words[last].start < o.end for o in others)
        ):
            return None
        return (*others, replace(span, end=words[last].end)), span.start, words[last].end

    def _cut(self, article: Article) -> tuple[tuple[Span, ...], int, int] | None:
        taken = self._without(article)
        if taken is None:
            return None
        span, others = taken
        words = split_words(article.text)
        first, last = word_range(words, span.start, span.end)
        if last - first < 2:
            return None
        return (*others, replace(span, end=words[last - 2].end)), span.start, span.end

    def _relabel(self, article: Article) -> tuple[tuple[Span, ...], int, int] | None:
        taken = self._without(article)
        if taken is None:
            return None
        span, others = taken
        label = self._any([name for name in self.schema.label_names if name != span.label])
        return (*others, self._labelled(span.start, span.end, label)), span.start, span.end

    def _retype(self, article: Article) -> tuple[tuple[Span, ...], int, int] | None:
        typed = [span for span in article.spans if span.type is not None]
        if not typed:
            return None
        span = self._any(typed)
        kind = self._any([name for name in self.schema.type_names if name != span.type])
        others = [other for other in article.spans if other is not span]
        return (*others, replace(span, type=kind)), span.start, span.end

    def _labelled(self, start: int, end: int, label: str) -> Span:
        kind = self._any(self.schema.type_names) if label == self.schema.typed_label else None
        return Span(start, end, label, kind)


def score(suspects: Sequence[Suspect], planted: Sequence[Planted], cut: int) -> dict[str, object]:
    """Precision and recall among the first suspects, and recall by kind."""
    first = suspects[:cut]
    found = {error for error in planted if any(_touches(suspect, error) for suspect in first)}
    right = sum(any(_touches(suspect, error) for error in planted) for suspect in first)
    totals, hits = Counter(error.kind for error in planted), Counter(error.kind for error in found)
    return {
        "precision": right / cut,
        "recall": len(found) / len(planted),
        "recall_by_kind": {kind: hits[kind] / totals[kind] for kind in totals},
    }


def _touches(suspect: Suspect, error: Planted) -> bool:
    return suspect.article == error.article and suspect.start < error.end and error.start < suspect.end


def _judge(articles: Sequence[Article], schema: EventSchema, seed: int) -> list[Judged]:
    """The cross-validated judgement, kept in .cache/ under the seed, the articles and the settings."""
    key = hash_texts([hash_articles(articles), f"{seed} {FOLDS} {CRF}"])[:16]
    path = ROOT / ".cache" / "audit" / f"{key}.pickle"
    if path.is_file():
        return list(pickle.loads(path.read_bytes()))  # written by this script only
    judged = judge_articles(articles, schema, FOLDS, seed=0, crf=CRF)
    write_bytes(path, pickle.dumps(judged))
    return judged


def main() -> None:
    """Plant, audit, score, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    schema = load_schema(default_schema_path())
    planter = Planter(load_corpus([ROOT / "data" / "annotations"], schema).articles, schema, arguments.seed)
    planter.plant(ERRORS)
    judged = _judge(list(planter.articles.values()), schema, arguments.seed)
    suspects = find_suspects(judged, schema.tags)
    at = {str(cut): score(suspects, planter.planted, cut) for cut in CUTS}
    spans = sum(len(article.spans) for article in planter.articles.values())
    result = {
        "seed": arguments.seed,
        "articles": len(planter.articles),
        "spans": spans,
        "errors": ERRORS,
        "suspects": len(suspects),
        "folds": FOLDS,
        "crf_iterations": CRF.iterations,
        "chance_precision": ERRORS / spans,
        "at": at,
    }
    write_json(ROOT / "docs" / "results" / "audit.json", result)
    print(result)


if __name__ == "__main__":
    main()
