"""Which annotation of several counts."""

from __future__ import annotations

import pytest

from trainer.annotation.adjudication import Adjudication, rule_of, vote
from trainer.annotation.labelstudio import AnnotatedArticle, Annotation
from trainer.core.types import Link, Span

TEXT = "قصفت طائرات حربية مدينة الموصل"
STRIKE, ACTOR, PLACE = Span(0, 4, "OPERATION", "strike"), Span(5, 17, "ACTOR"), Span(18, 30, "LOCATION")
SHORT_PLACE = Span(24, 30, "LOCATION")
AGENT, WHERE = Link(0, 1, "agent"), Link(0, 2, "place")


def annotation(
    number: int,
    spans: tuple[Span, ...],
    links: tuple[Link, ...] = (),
    annotator: str | None = None,
    truth: bool = False,
    cancelled: bool = False,
) -> Annotation:
    name = f"person {number}" if annotator is None else annotator
    return Annotation(str(number), name, truth, cancelled, f"2026-01-0{number}", spans, links)


def article(*annotations: Annotation) -> AnnotatedArticle:
    return AnnotatedArticle("a", TEXT, annotations)


def test_a_span_stays_when_more_than_half_marked_it_exactly_alike() -> None:
    chosen = vote(
        article(
            annotation(1, (STRIKE, ACTOR, PLACE), (AGENT, WHERE)),
            annotation(2, (STRIKE, ACTOR, SHORT_PLACE), (AGENT, WHERE)),
            annotation(3, (STRIKE, PLACE), (Link(0, 1, "place"),)),
        )
    )
    assert chosen is not None
    assert chosen.spans == (STRIKE, ACTOR, PLACE)
    assert chosen.links == (AGENT, WHERE)


def test_of_two_annotators_only_what_both_marked_stays() -> None:
    chosen = vote(article(annotation(1, (STRIKE, PLACE)), annotation(2, (STRIKE, SHORT_PLACE))))
    assert chosen is not None and chosen.spans == (STRIKE,)


def test_the_type_is_the_one_most_often_given() -> None:
    attack = Span(0, 4, "OPERATION", "attack")
    chosen = vote(article(annotation(1, (STRIKE,)), annotation(2, (attack,)), annotation(3, (attack,))))
    assert chosen is not None and chosen.spans[0].type == "attack"


def test_who_submitted_twice_votes_once_with_the_later_annotation() -> None:
    chosen = vote(
        article(
            annotation(1, (PLACE,), annotator="one"),
            annotation(2, (STRIKE,), annotator="one"),
            annotation(3, (STRIKE,), annotator="two"),
        )
    )
    assert chosen is not None and chosen.spans == (STRIKE,)


def test_skipped_annotations_have_no_vote_and_an_article_that_all_skipped_has_none() -> None:
    skipped = annotation(2, (PLACE,), cancelled=True)
    chosen = vote(article(annotation(1, (STRIKE,)), skipped))
    assert chosen is not None and chosen.spans == (STRIKE,)
    for adjudication in Adjudication:
        assert rule_of(adjudication)(article(skipped)) is None


@pytest.mark.parametrize(
    ("adjudication", "expected"),
    [(Adjudication.ground_truth, "1"), (Adjudication.latest, "3"), (Adjudication.majority, "majority")],
)
def test_each_rule_takes_what_its_name_says(adjudication: Adjudication, expected: str) -> None:
    several = article(
        annotation(1, (STRIKE,), truth=True), annotation(3, (STRIKE, PLACE)), annotation(2, (STRIKE, ACTOR))
    )
    chosen = rule_of(adjudication)(several)
    assert chosen is not None and chosen.id == expected
