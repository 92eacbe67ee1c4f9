"""From judged articles to the numbers of ``metrics.json``.

The headline is strict span F1 over all articles, with a document-bootstrap interval. Relaxed
policies, types, links and whole events stand beside it under their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from eval.judge import Judged
from trainer.core.bio import spans_to_tags
from trainer.core.event_metrics import count_events
from trainer.core.metrics import Counts, Policy, bootstrap_interval, macro_f1, total
from trainer.core.schema import EventSchema
from trainer.core.words import split_paragraphs, split_words

LEAST_ARTICLES = 5  # with fewer a bootstrap over documents says nothing
RELAXED = (Policy.BOUNDARY, Policy.LABEL_OVERLAP, Policy.OVERLAP)


def score_gold(judged: Sequence[Judged], schema: EventSchema) -> dict[str, Any]:
    """Every span score over all articles and over real and synthetic ones apart.

    Args:
        judged: At least one article.
        schema: Labels, types and roles of the model.

    Returns:
        Plain JSON values; scores in the range 0 to 1.
    """
    sources = sorted({item.gold.source for item in judged})
    overall, seqeval = score_spans(judged, schema.label_names), cross_check(judged)
    return {
        **overall,
        "relaxed": {policy.value: total(item.count(policy) for item in judged).to_dict() for policy in RELAXED},
        "sources": {
            source: score_spans([item for item in judged if item.gold.source == source], schema.label_names)
            for source in sources
        },
        **score_events(judged, schema),
        "seqeval_strict_f1": seqeval,
        "seqeval_difference": abs(seqeval - overall["strict"]["f1"]),
        "articles": [describe_article(item, schema.label_names) for item in judged],
    }


def score_spans(judged: Sequence[Judged], labels: Sequence[str]) -> dict[str, Any]:
    """Strict counts overall and of each label, with intervals."""
    rows = [item.count_labels(labels) for item in judged]
    by_label = {label: total(row[label] for row in rows) for label in labels}
    return {
        "strict": with_interval([item.count() for item in judged]),
        "macro_f1": macro_f1(by_label),
        "labels": {label: with_interval([row[label] for row in rows]) for label in labels},
        "article_count": len(judged),
    }


def with_interval(documents: Sequence[Counts]) -> dict[str, Any]:
    """Scores of the sum, and the 95 % bootstrap interval of F1 where there are articles enough for one."""
    enough = len(documents) >= LEAST_ARTICLES
    return {**total(documents).to_dict(), "f1_interval": list(bootstrap_interval(documents)) if enough else None}


def score_events(judged: Sequence[Judged], schema: EventSchema) -> dict[str, Any]:
    """Strict scores of operations with types, links and whole events; None for what the model does not give."""
    rows = [count_events(x.article.spans, x.article.links, x.spans, x.links, schema) for x in judged]
    gives_types = any(span.type for item in judged for span in item.spans)
    gives_links = any(item.links for item in judged)
    found, typed = sum(row.found for row in rows), with_interval([row.typed for row in rows])
    roles = {role.name: total(row.roles[i] for row in rows).to_dict() for i, role in enumerate(schema.roles)}
    accuracy = typed["correct"] / found if found else 0.0
    return {
        "typed": {**typed, "type_accuracy_on_found": accuracy} if gives_types else None,
        "links": {**with_interval([row.links for row in rows]), "roles": roles} if gives_links else None,
        "events": with_interval([row.events for row in rows]) if gives_types and gives_links else None,
    }


def cross_check(judged: Sequence[Judged]) -> float:
    """Strict F1 by seqeval (mode strict, IOB2) on word tags, a sequence for each paragraph."""
    gold_rows: list[list[str]] = []
    predicted_rows: list[list[str]] = []
    for item in judged:
        words = split_words(item.article.text)
        gold, predicted = spans_to_tags(words, item.article.spans), spans_to_tags(words, item.spans)
        for paragraph in split_paragraphs(item.article.text, words):
            gold_rows.append(gold[paragraph.first_word : paragraph.last_word])
            predicted_rows.append(predicted[paragraph.first_word : paragraph.last_word])
    if not any(tag != "O" for row in [*gold_rows, *predicted_rows] for tag in row):
        return 0.0
    return float(f1_score(gold_rows, predicted_rows, mode="strict", scheme=IOB2, zero_division=0))


def describe_article(item: Judged, labels: Sequence[str]) -> dict[str, Any]:
    """What a comparison needs of one article: counts, overall and of each label."""

    def plain(counts: Counts) -> list[int]:
        return [counts.correct, counts.predicted, counts.gold]

    by_label = {label: plain(counts) for label, counts in item.count_labels(labels).items()}
    return {"id": item.article.id, "source": item.gold.source, "counts": plain(item.count()), "labels": by_label}
