"""The event schema and its file."""

from __future__ import annotations

import pytest
import yaml

from trainer.core.errors import SchemaError
from trainer.core.events import assemble_events
from trainer.core.paths import default_schema_path
from trainer.core.schema import load_schema, parse_schema, schema_of_labels
from trainer.core.types import Link, Span


def shipped():
    return load_schema(default_schema_path())


def test_the_shipped_schema_names_labels_types_and_roles():
    schema = shipped()
    assert schema.label_names == ("ACTOR", "LOCATION", "OPERATION")
    assert len(schema.type_names) == 14
    assert [(role.name, role.filler) for role in schema.roles] == [
        ("agent", "ACTOR"),
        ("target", "ACTOR"),
        ("place", "LOCATION"),
    ]
    assert schema.tags[0] == "O"
    assert len(schema.tags) == 7


def test_a_saved_schema_reads_back_equal(tmp_path):
    shipped().save(tmp_path / "schema.yaml")
    assert load_schema(tmp_path / "schema.yaml") == shipped()


def test_colours_do_not_change_the_fingerprint_but_a_type_does():
    raw = shipped().to_dict()
    raw["labels"]["ACTOR"]["colour"] = "#000000"
    assert parse_schema(raw).fingerprint() == shipped().fingerprint()
    raw["types"]["flood"] = {}
    assert parse_schema(raw).fingerprint() != shipped().fingerprint()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": {}}, "at least one label"),
        ({"labels": ["ACTOR"]}, "expected a mapping"),
        ({"typed_label": "EVENT"}, "do not exist: EVENT"),
        ({"typed_label": None}, "without a typed_label"),
        ({"roles": {"agent": {"from": "OPERATION"}}}, "without to"),
        ({"roles": {"agent": {"from": "OPERATION", "to": "PERSON"}}}, "do not exist: PERSON"),
    ],
)
def test_a_contradictory_schema_is_refused_with_its_file(tmp_path, change, words):
    path = tmp_path / "schema.yaml"
    path.write_text(yaml.safe_dump({**shipped().to_dict(), **change}), encoding="utf-8")
    with pytest.raises(SchemaError, match=words) as caught:
        load_schema(path)
    assert str(path) in str(caught.value)


def test_a_broken_or_missing_file_is_said():
    with pytest.raises(SchemaError, match="no such schema file"):
        load_schema(default_schema_path().with_name("absent.yaml"))


def test_bare_labels_make_a_schema_without_types():
    schema = schema_of_labels(["LOC", "PERS"])
    assert schema.tags == ("O", "B-LOC", "I-LOC", "B-PERS", "I-PERS")
    assert schema.typed_label is None


def test_an_event_gathers_its_linked_arguments_in_text_order():
    spans = (
        Span(0, 5, "ACTOR"),
        Span(6, 10, "OPERATION", "raid"),
        Span(11, 15, "LOCATION"),
        Span(16, 20, "ACTOR"),
    )
    links = (Link(1, 3, "target"), Link(1, 0, "agent"), Link(1, 2, "place"))
    (event,) = assemble_events(spans, links, shipped())
    assert (event.type, event.trigger, event.agents, event.targets, event.places) == (
        "raid",
        spans[1],
        (spans[0],),
        (spans[3],),
        (spans[2],),
    )
