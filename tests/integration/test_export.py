"""Export: graphs that say what torch says, behind a gate, whole or not at all, and loaded without torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from tests.runs import build_encoder_run
from trainer.core.errors import ArtifactError, ConfigError
from trainer.learning import export
from trainer.learning.export import export_run
from trainer.learning.graph import RECIPES, Recipe
from trainer.runtime.graphs import FLOAT32, GRAPH_FILES, find_graph
from trainer.runtime.model import load_model
from trainer.runtime.onnx_scorer import OnnxScorer

TEXTS = ["قتل الجيش ثلاثة في الموصل.\nوقال مصدر", "", "غزة " * 300, "\n\n", "a", "بيروت", "ﷺ 🚨 \u200f"]


@pytest.fixture()
def copy(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to alter; to export it again takes the graph that is there, which saves half a minute."""
    graph = exported / "onnx" / GRAPH_FILES[FLOAT32]
    monkeypatch.setattr(export, "write_float_graph", lambda model, path, states: shutil.copy(graph, path))
    return Path(shutil.copytree(exported, tmp_path / "copy"))


def test_the_report_says_how_far_each_graph_strays(exported: Path) -> None:
    report = json.loads((exported / "onnx" / "parity.json").read_text())
    assert report["dev_articles"] == 24
    assert report["graphs"]["float32"]["largest_logit_difference"] < 1e-4
    assert report["graphs"]["float32"]["tag_agreement"] == 1.0
    assert report["graphs"]["float32"]["dev_strict_f1"] == report["torch"]["dev_strict_f1"]
    trials = report["int8_trials"]
    fall = [report["torch"]["dev_strict_f1"] - trial["dev_strict_f1"] for trial in trials]
    assert [trial["accepted"] for trial in trials] == [points <= report["tolerance"] for points in fall]
    assert trials[-1]["accepted"] == (report["default"] == "int8")
    assert not list(exported.glob(".onnx*"))


def test_the_report_says_how_far_types_and_links_stray(exported: Path) -> None:
    graphs = json.loads((exported / "onnx" / "parity.json").read_text())["graphs"]
    assert graphs["float32"]["type_agreement"] == graphs["float32"]["link_agreement"] == 1.0
    for entry in graphs.values():
        assert 0.5 < entry["type_agreement"] <= 1.0
        assert {"dev_typed_f1_on_gold_spans", "dev_links_f1_on_gold_spans"} <= set(entry)


def test_a_graph_without_states_gives_spans_alone_and_says_so(
    exported: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(OnnxScorer, "has_states", False)
    model = load_model(exported, "onnx", "float32")
    assert "exported without the event head" in caplog.text
    result = model(TEXTS[0])
    assert result.spans
    assert not result.links
    assert all(span.type is None for span in result.spans)


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_every_runtime_finds_the_spans_of_torch(exported: Path, runtime: str) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino")
    expected = load_model(exported, "torch")
    model = load_model(exported, runtime, "float32")
    assert (model.runtime, model.precision) == (runtime, "float32")
    for found, wanted in zip(model.predict(TEXTS), expected.predict(TEXTS), strict=True):
        assert found.spans == wanted.spans
        assert found.links == wanted.links
        assert np.allclose([s.score for s in found.spans], [s.score for s in wanted.spans], atol=1e-4)


def test_many_texts_at_once_give_what_one_by_one_gives_in_the_order_given(exported: Path) -> None:
    model = load_model(exported, "onnx", "float32")
    together = model.predict(TEXTS, [str(number) for number in range(len(TEXTS))])
    assert [result.id for result in together] == [str(number) for number in range(len(TEXTS))]
    for text, result in zip(TEXTS, together, strict=True):
        alone = model(text)
        assert result.text == text
        assert result.spans == alone.spans
        assert np.allclose([s.score for s in result.spans], [s.score for s in alone.spans], atol=1e-4)


@pytest.mark.parametrize("texts", [TEXTS * 3, ["غزة " * 300], [TEXTS[0]]])
def test_threads_change_nothing_but_the_time(exported: Path, texts: list[str]) -> None:
    expected = load_model(exported, "onnx", "float32", threads=1).predict(texts)
    for threads in (2, 5, 64):
        found = load_model(exported, "onnx", "float32", threads=threads).predict(texts)
        assert [row.spans for row in found] == [row.spans for row in expected]
        assert [row.links for row in found] == [row.links for row in expected]


@pytest.mark.parametrize("runtime", ["onnx", "openvino", "torch"])
def test_threads_that_ask_at_once_get_what_they_get_alone(exported: Path, runtime: str) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino")
    model = load_model(exported, runtime, "float32")
    parts = [TEXTS[number:] + TEXTS[:number] for number in range(len(TEXTS))] * 3
    with ThreadPoolExecutor(6) as askers:
        found = list(askers.map(model.predict, parts))
    for part, results in zip(parts, found, strict=True):
        alone = model.predict(part)
        assert [row.spans for row in results] == [row.spans for row in alone]
        assert [row.links for row in results] == [row.links for row in alone]


def test_no_graph_names_a_file_of_the_machine_that_made_it(exported: Path) -> None:
    for name in GRAPH_FILES.values():
        content = (exported / "onnx" / name).read_bytes()
        assert b"site-packages" not in content
        assert str(Path.cwd()).encode() not in content


def test_nothing_of_it_needs_torch(exported: Path) -> None:
    code = (
        "import sys, trainer; assert 'numpy' not in sys.modules; from trainer import load\n"
        f"load({str(exported)!r})('قتل الجيش')\n"
        "assert not {'torch', 'transformers', 'pycrfsuite'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_altered_or_missing_graph_is_refused(copy: Path) -> None:
    path, precision = find_graph(copy)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ArtifactError, match="differs from the hash"):
        load_model(copy)
    path.unlink()
    with pytest.raises(ArtifactError, match=f"no {precision} graph"):
        load_model(copy)
    shutil.rmtree(copy / "onnx")
    with pytest.raises(ArtifactError, match="no exported graph"):
        load_model(copy, "onnx")
    assert load_model(copy).runtime == "torch"


def test_graphs_of_other_weights_are_refused(copy: Path) -> None:
    other = build_encoder_run(copy.with_name("other"), seed=1)
    shutil.copytree(copy / "onnx", other / "onnx")
    with pytest.raises(ArtifactError, match="other weights"):
        load_model(other)


def test_choices_are_checked(exported: Path) -> None:
    with pytest.raises(ConfigError, match="unknown runtime 'tpu'"):
        load_model(exported, "tpu")
    with pytest.raises(ConfigError, match="unknown precision 'int4'"):
        load_model(exported, precision="int4")
    with pytest.raises(ArtifactError, match="float32 weights only"):
        load_model(exported, "torch", "int8")


def test_recipes_are_tried_until_one_passes_and_all_outcomes_are_kept(
    copy: Path, annotations_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def damage(source: Path, path: Path, recipe: Recipe) -> None:
        tried.append(recipe.name)
        graph = onnx.load(source)
        if len(tried) < 3:  # stands for a quantisation that loses too much: every word is of the last tag
            bias = next(tensor for tensor in graph.graph.initializer if tensor.name.endswith("classifier.bias"))
            bias.CopyFrom(onnx.numpy_helper.from_array(np.array([0, 0, 0, 0, 0, 0, 99], np.float32), bias.name))
        onnx.save(graph, path)

    monkeypatch.setattr(export, "write_int8_graph", damage)
    monkeypatch.setattr(export, "TOLERANCE", 0.0)
    report = export_run(copy, [annotations_path])
    assert tried == [recipe.name for recipe in RECIPES[: len(tried)]]
    assert len(tried) == 3
    assert [trial["accepted"] for trial in report["int8_trials"]] == [False, False, True]
    assert report["graphs"]["int8"]["recipe"] == tried[-1]


def test_without_a_passing_recipe_float32_stays(
    copy: Path, annotations_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    monkeypatch.setattr(export, "RECIPES", RECIPES[:2])
    report = export_run(copy, [annotations_path])
    assert report["default"] == "float32" and "int8" not in report["graphs"]
    assert not (copy / "onnx" / "model.int8.onnx").exists()
    assert load_model(copy).precision == "float32"
    with pytest.raises(ArtifactError, match="no int8 graph"):
        load_model(copy, precision="int8")


def test_a_failed_export_leaves_the_former_one(
    copy: Path, annotations_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in (copy / "onnx").iterdir()}

    def fail(source: Path, path: Path, recipe: Recipe) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(export, "write_int8_graph", fail)
    with pytest.raises(OSError, match="disk full"):
        export_run(copy, [annotations_path])
    assert {path.name: path.read_bytes() for path in (copy / "onnx").iterdir()} == before
    assert not list(copy.glob(".onnx*"))


def test_dev_articles_come_from_the_run_or_are_asked_for(exported: Path) -> None:
    with pytest.raises(ArtifactError, match="dev articles of the run cannot be found"):
        export_run(exported)
