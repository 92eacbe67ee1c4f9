"""The human ceiling: how well annotators of the gold agree, beside how well the model does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eval.gold import GoldArticle
from trainer.annotation.agreement import measure_agreement
from trainer.annotation.labelstudio import AnnotatedArticle


def measure_ceiling(articles: Sequence[GoldArticle], labels: Sequence[str]) -> dict[str, Any] | None:
    """Agreement of the gold's annotators; None where no article has two annotations."""
    annotated = [gold.annotated for gold in articles if gold.annotated is not None]
    if not any(len(_people(article)) > 1 for article in annotated):
        return None
    agreement = measure_agreement(annotated, labels).to_dict()
    pairs = agreement["pairs"]
    return {**agreement, "strict_f1": sum(pair["strict_f1"] for pair in pairs) / len(pairs)}


def _people(article: AnnotatedArticle) -> set[str]:
    return {found.annotator for found in article.annotations if not found.ground_truth and not found.cancelled}
