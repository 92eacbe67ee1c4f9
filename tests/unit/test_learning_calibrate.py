from __future__ import annotations

import numpy as np

from trainer.learning.calibrate import fit_temperature


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
