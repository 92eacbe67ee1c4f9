"""Which pairs of spans may be linked, and how they are described."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.core.candidates import REACH, STRUCTURE, Candidates, find_candidates
from trainer.core.errors import AnnotationError
from trainer.core.paths import default_schema_path
from trainer.core.schema import load_schema, schema_of_labels
from trainer.core.types import Span
from trainer.core.words import split_paragraphs, split_words

SCHEMA = load_schema(default_schema_path())
ROLES = [role.name for role in SCHEMA.roles]


def candidates_of(text: str, *marks: tuple[str, str], schema=SCHEMA) -> Candidates:
    """Candidates of a text, its spans given as surfaces in order with their labels."""
    spans, cursor = [], 0
    for surface, label in marks:
        start = text.index(surface, cursor)
        cursor = start + len(surface)
        spans.append(Span(start, cursor, label))
    words = split_words(text)
    return find_candidates(words, split_paragraphs(text, words), spans, schema)


def pairs_of(found: Candidates) -> set[tuple[int, int]]:
    return set(zip(found.operations.tolist(), found.arguments.tolist(), strict=True))


def test_an_operation_pairs_with_actors_and_places_of_its_paragraph_alone() -> None:
    found = candidates_of(
        "قصف الجيش الموصل\nوهاجم داعش كركوك",
        ("قصف", "OPERATION"), ("الجيش", "ACTOR"), ("الموصل", "LOCATION"),
        ("وهاجم", "OPERATION"), ("داعش", "ACTOR"), ("كركوك", "LOCATION"),
    )  # fmt: skip
    assert pairs_of(found) == {(0, 1), (0, 2), (3, 4), (3, 5)}


def test_a_role_is_allowed_only_where_the_labels_fit() -> None:
    found = candidates_of("قصف الجيش الموصل", ("قصف", "OPERATION"), ("الجيش", "ACTOR"), ("الموصل", "LOCATION"))
    allowed = [[role for role, fits in zip(ROLES, row, strict=True) if fits] for row in found.allowed]
    assert allowed == [["agent", "target"], ["place"]]


def test_a_schema_without_roles_has_no_candidates() -> None:
    bare = schema_of_labels(("ACTOR", "OPERATION"))
    assert len(candidates_of("قصف الجيش", ("قصف", "OPERATION"), ("الجيش", "ACTOR"), schema=bare)) == 0


def test_no_spans_give_no_candidates() -> None:
    found = candidates_of("لا حدث هنا")
    assert len(found) == 0
    assert found.structure.shape == (0, STRUCTURE)
    assert found.allowed.shape == (0, len(ROLES))


def test_a_span_that_ends_inside_a_word_is_refused() -> None:
    words = split_words("قصف الجيش")
    for start, end in ((0, 2), (1, 3), (5, 9), (4, 8), (9, 12), (4, 4)):
        with pytest.raises(AnnotationError, match="whole words"):
            find_candidates(words, split_paragraphs("قصف الجيش", words), [Span(start, end, "OPERATION")], SCHEMA)


def test_pairs_further_apart_than_the_reach_are_left_out() -> None:
    near, far = "و " * REACH, "و " * (REACH + 1)
    marks = (("قصف", "OPERATION"), ("الجيش", "ACTOR"))
    assert len(candidates_of(f"قصف {near}الجيش", *marks)) == 1
    assert len(candidates_of(f"قصف {far}الجيش", *marks)) == 0
    assert len(candidates_of(f"الجيش {near}قصف", *reversed(marks))) == 1
    assert len(candidates_of(f"الجيش {far}قصف", *reversed(marks))) == 0


def test_the_number_of_pairs_grows_with_the_length_of_a_paragraph_not_with_its_square() -> None:
    def count(sentences: int) -> int:
        return len(candidates_of("قصف الجيش " * sentences, *[("قصف", "OPERATION"), ("الجيش", "ACTOR")] * sentences))

    assert count(800) < 2.2 * count(400)


def test_the_words_between_are_those_from_one_span_to_the_other() -> None:
    found = candidates_of("الجيش قد قصف في الموصل", ("الجيش", "ACTOR"), ("قصف", "OPERATION"), ("الموصل", "LOCATION"))
    first, last = found.between()
    assert dict(zip(found.arguments.tolist(), zip(first.tolist(), last.tolist(), strict=True), strict=True)) == {
        0: (1, 2),
        2: (3, 4),
    }


def test_structure_tells_nearer_from_farther_and_before_from_after() -> None:
    text = "الجيش قصف داعش والقوات"
    marks = (("الجيش", "ACTOR"), ("قصف", "OPERATION"), ("داعش", "ACTOR"), ("والقوات", "ACTOR"))
    found = candidates_of(text, *marks)
    rows = {int(argument): row for argument, row in zip(found.arguments, found.structure, strict=True)}
    assert len({row.tobytes() for row in rows.values()}) == 3
    assert rows[0][-1] == 0
    assert rows[2][-1] == rows[3][-1] == 1


def test_structure_notes_a_sentence_end_between() -> None:
    marks = (("قصف", "OPERATION"), ("الجيش", "ACTOR"))
    within, across = (candidates_of(text, *marks).structure[0] for text in ("قصف ثم الجيش", "قصف . الجيش"))
    assert (within[-3], across[-3]) == (0, 1)
    assert np.array_equal(np.delete(within, -3), np.delete(across, -3))
