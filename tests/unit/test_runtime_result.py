"""The typed result: JSON after its schema, filtering by score, HTML that executes nothing."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from tests.runs import SCHEMA, WordModel
from trainer.core.types import Link, Span
from trainer.runtime.result import Extraction

ROOT = Path(__file__).resolve().parents[2]
VALIDATOR = jsonschema.Draft202012Validator(json.loads((ROOT / "docs/schema/extraction-1.0.json").read_text("utf-8")))
TEXT = "قصف الجيش الموصل وبالموصل"


@pytest.fixture()
def extraction() -> Extraction:
    return WordModel().predict([TEXT], ["a1"])[0]


def test_json_follows_its_schema_and_offsets_are_exact(extraction: Extraction) -> None:
    value = json.loads(extraction.to_json())
    VALIDATOR.validate(value)
    assert [TEXT[span["start"] : span["end"]] for span in value["spans"]] == [span["text"] for span in value["spans"]]
    assert value["spans"][3]["name"] == "الموصل"
    event = value["events"][0]
    assert event["trigger"] == {"span": 0, "name": "قصف"}
    assert event["agents"] == [{"span": 1, "name": "الجيش"}]
    assert [place["span"] for place in event["places"]] == [2, 3]
    assert "text" not in extraction.to_dict(text=False)
    VALIDATOR.validate(extraction.to_dict(text=False))


def test_the_schema_refuses_what_is_not_an_extraction(extraction: Extraction) -> None:
    value = extraction.to_dict()
    for change in ({"format": "2.0"}, {"spans": [{}]}, {"other": 1}):
        with pytest.raises(jsonschema.ValidationError):
            VALIDATOR.validate({**value, **change})


def test_a_threshold_drops_spans_and_moves_the_links_between_the_others() -> None:
    spans = (Span(0, 3, "OPERATION", score=0.9), Span(4, 9, "ACTOR", score=0.2), Span(10, 16, "LOCATION", score=0.8))
    links = (Link(0, 1, "agent"), Link(0, 2, "place"))
    kept = Extraction("a", TEXT, spans, links, ("قصف", "الجيش", "الموصل"), SCHEMA).above(0.5)
    assert kept.spans == (spans[0], spans[2])
    assert kept.links == (Link(0, 1, "place"),)
    assert kept.names == ("قصف", "الموصل")
    assert kept.events[0].agents == ()
    assert kept.above(0.5) is kept


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_is_right_to_left_and_nothing_of_the_text_is_markup() -> None:
    text = 'قصف <script>alert(1)</script> <img src=x onerror=alert(2)> "الجيش" \'&amp;'
    extraction = WordModel().predict([text], ['"><script>'])[0]
    for page in (extraction.to_html(), extraction._repr_html_()):
        seen = _Tags()
        seen.feed(page)
        assert not {"script", "img"} & set(seen.tags)
        assert not [name for name in seen.attributes if name.startswith("on")]
        assert seen.tags.count("mark") == 2
        assert "<script>alert(1)</script>" in "".join(seen.texts)
    assert 'dir="rtl"' in extraction.to_html()


def test_html_of_a_lone_surrogate_can_be_written_as_utf8() -> None:
    Extraction("\ud800", "قصف \ud800", (), (), (), SCHEMA).to_html().encode("utf-8")
