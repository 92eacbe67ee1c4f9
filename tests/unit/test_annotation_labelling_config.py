from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.annotation_samples import ANNOTATIONS, shipped_schema
from trainer.annotation.labelling_config import check_labelling_config, render_labelling_config
from trainer.core.errors import SchemaError
from trainer.core.schema import Label, schema_of_labels

SHIPPED = ANNOTATIONS / "labelling_config.xml"


def test_the_shipped_configuration_is_what_the_schema_gives_byte_for_byte() -> None:
    assert SHIPPED.read_bytes() == render_labelling_config(shipped_schema()).encode("utf-8")
    check_labelling_config(SHIPPED, shipped_schema())


def test_a_difference_is_shown_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "config.xml"
    path.write_text(SHIPPED.read_text(encoding="utf-8").replace('value="raid"', 'value="sweep"'), encoding="utf-8")
    with pytest.raises(SchemaError) as caught:
        check_labelling_config(path, shipped_schema())
    assert '-        <Choice value="sweep" hotkey="r"/>' in caught.value.message
    assert '+        <Choice value="raid" hotkey="r"/>' in caught.value.message
    with pytest.raises(SchemaError, match="cannot be read"):
        check_labelling_config(tmp_path / "gone.xml", shipped_schema())


def test_a_schema_of_bare_labels_gives_neither_types_nor_relations() -> None:
    tree = ElementTree.fromstring(render_labelling_config(schema_of_labels(["LOC", "PERS"])))
    assert [label.get("value") for label in tree.iter("Label")] == ["LOC", "PERS"]
    assert not list(tree.iter("Choices"))
    assert not list(tree.iter("Relation"))


def test_names_are_quoted_as_xml_attributes() -> None:
    schema = replace(schema_of_labels(["A"]), labels=(Label('A & "B" <C>', hotkey="<"),))
    (label,) = ElementTree.fromstring(render_labelling_config(schema)).iter("Label")
    assert (label.get("value"), label.get("hotkey")) == ('A & "B" <C>', "<")
