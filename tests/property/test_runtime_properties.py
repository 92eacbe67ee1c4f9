"""Whatever the text: offsets are exact, spans are ordered and apart, JSON is valid, nothing raises."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runs import build_encoder_run
from trainer.core.words import split_words
from trainer.runtime.clitics import strip_clitics
from trainer.runtime.model import Model, load_model

ROOT = Path(__file__).resolve().parents[2]
VALIDATOR = jsonschema.Draft202012Validator(json.loads((ROOT / "docs/schema/extraction-1.0.json").read_text("utf-8")))
ARABIC = st.text(alphabet="ابتثجحخدرسعفقكلمنهويةىءأإآ ًَُِّـ«»()[].،؟\n\r\t\u200f\u200d<>&\"'٣3a🚨", max_size=200)
TEXTS = st.one_of(ARABIC, st.text(max_size=100))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_model(build_encoder_run(tmp_path_factory.mktemp("runs") / "tiny"), "torch")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_extraction_is_exact_on_any_text(model: Model, texts: list[str]) -> None:
    for text, result in zip(texts, model.predict(texts), strict=True):
        assert result.text == text
        end = 0
        for span, name in zip(result.spans, result.names, strict=True):
            assert end <= span.start < span.end <= len(text)
            assert result.surface(span) == result.surface(span).strip()
            assert name.strip()
            end = span.end
        if text.isprintable() or "\ud800" not in text:
            VALIDATOR.validate(json.loads(result.to_json()))
        assert "<script" not in result.to_html()


@settings(max_examples=300, deadline=None)
@given(text=ARABIC, before=st.sampled_from(["", "في", "قال"]))
def test_a_name_is_never_empty_and_ends_as_the_word_does(text: str, before: str) -> None:
    for word in split_words(text):
        name = strip_clitics(word.surface, before)
        assert name
        assert len(name) <= len(word.surface) + 1
        assert name.removeprefix("ال") in word.surface or name in word.surface
