"""The CRF baseline: its features, its scores, its run directory."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.crf_run import make_crf_run
from trainer.core.bio import tag_names
from trainer.core.errors import AnnotationError, ArtifactError
from trainer.core.normalisation import Normalisation
from trainer.core.types import Article, Span
from trainer.learning.crf import fit_crf, iterate_paragraphs
from trainer.learning.model_config import CrfConfig
from trainer.runtime.crf import CrfScorer, paragraph_features, quote_depths, read_words, stem_of
from trainer.runtime.model import load_model
from trainer.runtime.reading import ReadingSettings

SETTINGS = ReadingSettings(Normalisation(fold_alef=True, fold_ya=True, fold_ta_marbuta=True, lowercase=True))
DEV = [f"article-{index:02d}" for index in range(18, 24)]


@pytest.mark.parametrize(
    ("form", "stem"),
    [
        ("وبالموصل", "موصل"),
        ("للجيش", "جيش"),
        ("الجيش", "جيش"),
        ("بغداد", "بغداد"),
        ("الف", "الف"),
        ("ولقوات", "ولقوات"),
    ],
)
def test_clitics_are_taken_off_where_a_stem_remains(form, stem):
    assert stem_of(form) == stem


def test_features_hold_the_word_its_affixes_and_three_words_on_each_side():
    rows = paragraph_features(read_words("قصف الجيش أمس مدينة الموصل", SETTINGS).words)
    assert len(rows) == 5
    assert {"w=امس", "w-1=الجيش", "w-2=قصف", "w-3=<s>", "w1=مدينه", "w2=الموصل", "w3=</s>"} <= set(rows[2])
    assert {"p2=ال", "s3=جيش", "t=جيش", "clitic=ال"} <= set(rows[1])
    assert {"w-1w=قصف|الجيش", "ww+1=الجيش|امس"} <= set(rows[1])


def test_spelling_variants_have_the_same_features():
    one, other = (
        paragraph_features(read_words(text, SETTINGS).words)
        for text in ("أعلنت حكومة علي في ٢٠١٤", "اعـلنت حكومه على في 2014")
    )
    assert one == other


def test_quotes_open_close_and_toggle():
    assert quote_depths(list("«ا»ب")) == ["out", "in", "out", "out"]
    assert quote_depths(list('"ا"ب')) == ["out", "in", "in", "out"]
    assert quote_depths(list("»ا((ب)ج)د")) == ["out", "out", "out", "in", "in", "in", "in", "out", "out"]


def test_scores_are_log_probabilities_of_whole_paragraphs(tmp_path, articles):
    path = tmp_path / "crf.crfsuite"
    fit_crf(articles, path, SETTINGS, CrfConfig(iterations=20))
    tags = tag_names(["ACTOR", "LOCATION", "OPERATION", "NEVER"])
    readings = [read_words(article.text, SETTINGS) for article in articles]
    for reading, rows in zip(readings, CrfScorer(path, tags).score_readings(readings), strict=True):
        assert rows.shape == (len(reading.words), len(tags))
        assert np.exp(rows).sum(axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-4)
        assert (np.exp(rows[:, tags.index("B-NEVER")]) < 1e-6).all()
    assert CrfScorer(path, tags).score_readings([read_words("", SETTINGS)])[0].shape == (0, len(tags))


def test_threads_that_ask_one_scorer_at_once_get_what_they_get_alone(tmp_path, articles):
    path = tmp_path / "crf.crfsuite"
    fit_crf(articles, path, SETTINGS, CrfConfig(iterations=5))
    scorer = CrfScorer(path, tag_names(["ACTOR", "LOCATION", "OPERATION"]))
    readings = [read_words(article.text, SETTINGS) for article in articles]
    parts = [readings[number:] + readings[:number] for number in range(len(readings))]
    with ThreadPoolExecutor(4) as askers:
        found = list(askers.map(scorer.score_readings, parts))
    for part, rows in zip(parts, found, strict=True):
        for one, other in zip(rows, scorer.score_readings(part), strict=True):
            assert np.array_equal(one, other)


def test_a_span_inside_a_word_names_its_article(articles):
    with pytest.raises(AnnotationError, match="sample-x"):
        list(iterate_paragraphs(Article("sample-x", "الموصل", (Span(2, 6, "LOCATION"),)), SETTINGS))


def test_a_missing_or_damaged_model_is_said(tmp_path):
    with pytest.raises(ArtifactError, match="no CRF model"):
        CrfScorer(tmp_path / "crf.crfsuite", ["O"])
    (tmp_path / "crf.crfsuite").write_bytes(b"not a model at all")
    with pytest.raises(ArtifactError, match="not a CRFsuite model"):
        CrfScorer(tmp_path / "crf.crfsuite", ["O"])


def test_a_run_learns_its_articles_and_repeats_bit_by_bit(tmp_path, annotations_path, schema):
    first, second = (make_crf_run(tmp_path / name, annotations_path, schema, DEV) for name in "ab")
    assert (first / "crf.crfsuite").read_bytes() == (second / "crf.crfsuite").read_bytes()
    metrics = json.loads((first / "metrics.json").read_text("utf-8"))
    assert metrics["dev"]["strict"]["f1"] > 0.8
    assert metrics["dev_scored_by_articles"] == 18
    spans = load_model(first)("قصفت طائرات التحالف مواقع في الموصل صباح اليوم.").spans
    assert [span.label for span in spans] == ["OPERATION", "ACTOR", "LOCATION"]
    assert all(0 < span.score <= 1 for span in spans)


def test_with_dev_in_training_dev_is_still_scored_by_a_fit_without_it(tmp_path, annotations_path, schema):
    apart = make_crf_run(tmp_path / "apart", annotations_path, schema, DEV)
    both = make_crf_run(tmp_path / "both", annotations_path, schema, DEV, on_dev_too=True)
    read = [json.loads((run / "metrics.json").read_text("utf-8")) for run in (apart, both)]
    assert read[0]["dev"] == read[1]["dev"]
    assert (apart / "crf.crfsuite").read_bytes() != (both / "crf.crfsuite").read_bytes()
    assert "without the dev articles" in (both / "README.md").read_text("utf-8")
