from __future__ import annotations

from pathlib import Path

import numpy as np

from trainer.core.schema import EventSchema
from trainer.core.types import Article
from trainer.learning.calibrate import fit_calibration, fit_span_scores, fit_temperature
from trainer.learning.encoding import tag_indices
from trainer.runtime.calibration import Calibration
from trainer.runtime.reading import ReadingSettings, load_reader


def _sample(temperature: float) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    honest = generator.normal(0, 2, (20_000, 5))
    shares = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    gold = (shares.cumsum(axis=1) > generator.random((20_000, 1))).argmax(axis=1)
    return (honest * temperature).astype(np.float32), gold


def test_the_temperature_of_overconfident_logits_is_found() -> None:
    logits, gold = _sample(3.0)
    fit = fit_temperature([logits[:5000], logits[5000:]], gold)
    assert abs(fit.temperature - 3.0) < 0.1
    assert fit.loss_after < fit.loss_before


def test_honest_logits_keep_a_temperature_of_one() -> None:
    logits, gold = _sample(1.0)
    assert abs(fit_temperature([logits], gold).temperature - 1.0) < 0.05


def test_no_words_give_temperature_one() -> None:
    assert fit_temperature([np.zeros((0, 5), np.float32)], np.zeros(0, np.int64)).temperature == 1.0


def _spans(slope: float, offset: float, count: int = 4000) -> list[tuple[float, bool]]:
    generator = np.random.default_rng(0)
    scores = generator.uniform(0.02, 0.98, count)
    chance = 1 / (1 + np.exp(-(slope * np.log(scores / (1 - scores)) + offset)))
    return list(zip(scores.tolist(), (generator.random(count) < chance).tolist(), strict=True))


def test_overconfident_spans_are_rated_lower() -> None:
    slope, offset = fit_span_scores(_spans(0.7, -0.8))
    assert abs(slope - 0.7) < 0.1
    assert abs(offset + 0.8) < 0.15
    rated = Calibration(slope=slope, offset=offset)
    assert rated.rate(0.8) < 0.8
    assert rated.rate(0.4) < rated.rate(0.6) < rated.rate(0.9)


def test_few_spans_or_spans_of_one_kind_change_nothing() -> None:
    assert fit_span_scores(_spans(0.7, -0.8, 20)) == (1.0, 0.0)
    assert fit_span_scores([(0.5, True)] * 100) == (1.0, 0.0)
    assert fit_span_scores([(0.9, False)] * 60 + [(0.1, True)] * 60) == (1.0, 0.0)


def test_without_a_line_a_score_stays_the_very_same() -> None:
    assert [Calibration(2.0).rate(score) for score in (0.0, 0.3, 1.0)] == [0.0, 0.3, 1.0]
    assert 0.0 <= Calibration(slope=3.0, offset=9.0).rate(1.0) <= 1.0


def test_a_calibration_survives_its_file_and_older_files_are_read() -> None:
    calibration = Calibration(1.5, 0.7, -0.2)
    assert Calibration.from_dict(calibration.to_dict()) == calibration
    assert Calibration.from_dict({"temperature": 1.5}) == Calibration(1.5)


def test_spans_and_words_are_fitted_on_the_same_articles(
    articles: tuple[Article, ...], schema: EventSchema, tiny_encoder: Path
) -> None:
    readings = load_reader(tiny_encoder, ReadingSettings(max_length=64, overlap=8)).read_texts(
        [article.text for article in articles]
    )
    logits = [
        np.eye(len(schema.tags), dtype=np.float32)[tag_indices(a, r, schema.tags)] * 5
        for a, r in zip(articles, readings, strict=True)
    ]
    calibration, facts = fit_calibration(articles, readings, logits, schema.tags)
    assert calibration.temperature < 0.5  # always right, so it may be surer
    assert (facts["slope"], facts["offset"]) == (1.0, 0.0)
