"""From raw text to encoder input and from scores back to spans."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from trainer.core.bio import tag_names
from trainer.core.errors import ArtifactError, ConfigError
from trainer.core.paths import default_schema_path
from trainer.core.schema import load_schema
from trainer.core.types import Span
from trainer.runtime.calibration import Calibration
from trainer.runtime.checkpoint import (
    PROVENANCE,
    load_checkpoint,
    seal_checkpoint,
    write_calibration,
    write_reading,
)
from trainer.runtime.reading import Reader, ReadingSettings
from trainer.runtime.tagging import decode_spans, gather_words, pad_batch, plan_batches, score_words

TAGS = tag_names(("ACTOR", "LOCATION"))
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "قصف", "الجيش", "##", "ال", "##موصل", "."]


def reader(max_length=16, overlap=2):
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(PIECES)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return Reader(tokenizer, ReadingSettings(max_length=max_length, overlap=overlap))


class OracleScorer:
    """Gives the highest score to a tag chosen by the first token's id."""

    def __init__(self, choose):
        self.choose = choose

    def score_windows(self, windows):
        return [np.eye(len(TAGS), dtype=np.float32)[[self.choose(w.ids[t]) for t in w.first_tokens]] for w in windows]


def test_a_words_first_token_stands_where_the_reading_says():
    (reading,) = reader().read_texts(["قَصَفَ الجيش الموصل."])
    (window,) = reading.windows
    assert window.ids.tolist() == [2, 4, 5, 7, 8, 9, 3]
    assert window.first_tokens.tolist() == [1, 2, 3, 5]


def test_a_word_that_normalises_to_nothing_takes_the_unknown_token_and_shifts_no_other():
    (reading,) = reader().read_texts(["قصف \u0651 الجيش"])
    assert reading.windows[0].ids.tolist() == [2, 4, 1, 5, 3]
    assert reading.windows[0].first_tokens.tolist() == [1, 2, 3]


def test_an_empty_text_has_no_window_and_no_span():
    readings = reader().read_texts(["", " \n "])
    assert [len(r.windows) for r in readings] == [0, 0]
    logits = score_words(readings, OracleScorer(lambda _: 0))
    assert [decode_spans(r, scores, TAGS) for r, scores in zip(readings, logits, strict=True)] == [(), ()]


@pytest.mark.parametrize("max_length", [8, 12, 64])
def test_spans_do_not_depend_on_how_a_long_text_is_divided(max_length):
    text = "\n".join(["قصف الجيش الموصل. " * 7] * 3)
    readings = reader(max_length, overlap=1).read_texts([text])
    (logits,) = score_words(readings, OracleScorer(lambda token: 1 if token == 5 else 0))
    spans = decode_spans(readings[0], logits, TAGS)
    assert len(spans) == 21
    assert {text[span.start : span.end] for span in spans} == {"الجيش"}


def test_a_span_never_crosses_a_paragraph():
    (reading,) = reader().read_texts(["الجيش\nالجيش"])
    logits = np.log(np.array([[0.1, 0.8, 0.05, 0.03, 0.02], [0.1, 0.2, 0.6, 0.05, 0.05]], dtype=np.float32))
    assert [(s.start, s.end) for s in decode_spans(reading, logits, TAGS)] == [(0, 5), (6, 11)]


def test_a_spans_score_is_its_least_sure_word_and_temperature_moves_it():
    (reading,) = reader().read_texts(["الجيش الموصل"])
    logits = np.array([[0, 3, 0, 0, 0], [0, 0, 1, 0, 0]], dtype=np.float32)
    (cold,) = decode_spans(reading, logits, TAGS)
    (warm,) = decode_spans(reading, logits, TAGS, Calibration(temperature=2.0))
    assert cold == Span(0, 12, "ACTOR")
    assert cold.score == pytest.approx(np.exp(1) / (np.exp(1) + 4), abs=1e-6)
    assert warm.score < cold.score


def test_batches_cover_every_window_once_within_the_budget():
    lengths = [5, 100, 7, 300, 9, 9, 64, 1]
    batches = plan_batches(lengths, 200)
    assert sorted(i for b in batches for i in b.indices) == list(range(len(lengths)))
    assert all(len(b.indices) * b.length <= 200 or len(b.indices) == 1 for b in batches)


def test_padding_is_masked_and_gathering_undoes_it():
    readings = reader().read_texts(["قصف الجيش", "قصف"])
    windows = [w for r in readings for w in r.windows]
    ids, mask = pad_batch(windows)
    assert ids.shape == (2, 4)
    assert mask.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    logits = np.arange(2 * 4 * 2, dtype=np.float32).reshape(2, 4, 2)
    assert [g[:, 0].tolist() for g in gather_words(logits, windows)] == [[2.0, 4.0], [10.0]]


def test_an_overlap_that_leaves_no_room_is_refused():
    with pytest.raises(ConfigError, match="leaves no room"):
        ReadingSettings(max_length=64, overlap=32)


@pytest.fixture
def run(tmp_path):
    directory = tmp_path / "run"
    directory.mkdir()
    load_schema(default_schema_path()).save(directory / "schema.yaml")
    write_reading(directory, ReadingSettings())
    write_calibration(directory, Calibration(1.5))
    (directory / "model.safetensors").write_bytes(b"weights")
    seal_checkpoint(directory, "encoder", {"seed": 3})
    return directory


def test_a_sealed_run_loads_with_its_settings(run):
    checkpoint = load_checkpoint(run)
    assert (checkpoint.kind, checkpoint.calibration.temperature, checkpoint.provenance["seed"]) == ("encoder", 1.5, 3)
    assert checkpoint.reading == ReadingSettings()


def test_a_run_without_provenance_is_refused(run):
    (run / PROVENANCE).unlink()
    with pytest.raises(ArtifactError, match="not complete"):
        load_checkpoint(run)


@pytest.mark.parametrize("name", ["model.safetensors", "schema.yaml", "reading.json"])
def test_an_altered_or_missing_file_is_named(run, name):
    (run / name).write_bytes((run / name).read_bytes() + b"\n")
    with pytest.raises(ArtifactError, match=f"{name} differs"):
        load_checkpoint(run)
    (run / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name} is missing"):
        load_checkpoint(run)


def test_a_damaged_provenance_is_no_traceback(run):
    (run / PROVENANCE).write_text(json.dumps(["not", "an", "object"]))
    with pytest.raises(ArtifactError, match="JSON object"):
        load_checkpoint(run)
