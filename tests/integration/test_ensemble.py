"""Several runs as one: made by the command, loaded, judged and promoted like any run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests.crf_run import make_crf_run
from trainer.annotation.corpus import load_corpus
from trainer.cli.commands import app
from trainer.core.errors import ArtifactError, ConfigError
from trainer.core.schema import EventSchema
from trainer.learning.distillation import ask_teachers
from trainer.runtime.checkpoint import CALIBRATION, PROVENANCE, load_checkpoint, read_json, seal_checkpoint
from trainer.runtime.event_head import EVENT_HEAD
from trainer.runtime.model import load_model

DEV = [f"article-{index:02d}" for index in range(18, 24)]
TEXTS = [
    "قصفت طائرات التحالف مواقع في الموصل.\nوأدان الأمين العام الهجوم.",
    "",
    "غزة " * 200,
    "إِ🙂ـن‏ العـراق\r\nوبيروت",
]
runner = CliRunner()


@pytest.fixture(scope="module")
def members(
    exported: Path, annotations_path: Path, schema: EventSchema, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A CRF run, and an encoder run that says it was trained on the same articles."""
    folder = tmp_path_factory.mktemp("members")
    crf = make_crf_run(folder / "crf", annotations_path, schema, DEV)
    encoder = Path(shutil.copytree(exported, folder / "tiny"))
    corpus = load_corpus([annotations_path], None)
    schema.save(encoder / "schema.yaml")
    data = {**read_json(crf / PROVENANCE)["data"], "hash": corpus.hash}
    configuration = {"data": {"annotations": [str(annotations_path)]}}
    made = {"name": "tiny", "seed": 1, "data": data, "configuration": configuration}
    seal_checkpoint(encoder, "encoder", {**read_json(encoder / PROVENANCE), **made})
    return crf, encoder


@pytest.fixture(scope="module")
def ensemble(members: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("models")
    result = _combine(members, models)
    assert result.exit_code == 0, result.output
    return models / "both"


def _combine(runs: tuple[Path, ...], models: Path, name: str = "both") -> Result:
    arguments = ["ensemble", *map(str, runs), "--name", name, "--models", str(models)]
    return runner.invoke(app, arguments, catch_exceptions=False)


def test_it_scores_words_by_the_mean_of_its_members(ensemble: Path, members: tuple[Path, Path]) -> None:
    model = load_model(ensemble)
    means = ask_teachers([load_model(run) for run in members], TEXTS, model.checkpoint.schema.tags, 1.0)
    for (_, logits), mean in zip(model.score(TEXTS), means, strict=True):
        assert len(logits) == len(mean)
        np.testing.assert_allclose(np.exp(logits.reshape(mean.shape)), mean, atol=1e-5)


def test_spans_are_exact_and_links_come_from_the_encoder(ensemble: Path) -> None:
    found = load_model(ensemble).predict(TEXTS)
    assert any(result.spans for result in found)
    assert any(result.links for result in found)
    for text, result in zip(TEXTS, found, strict=True):
        assert all(0 <= span.start < span.end <= len(text) for span in result.spans)
        assert all(text[span.start : span.end].strip() == text[span.start : span.end] for span in result.spans)


def test_the_encoder_gives_the_states_in_whatever_order_runs_are_named(ensemble: Path) -> None:
    assert [member["kind"] for member in read_json(ensemble / PROVENANCE)["members"]] == ["encoder", "crf"]
    assert load_model(ensemble).head is not None


def test_a_member_is_a_run_of_its_own_in_the_form_that_serves(ensemble: Path, members: tuple[Path, Path]) -> None:
    encoder = load_checkpoint(ensemble / "members" / "tiny")
    assert encoder.is_slim
    ours, theirs = (load_model(directory).predict(TEXTS) for directory in (encoder.directory, members[1]))
    for one, other in zip(ours, theirs, strict=True):
        assert [(span.start, span.end, span.label, span.type) for span in one.spans] == [
            (span.start, span.end, span.label, span.type) for span in other.spans
        ]
        assert one.links == other.links
        assert [span.score for span in one.spans] == pytest.approx([span.score for span in other.spans])
    assert (encoder.directory / EVENT_HEAD).stat().st_size < 0.6 * (members[1] / EVENT_HEAD).stat().st_size


def test_a_packed_crf_finds_what_it_found(ensemble: Path, members: tuple[Path, Path]) -> None:
    crf = ensemble / "members" / "crf"
    assert load_checkpoint(crf).is_slim
    assert not (crf / "crf.crfsuite").exists()
    ours, theirs = (load_model(directory).predict(TEXTS) for directory in (crf, members[0]))
    assert [result.to_dict() for result in ours] == [result.to_dict() for result in theirs]


def test_it_loads_without_torch(ensemble: Path) -> None:
    code = f"import sys; from trainer import load; load({str(ensemble)!r})('قتل'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_its_card_and_metrics_tell_members_and_dev_scores(ensemble: Path) -> None:
    card = (ensemble / "README.md").read_text("utf-8")
    assert "- `tiny`, encoder, seed 1" in card and "- `crf`, crf, seed 1" in card
    assert read_json(ensemble / "metrics.json")["dev"]["articles"] == len(DEV)
    assert set(read_json(ensemble / CALIBRATION)) == {"temperature", "slope", "offset"}


def test_a_changed_member_is_refused(ensemble: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(ensemble, tmp_path / "both"))
    (copy / "members" / "crf" / "crf.crfsuite.xz").write_bytes(b"other")
    with pytest.raises(ArtifactError, match="differs from the hash"):
        load_model(copy)
    seal_checkpoint(copy / "members" / "crf", "crf", read_json(copy / "members" / "crf" / PROVENANCE))
    with pytest.raises(ArtifactError, match="differs from the hash"):
        load_model(copy)


def test_it_is_promoted_whole(ensemble: Path, tmp_path: Path) -> None:
    options = ["--models", str(tmp_path / "models"), "--reports", str(tmp_path)]
    result = runner.invoke(app, ["promote", str(ensemble), *options])
    assert result.exit_code == 0, result.output
    ours, theirs = (load_model(directory).predict(TEXTS) for directory in (tmp_path / "models" / "default", ensemble))
    assert [result.to_dict() for result in ours] == [result.to_dict() for result in theirs]


def test_runs_that_do_not_go_together_are_refused_and_nothing_is_left(
    ensemble: Path, members: tuple[Path, Path], annotations_path: Path, schema: EventSchema, tmp_path: Path
) -> None:
    other_split = make_crf_run(tmp_path / "other", annotations_path, schema, DEV[:3])
    on_dev = make_crf_run(tmp_path / "on-dev", annotations_path, schema, DEV, on_dev_too=True)
    models = tmp_path / "models"
    models.mkdir()
    for runs, message in (
        ((members[0],), "at least two"),
        ((members[0], members[0]), "different names"),
        ((members[0], ensemble), "an ensemble already"),
        ((members[0], other_split), "another split"),
        ((members[1], on_dev), "of its dev articles"),
    ):
        with pytest.raises(ConfigError) as refused:
            _combine(runs, models)
        assert message in refused.value.describe()
    with pytest.raises(ConfigError, match="not a run's name"):
        _combine(members, models, "../both")
    with pytest.raises(ConfigError, match="a run of that name"):
        _combine(members, ensemble.parent)
    assert list(models.iterdir()) == []
