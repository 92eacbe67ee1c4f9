"""AraBERT's exact shape, by its Hub name, offline."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.learning.rehearsal import ARABERT, rehearse


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_arabert_trains_by_its_hub_name_from_a_cache(annotations_path: Path, split_path: Path) -> None:
    overrides = [
        f"data.annotations=[{annotations_path}]",
        f"data.split={split_path}",
        "data.gold_manifest=null",
        "training.batch_tokens=256",
    ]
    figures = rehearse(["قصف الجيش مواقع في المدينة"] * 20, 2, overrides)
    assert figures["encoder"] == ARABERT
    assert figures["updates"] == 1  # the first warms up
    assert figures["seconds_per_update"] > 0
    assert figures["peak_memory_mb"] > 1000
