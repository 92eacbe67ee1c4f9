"""All perturbations over the gold: how much F1 each costs and how many spans stay put."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from eval.behaviour.spelling import (
    add_tashkeel,
    add_tatweel,
    shape_letters,
    use_arabic_digits,
    use_persian_digits,
    vary_spelling,
)
from eval.behaviour.surroundings import (
    add_bidi_marks,
    add_conjunctions,
    add_emoji,
    add_latin_words,
    change_quotes,
    drop_spaces,
)
from eval.behaviour.swaps import swap_names
from eval.behaviour.textmap import Edit, EditedText, apply_edits
from eval.judge import Judged
from trainer.core.metrics import count_matches, total
from trainer.core.types import Article
from trainer.runtime.model import Model

Perturbation = Callable[[Article, Random], list[Edit]]

PERTURBATIONS: Mapping[str, Perturbation] = {
    "tashkeel": add_tashkeel,
    "tatweel": add_tatweel,
    "presentation_forms": shape_letters,
    "spelling_variants": vary_spelling,
    "arabic_digits": use_arabic_digits,
    "persian_digits": use_persian_digits,
    "quote_style": change_quotes,
    "missing_space": drop_spaces,
    "bidi_marks": add_bidi_marks,
    "emoji": add_emoji,
    "latin_words": add_latin_words,
    "name_swap": swap_names,
    "clitic_added": add_conjunctions,
}


def run_behaviours(model: Model, judged: Sequence[Judged], seed: int = 0) -> dict[str, Any]:
    """For each perturbation the strict F1 before and after, the drop, and the invariance rate.

    Before and after are over the articles that the perturbation changes. The invariance rate is
    the share of spans, predicted before or after, that are predicted both before (moved to where
    they now lie) and after.
    """
    return {name: _run(model, judged, change, seed) for name, change in PERTURBATIONS.items()}


def perturb(article: Article, change: Perturbation, seed: int) -> tuple[EditedText, int]:
    """The changed text, and how many edits were made; the same for the same article, change and seed."""
    edits = change(article, Random(f"{seed}:{article.id}"))
    return apply_edits(article.text, edits), len(edits)


def _run(model: Model, judged: Sequence[Judged], change: Perturbation, seed: int) -> dict[str, Any]:
    changed = [(item, *perturb(item.article, change, seed)) for item in judged]
    touched = [(item, edited) for item, edited, edits in changed if edits]
    if not touched:
        return {"articles": 0, "edits": 0}
    predictions = [found.spans for found in model.predict([edited.text for _, edited in touched])]
    before = total(item.count() for item, _ in touched)
    after = total(
        count_matches([edited.move(span) for span in item.article.spans], spans)
        for (item, edited), spans in zip(touched, predictions, strict=True)
    )
    kept = union = 0
    for (item, edited), spans in zip(touched, predictions, strict=True):
        old = {(span.start, span.end, span.label) for span in map(edited.move, item.spans)}
        new = {(span.start, span.end, span.label) for span in spans}
        kept, union = kept + len(old & new), union + len(old | new)
    return {
        "articles": len(touched),
        "edits": sum(edits for _, _, edits in changed),
        "f1_before": before.f1,
        "f1_after": after.f1,
        "f1_drop": before.f1 - after.f1,
        "invariance": kept / union if union else 1.0,
    }
