"""One annotation from several: which of an article's annotations counts, or what most annotators agree on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import Enum

from trainer.annotation.corpus import Rule, choose_adjudicated
from trainer.annotation.labelstudio import AnnotatedArticle, Annotation
from trainer.core.types import Link, Span


class Adjudication(Enum):
    """The rule, by its name in configuration files."""

    ground_truth = "ground_truth"  # the annotation marked as ground truth, else the latest
    majority = "majority"  # span by span, what more than half of the annotators marked
    latest = "latest"  # whatever was submitted last


def rule_of(adjudication: Adjudication) -> Rule:
    """The function that `trainer.annotation.corpus.load_corpus` takes."""
    rules: dict[Adjudication, Rule] = {
        Adjudication.ground_truth: choose_adjudicated,
        Adjudication.majority: vote,
        Adjudication.latest: choose_latest,
    }
    return rules[adjudication]


def choose_latest(article: AnnotatedArticle) -> Annotation | None:
    """The annotation changed last, skipped ones aside; None where all were skipped."""
    submitted = [annotation for annotation in article.annotations if not annotation.cancelled]
    return max(submitted, key=lambda annotation: annotation.updated) if submitted else None


def vote(article: AnnotatedArticle) -> Annotation | None:
    """Spans that more than half of the annotators marked alike, and links between them likewise.

    Start, end and label must agree; the type is the one most often given among those who marked
    the span, the latest among equals. An annotator who submitted twice votes with the later
    annotation. One annotator decides alone; of two, only what both marked stays. A majority can
    never overlap another, since two overlapping spans cannot both have more than half.
    """
    voters = latest_by_annotator(article)
    if not voters:
        return None
    votes = Counter((span.start, span.end, span.label) for voter in voters for span in voter.spans)
    agreed = sorted(key for key, count in votes.items() if 2 * count > len(voters))
    spans = tuple(Span(*key, _type_of(key, voters)) for key in agreed)
    index = {key: number for number, key in enumerate(agreed)}
    arrows: Counter[Link] = Counter()
    for voter in voters:
        ends = [index.get((span.start, span.end, span.label)) for span in voter.spans]
        for link in set(voter.links):
            operation, argument = ends[link.operation], ends[link.argument]
            if operation is not None and argument is not None:
                arrows[Link(operation, argument, link.role)] += 1
    links = tuple(sorted(link for link, count in arrows.items() if 2 * count > len(voters)))
    latest = max(voter.updated for voter in voters)
    return Annotation("majority", "", False, False, latest, spans, links, tuple(str(key[0]) for key in agreed))


def latest_by_annotator(article: AnnotatedArticle) -> list[Annotation]:
    """Each annotator's last submitted annotation, in order of time; nameless ones stand for themselves."""
    latest: dict[str, Annotation] = {}
    submitted = [annotation for annotation in article.annotations if not annotation.cancelled]
    for annotation in sorted(submitted, key=lambda annotation: annotation.updated):
        latest[annotation.annotator or f"annotation {annotation.id}"] = annotation
    return list(latest.values())


def _type_of(key: tuple[int, int, str], voters: Sequence[Annotation]) -> str | None:
    types = [
        span.type for voter in voters for span in voter.spans if (span.start, span.end, span.label) == key and span.type
    ]
    counts = Counter(types)
    return max(counts, key=lambda kind: (counts[kind], _last(types, kind))) if counts else None


def _last(types: Sequence[str], kind: str) -> int:
    return max(index for index, found in enumerate(types) if found == kind)
