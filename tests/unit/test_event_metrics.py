"""Scores of types, links and whole events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trainer.core.event_metrics import EventCounts, count_events, describe_counts
from trainer.core.metrics import Counts
from trainer.core.paths import default_schema_path
from trainer.core.schema import load_schema
from trainer.core.types import Link, Span

SCHEMA = load_schema(default_schema_path())
GOLD = (
    Span(0, 3, "OPERATION", "strike"),
    Span(4, 9, "ACTOR"),
    Span(10, 16, "LOCATION"),
    Span(20, 25, "OPERATION", "arrest"),
)
LINKS = (Link(0, 1, "agent"), Link(0, 2, "place"), Link(3, 1, "target"))


def count(spans: tuple[Span, ...] = GOLD, links: tuple[Link, ...] = LINKS) -> EventCounts:
    return count_events(GOLD, LINKS, spans, links, SCHEMA)


def test_gold_against_itself_is_perfect() -> None:
    found = count()
    assert found.typed == Counts(2, 2, 2)
    assert found.links == Counts(3, 3, 3)
    assert found.events == Counts(2, 2, 2)
    assert found.roles == (Counts(1, 1, 1),) * 3


def test_a_wrong_type_costs_the_operation_and_its_event_but_no_link() -> None:
    found = count((replace(GOLD[0], type="raid"), *GOLD[1:]))
    assert (found.typed, found.found) == (Counts(1, 2, 2), 2)
    assert found.links == Counts(3, 3, 3)
    assert found.events == Counts(1, 2, 2)


def test_a_moved_boundary_costs_every_link_that_ends_there() -> None:
    found = count((GOLD[0], replace(GOLD[1], end=8), *GOLD[2:]))
    assert found.typed.correct == 2
    assert found.links == Counts(1, 3, 3)
    assert found.events.correct == 0


def test_a_missing_link_makes_its_event_wrong_and_no_other() -> None:
    found = count(links=LINKS[:1] + LINKS[2:])
    assert found.links == Counts(2, 2, 3)
    assert found.events == Counts(1, 2, 2)


def test_a_wrong_role_is_a_miss_of_one_role_and_a_false_find_of_the_other() -> None:
    found = count(links=(Link(0, 1, "target"), *LINKS[1:]))
    assert found.links == Counts(2, 3, 3)
    assert found.roles == (Counts(0, 0, 1), Counts(1, 2, 1), Counts(1, 1, 1))


def test_indices_of_spans_do_not_matter_only_their_places_do() -> None:
    extra = Span(2_000, 2_004, "ACTOR")
    found = count((*GOLD, extra))
    moved = tuple(Link(link.operation + 1, link.argument + 1, link.role) for link in LINKS)
    shifted = count_events(GOLD, LINKS, (extra, *GOLD), moved, SCHEMA)
    assert found == shifted
    assert found.events == Counts(2, 2, 2)


def test_the_description_gives_type_accuracy_on_operations_that_were_found() -> None:
    missed = (replace(GOLD[0], type="raid"), *GOLD[1:3])
    plain = describe_counts([count(missed, LINKS[:2])], SCHEMA)
    assert plain["type_accuracy"] == 0.0
    assert plain["typed"]["recall"] == 0.0
    assert plain["links"]["roles"]["target"]["recall"] == 0.0
    assert plain["links"]["f1"] == pytest.approx(0.8)
    assert plain["links"]["f1_interval"] == pytest.approx([0.8, 0.8])


def test_articles_without_events_score_zero_without_dividing_by_zero() -> None:
    plain = describe_counts([count_events((), (), (), (), SCHEMA)], SCHEMA)
    assert plain["type_accuracy"] == plain["links"]["f1"] == plain["events"]["f1"] == 0.0
