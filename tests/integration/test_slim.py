"""The checkpoint that ships: a graph in place of torch weights, and all else as the run had it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eval.suite import Options, run_suite
from tests.conftest import write_articles
from trainer.annotation.corpus import load_corpus
from trainer.cli.commands import app
from trainer.core.errors import ArtifactError
from trainer.core.files import replace_directory
from trainer.core.types import Article, Span
from trainer.learning import export
from trainer.learning.hub import locate_encoder
from trainer.runtime.checkpoint import PROVENANCE, load_checkpoint, read_json, seal_checkpoint
from trainer.runtime.graphs import FLOAT32, GRAPH_FILES
from trainer.runtime.model import load_model
from trainer.runtime.slim import render_card, write_slim
from trainer.serving.loading import loader_of
from trainer.serving.reload import read_signature

TEXTS = ["قصفت طائرات التحالف مواقع في الموصل.\nوأدان الأمين العام الهجوم.", "", "غزة " * 200]
DEV = [f"article-{index:02d}" for index in range(18, 24)]
runner = CliRunner()


@pytest.fixture()
def run(exported: Path, annotations_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the exported run that knows its dev articles, as a trained one does."""
    graph = exported / "onnx" / GRAPH_FILES[FLOAT32]
    monkeypatch.setattr(export, "write_float_graph", lambda model, path, states: shutil.copy(graph, path))
    directory = Path(shutil.copytree(exported, tmp_path / "tiny"))
    corpus = load_corpus([annotations_path], None)
    train = [article.id for article in corpus.articles if article.id not in DEV]
    provenance = read_json(directory / PROVENANCE)
    provenance["data"] = {"hash": corpus.hash, "train": train, "dev": DEV}
    provenance["configuration"] = {"data": {"annotations": [str(annotations_path)]}}
    seal_checkpoint(directory, "encoder", provenance)
    card = "---\nlanguage: ar\nlibrary_name: transformers\n---\n\n# tiny\n\n## Use\n\nLoads with `transformers`.\n"
    (directory / "README.md").write_text(card, "utf-8")
    return directory


@pytest.fixture()
def slim(run: Path) -> Path:
    target = run.with_name("slim")
    write_slim(load_checkpoint(run), target)
    return target


def _promote(run: Path, models: Path, *options: str) -> Result:
    return runner.invoke(app, ["promote", str(run), "--models", str(models), "--reports", str(models), *options])


def test_it_holds_one_graph_and_no_torch_weights(slim: Path) -> None:
    precision = read_json(slim / "onnx" / "parity.json")["default"]
    assert sorted(path.name for path in (slim / "onnx").iterdir()) == sorted([GRAPH_FILES[precision], "parity.json"])
    assert not list(slim.rglob("*.safetensors.tmp")) and not (slim / "model.safetensors").exists()
    assert (slim / "event_head.safetensors").is_file()
    assert {f"onnx/{GRAPH_FILES[precision]}", "onnx/parity.json"} <= set(read_json(slim / PROVENANCE)["files"])


def test_it_extracts_what_the_exported_run_extracts(run: Path, slim: Path) -> None:
    ours, theirs = (load_model(directory).predict(TEXTS) for directory in (slim, run))
    for one, other in zip(ours, theirs, strict=True):
        assert [(s.start, s.end, s.label, s.type) for s in one.spans] == [
            (s.start, s.end, s.label, s.type) for s in other.spans
        ]
        assert [s.score for s in one.spans] == pytest.approx([s.score for s in other.spans], abs=0.001)  # float16 head
        assert one.links == other.links
    assert any(result.links for result in ours)


def test_it_loads_without_torch(slim: Path) -> None:
    code = f"import sys; from trainer import load; load({str(slim)!r})('قتل الجيش'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_judge_finds_the_same_scores(run: Path, slim: Path, tmp_path: Path) -> None:
    places = ("درعا", "طرابلس", "عدن")
    texts = [
        f"هاجم مسلحون مركزا للشرطة في {place} ليلا.\nوقتل في الهجوم {i} من الحراس." for i, place in enumerate(places)
    ]
    held = [
        Article(
            f"held-{index}", text, (Span(0, 4, "OPERATION", "strike"), Span(5, 11, "ACTOR")), (), {"synthetic": True}
        )
        for index, text in enumerate(texts)
    ]
    gold = write_articles(tmp_path / "held.json", held)
    found = []
    for directory in (run, slim):
        options = Options(directory, tmp_path / "report", (gold,), unchecked=True, gates=False, behaviour=False)
        found.append(run_suite(options).metrics)
    assert found[0]["run"]["runtime"] == found[1]["run"]["runtime"] == "onnx"
    for key in ("strict", "articles", "labels", "calibration", "slices", "leakage"):
        assert found[0][key] == found[1][key]


@pytest.mark.parametrize("name", ["onnx/parity.json", "event_head.safetensors", "graph"])
def test_a_changed_file_is_refused(slim: Path, name: str) -> None:
    path = next((slim / "onnx").glob("*.onnx")) if name == "graph" else slim / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ArtifactError, match="differs from the hash"):
        load_model(slim)


def test_what_needs_torch_weights_refuses_it_by_name(slim: Path) -> None:
    with pytest.raises(ArtifactError, match="no torch weights; torch needs them"):
        load_model(slim, "torch")
    with pytest.raises(ArtifactError, match="no torch weights; export needs them"):
        export.export_run(slim)
    with pytest.raises(ArtifactError, match="no torch weights; export needs them"):
        runner.invoke(app, ["export", str(slim)], catch_exceptions=False)
    with pytest.raises(ArtifactError, match="weights missing"):
        locate_encoder(str(slim))
    other = {"int8": "float32", "float32": "int8"}[load_model(slim).precision]
    with pytest.raises(ArtifactError, match=f"no {other} graph"):
        load_model(slim, precision=other)


def test_a_run_that_was_not_exported_has_no_slim_form(run: Path) -> None:
    shutil.rmtree(run / "onnx")
    with pytest.raises(ArtifactError, match="no exported graph"):
        write_slim(load_checkpoint(run), run.with_name("slim"))


def test_the_card_says_how_to_use_what_ships(slim: Path) -> None:
    card = (slim / "README.md").read_text("utf-8")
    assert "library_name: onnx" in card and "transformers" not in card
    assert "without torch weights" in card and "dev articles it scores" in card
    bare = {"default": "int8", "graphs": {"int8": {}}}
    assert "exported int8 graph" in render_card("# x\n", "x", bare)


def test_a_promotion_exports_where_needed_and_ships_the_slim_form(run: Path, tmp_path: Path) -> None:
    shutil.rmtree(run / "onnx")
    models = tmp_path / "models"
    result = _promote(run, models)
    assert result.exit_code == 0, result.output
    assert (run / "onnx" / "parity.json").is_file()
    default = load_checkpoint(models / "default")
    assert default.is_slim and default.weights_hash == load_checkpoint(run).weights_hash
    assert read_json(models / "default" / "promotion.json")["reason"] == "there is no default yet"
    assert [path.name for path in models.iterdir()] == ["default"]


def test_sizes_are_compared_in_the_form_that_ships(run: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    assert _promote(run, models).exit_code == 0
    result = _promote(run, models)  # the same again: its directory with weights is larger, what ships is not smaller
    record = read_json(models / "default" / "promotion.json")
    if result.exit_code == 1:
        assert "neither smaller nor faster" in result.output
    else:  # on a busy machine the second measurement may look faster
        assert "faster" in record["reason"]
    padded = Path(shutil.copytree(models / "default", tmp_path / "large" / "default"))
    (padded / "README.md").write_text("x" * 10**7, "utf-8")
    assert "not worse on dev and smaller" in _promote(run, tmp_path / "large").output
    assert json.loads((padded / "promotion.json").read_text("utf-8"))["dev"]["difference"] == 0


def test_a_service_notices_a_promoted_default(run: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    assert _promote(run, models).exit_code == 0
    before, signature = (call(models / "default") for call in (loader_of("auto", "auto"), read_signature))
    assert before.extractor.predict([TEXTS[0]])[0].spans
    assert _promote(run, models, "--force", "again").exit_code == 0
    assert read_signature(models / "default") != signature
    assert loader_of("auto", "auto")(models / "default").version == before.version


def test_a_directory_takes_the_place_of_another_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(name: str) -> Path:
        (tmp_path / name).mkdir()
        (tmp_path / name / "content").write_text(name, "utf-8")
        return tmp_path / name

    make("target")
    renamed: list[str] = []
    real = os.rename
    monkeypatch.setattr(os, "rename", lambda *names: (renamed.append(str(names[0])), real(*names)))
    replace_directory(make("one"), tmp_path / "target")
    assert (tmp_path / "target" / "content").read_text("utf-8") == "one"
    monkeypatch.setattr("trainer.core.files._exchange", lambda first, second: False)
    replace_directory(make("two"), tmp_path / "target")
    assert (tmp_path / "target" / "content").read_text("utf-8") == "two"
    with pytest.raises(OSError):
        replace_directory(tmp_path / "nothing", tmp_path / "target")
    assert (tmp_path / "target" / "content").read_text("utf-8") == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
