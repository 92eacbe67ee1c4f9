"""Agreement between annotators: the ceiling that a model's score is read against.

Two annotators are compared as a model and the gold are: strict and relaxed span F1 by document,
which is symmetric. Alpha is measured on words, once by label and once by BIO tag, so that a
moved boundary counts too. The adjudicated annotation (``ground_truth``) is nobody's own work and
is kept apart from the pairs of annotators.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from trainer.annotation.labelstudio import AnnotatedArticle, Annotation
from trainer.annotation.reliability import cohen_kappa, krippendorff_alpha
from trainer.core.atlas import SpanError, classify_errors
from trainer.core.bio import spans_to_tags
from trainer.core.errors import AnnotationError
from trainer.core.metrics import Counts, Policy, bootstrap_interval, count_by_label, count_matches, total
from trainer.core.types import Span
from trainer.core.words import split_words

ADJUDICATED = "adjudicated"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Spans of one article on which two annotators differ (the first is read as gold, the second as predicted)."""

    article: AnnotatedArticle
    error: SpanError


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Two annotators over the articles that both worked on.

    Attributes:
        first: An annotator.
        second: Another, or `ADJUDICATED`.
        documents: Strict counts of each shared article.
        policies: Counts under each policy, strict among them.
        labels: Strict counts of each label.
        alpha_labels: Krippendorff's alpha over words, by the label of the span that covers them.
        alpha_tags: The same over BIO tags.
        types: Pairs of types on operations that both marked alike.
        roles: Counts of links whose two ends both marked alike.
        disagreements: Everything else, in order.
        annotations: The shared articles with the annotations of both.
    """

    first: str
    second: str
    documents: tuple[Counts, ...]
    policies: dict[str, Counts]
    labels: dict[str, Counts]
    alpha_labels: float | None
    alpha_tags: float | None
    types: tuple[tuple[str | None, str | None], ...]
    roles: Counts
    disagreements: tuple[Disagreement, ...]
    annotations: tuple[tuple[AnnotatedArticle, Annotation, Annotation], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, with the number of disagreements."""
        same = sum(left == right for left, right in self.types)
        return {
            "first": self.first,
            "second": self.second,
            "articles": len(self.documents),
            "strict_f1": self.policies[Policy.STRICT.value].f1,
            "strict_f1_interval": list(bootstrap_interval(self.documents)),
            "f1": {name: counts.f1 for name, counts in self.policies.items()},
            "labels": {label: counts.f1 for label, counts in self.labels.items()},
            "alpha_labels": self.alpha_labels,
            "alpha_tags": self.alpha_tags,
            "types": {
                "operations": len(self.types),
                "same": same / len(self.types) if self.types else None,
                "kappa": cohen_kappa(self.types),
            },
            "roles": {"f1": self.roles.f1, "first": self.roles.gold, "second": self.roles.predicted},
            "disagreements": len(self.disagreements),
        }


@dataclass(frozen=True, slots=True)
class Agreement:
    """All pairs of annotators, each annotator against the adjudicated annotation, and alpha over all annotators."""

    pairs: tuple[PairAgreement, ...]
    adjudicated: tuple[PairAgreement, ...]
    alpha_labels: float | None
    alpha_tags: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "pairs": [pair.to_dict() for pair in self.pairs],
            "adjudicated": [pair.to_dict() for pair in self.adjudicated],
            "alpha_labels": self.alpha_labels,
            "alpha_tags": self.alpha_tags,
        }


def measure_agreement(articles: Sequence[AnnotatedArticle], labels: Sequence[str]) -> Agreement:
    """Agreement over articles with several annotations.

    Args:
        articles: From a raw export; articles with one annotation are left out.
        labels: Of the schema.

    Raises:
        AnnotationError: No two annotators share an article.
    """
    work = [(article, _by_annotator(article)) for article in articles]
    people = sorted({name for _, own in work for name in own if name != ADJUDICATED})
    pairs = tuple(_compare(work, a, b, labels) for a, b in combinations(people, 2) if _shared(work, a, b))
    if not pairs:
        raise AnnotationError(
            f"no article was annotated by two people (annotators: {', '.join(people) or 'none'})",
            remedy="export a project in which tasks have two annotations or more, with all annotations",
        )
    adjudicated = tuple(
        _compare(work, ADJUDICATED, person, labels) for person in people if _shared(work, ADJUDICATED, person)
    )
    units = [(article, [own[name] for name in people if name in own]) for article, own in work]
    return Agreement(pairs, adjudicated, _alpha(units, labels_only=True), _alpha(units, labels_only=False))


def _by_annotator(article: AnnotatedArticle) -> dict[str, Annotation]:
    """The last annotation that each annotator submitted."""
    return {
        ADJUDICATED if annotation.ground_truth else annotation.annotator or "unknown": annotation
        for annotation in article.annotations
        if not annotation.cancelled
    }


_Work = Sequence[tuple[AnnotatedArticle, dict[str, Annotation]]]


def _shared(work: _Work, first: str, second: str) -> list[tuple[AnnotatedArticle, Annotation, Annotation]]:
    return [(article, own[first], own[second]) for article, own in work if first in own and second in own]


def _compare(work: _Work, first: str, second: str, labels: Sequence[str]) -> PairAgreement:
    shared = _shared(work, first, second)
    by_label = [count_by_label(a.spans, b.spans, labels) for _, a, b in shared]
    sides = [(article, [a, b]) for article, a, b in shared]
    return PairAgreement(
        first=first,
        second=second,
        documents=tuple(count_matches(a.spans, b.spans) for _, a, b in shared),
        policies={
            policy.value: total(count_matches(a.spans, b.spans, policy) for _, a, b in shared) for policy in Policy
        },
        labels={label: total(row[label] for row in by_label) for label in labels},
        alpha_labels=_alpha(sides, labels_only=True),
        alpha_tags=_alpha(sides, labels_only=False),
        types=tuple(pair for _, a, b in shared for pair in _shared_types(a, b)),
        roles=total(_count_roles(a, b) for _, a, b in shared),
        disagreements=tuple(
            Disagreement(article, error)
            for article, a, b in shared
            for error in classify_errors(article.text, a.spans, b.spans)
        ),
        annotations=tuple(shared),
    )


def _alpha(units: Iterable[tuple[AnnotatedArticle, Sequence[Annotation]]], labels_only: bool) -> float | None:
    """Alpha over the words of all articles."""
    columns: list[tuple[str, ...]] = []
    for article, versions in units:
        words = split_words(article.text)
        rows = [spans_to_tags(words, version.spans) for version in versions]
        if labels_only:
            rows = [[tag.rpartition("-")[2] for tag in row] for row in rows]
        columns += zip(*rows, strict=True)
    return krippendorff_alpha(columns)


def _key(span: Span) -> tuple[int, int, str]:
    return span.start, span.end, span.label


def _shared_types(first: Annotation, second: Annotation) -> list[tuple[str | None, str | None]]:
    other = {_key(span): span.type for span in second.spans}
    typed = [(span.type, other[_key(span)]) for span in first.spans if _key(span) in other]
    return [pair for pair in typed if pair != (None, None)]


def _count_roles(first: Annotation, second: Annotation) -> Counts:
    """Links of both, of those alone whose two ends both annotators marked alike."""
    common = {_key(span) for span in first.spans} & {_key(span) for span in second.spans}
    sides = [
        {
            (link.role, _key(side.spans[link.operation]), _key(side.spans[link.argument]))
            for link in side.links
            if {_key(side.spans[link.operation]), _key(side.spans[link.argument])} <= common
        }
        for side in (first, second)
    ]
    return Counts(len(sides[0] & sides[1]), len(sides[1]), len(sides[0]))
