"""One exported run for all that look at exported runs: an export takes half a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs import build_encoder_run


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory, annotations_path: Path) -> Path:
    """A tiny encoder run with an event head, exported; copy it before altering it."""
    from trainer.learning.export import export_run

    run = build_encoder_run(tmp_path_factory.mktemp("runs") / "tiny", events=True)
    export_run(run, [annotations_path])
    return run
