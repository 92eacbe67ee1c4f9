"""The audit: each kind of disagreement is found, named and ranked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from trainer.annotation.audit import Judged, Suspicion, find_suspects
from trainer.core.bio import spans_to_tags, tag_names
from trainer.core.types import Article, Span
from trainer.core.words import split_words
from trainer.reporting.audit import render_audit

TEXT = "قصفت طائرات حربية مدينة الموصل أمس"
TAGS = tag_names(("ACTOR", "LOCATION", "OPERATION"))
STRIKE, ACTOR, PLACE = Span(0, 4, "OPERATION", "strike"), Span(5, 17, "ACTOR"), Span(18, 30, "LOCATION")
SHORT_PLACE = Span(24, 30, "LOCATION")


def judge(
    annotated: tuple[Span, ...],
    predicted: tuple[Span, ...],
    sure: float = 0.9,
    types: Mapping[int, Mapping[str, float]] | None = None,
    identifier: str = "a",
) -> Judged:
    words = split_words(TEXT)
    rest = (1 - sure) / (len(TAGS) - 1)
    probabilities = np.full((len(words), len(TAGS)), rest)
    for row, tag in enumerate(spans_to_tags(words, predicted)):
        probabilities[row, TAGS.index(tag)] = sure
    return Judged(Article(identifier, TEXT, annotated), words, probabilities, predicted, types or {})


def kinds(judged: Judged) -> list[Suspicion]:
    return [suspect.kind for suspect in find_suspects([judged], TAGS)]


def test_agreement_is_not_suspicious() -> None:
    assert kinds(judge((STRIKE, ACTOR, PLACE), (STRIKE, ACTOR, PLACE))) == []


def test_each_kind_of_disagreement_has_its_name() -> None:
    assert kinds(judge((STRIKE,), (STRIKE, ACTOR))) == [Suspicion.MISSED]
    assert kinds(judge((STRIKE, ACTOR), (STRIKE,))) == [Suspicion.SPURIOUS]
    assert kinds(judge((PLACE,), (SHORT_PLACE,))) == [Suspicion.BOUNDARY]
    assert kinds(judge((PLACE,), (Span(18, 30, "ACTOR"),))) == [Suspicion.LABEL]
    two = (Span(18, 23, "LOCATION"), SHORT_PLACE)
    assert kinds(judge((PLACE,), two)) == [Suspicion.DIVISION]


def test_spans_that_merely_stand_side_by_side_are_two_suspects() -> None:
    assert kinds(judge((), (ACTOR, PLACE))) == [Suspicion.MISSED, Suspicion.MISSED]


def test_the_surer_the_model_the_higher_the_suspect() -> None:
    doubtful = judge((STRIKE,), (STRIKE, ACTOR), sure=0.5, identifier="doubtful")
    certain = judge((STRIKE,), (STRIKE, ACTOR), sure=0.99, identifier="certain")
    ranked = find_suspects([doubtful, certain], TAGS)
    assert [suspect.article for suspect in ranked] == ["certain", "doubtful"]
    assert ranked[1].score < ranked[0].score


def test_how_the_same_words_are_annotated_elsewhere_raises_the_score_and_is_told() -> None:
    missed = judge((STRIKE,), (STRIKE, ACTOR), identifier="missed")
    alone = find_suspects([missed], TAGS)[0]
    others = [judge((STRIKE, ACTOR), (STRIKE, ACTOR), identifier=f"other-{number}") for number in range(4)]
    borne_out = find_suspects([missed, *others], TAGS)[0]
    assert borne_out.elsewhere == (("ACTOR", 4),)
    assert borne_out.score > alone.score


def test_kinds_take_turns_so_that_the_commonest_does_not_fill_the_ranking() -> None:
    spurious = [judge((STRIKE, ACTOR), (STRIKE,), sure=0.999, identifier=f"spurious-{number}") for number in range(5)]
    missed = judge((STRIKE,), (STRIKE, PLACE), sure=0.6, identifier="missed")
    ranked = find_suspects([*spurious, missed], TAGS)
    assert ranked[1].article == "missed" and ranked[0].kind is Suspicion.SPURIOUS


def test_a_type_that_the_words_contradict_is_suspicious() -> None:
    likely = {0: {"strike": 0.02, "arrest": 0.95}}
    (suspect,) = find_suspects([judge((STRIKE,), (STRIKE,), types=likely)], TAGS)
    assert suspect.kind is Suspicion.TYPE
    assert suspect.proposed[0].type == "arrest"


def test_the_report_shows_words_in_context_and_escapes_them() -> None:
    text = "<script>alert(1)</script> قصفت"
    start = text.index("قصفت")
    words = split_words(text)
    predicted = (Span(start, start + 4, "OPERATION"),)
    probabilities = np.full((len(words), len(TAGS)), 0.01)
    for row, tag in enumerate(spans_to_tags(words, predicted)):
        probabilities[row, TAGS.index(tag)] = 0.9
    suspects = find_suspects([Judged(Article("x", text), words, probabilities, predicted, {})], TAGS)
    page = render_audit(suspects, {"x": text})
    assert "<mark>قصفت</mark>" in page and "&lt;script&gt;" in page
    assert "<script>" not in page
