"""``runs``, ``compare`` and ``promote`` from the command line, over runs whose judgement is known."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.crf_run import make_crf_run
from trainer.cli.commands import app
from trainer.core.errors import TrainerError
from trainer.core.files import hash_file, write_json
from trainer.reporting.promotion import put_in_place

LABELS = ("ACTOR", "LOCATION")
DOCUMENTS = 30
DEV = [f"article-{index:02d}" for index in range(18, 24)]
runner = CliRunner()


def _write_run(root, name, right, seed=1, settings=None, gold="g1"):
    """A sealed run and the judge's report on it, with so many right spans of ten in each article and label."""
    directory, report = root / "models" / name, root / "reports" / name
    settings = {"name": name.partition("-seed")[0], "seed": seed, "model": {"kind": "crf"}, **(settings or {})}
    provenance = {"kind": "crf", "seed": seed, "created": "2026-01-01T00:00:00", "files": {}}
    write_json(directory / "provenance.json", {**provenance, "configuration": settings, "data": {"hash": "h"}})
    write_json(directory / "metrics.json", {"dev": {"strict": {"f1": float(np.mean(right)) / 10}}})
    rows = [
        {
            "id": f"d{index}",
            "source": "synthetic",
            "counts": [int(2 * value), 20, 20],
            "labels": {label: [int(value), 10, 10] for label in LABELS},
        }
        for index, value in enumerate(right)
    ]
    f1 = float(np.mean(right)) / 10
    judged = {
        "run": {
            "name": name,
            "bytes": 10_000_000,
            "runtime": "crf",
            "precision": "float32",
            "provenance_sha256": hash_file(directory / "provenance.json"),
        },
        "gold": {"files": [{"name": "g", "sha256": gold}], "articles": DOCUMENTS, "spans": 20 * DOCUMENTS},
        "strict": {"f1": f1, "precision": f1, "recall": f1, "f1_interval": [f1 - 0.1, f1 + 0.1]},
        "labels": {label: {"f1": f1} for label in LABELS},
        "articles": rows,
        "speed": {"words_per_second": 1000.0},
    }
    write_json(report / "metrics.json", judged)
    return directory


def _right(mean, seed):
    difficulty = np.random.default_rng(99).integers(-2, 3, size=DOCUMENTS)
    return np.clip(mean + difficulty + np.random.default_rng(seed).integers(-1, 2, size=DOCUMENTS), 0, 10)


@pytest.fixture
def root(tmp_path):
    _write_run(tmp_path, "base-seed=1", _right(5, 1), seed=1)
    _write_run(tmp_path, "base-seed=2", _right(5, 2), seed=2)
    _write_run(tmp_path, "good-seed=1", _right(7, 3), seed=1, settings={"training": {"epochs": 9}})
    _write_run(tmp_path, "good-seed=2", _right(7, 4), seed=2, settings={"training": {"epochs": 9}})
    _write_run(tmp_path, "same", _right(5, 5), settings={"training": {"epochs": 2}})
    return tmp_path


def _compare(root, *names, options=()):
    runs = [str(root / "models" / name) for name in names]
    fixed = ["--reports", str(root / "reports"), "--out", str(root / "out"), "--samples", "1000"]
    return runner.invoke(app, ["compare", *runs, *fixed, *options])


def _read(root):
    return json.loads((root / "out" / "comparison.json").read_text("utf-8"))


def test_a_better_a_worse_and_an_equal_run_are_told_apart(root):
    result = _compare(root, "base-seed=1", "good-seed=1", "same")
    assert result.exit_code == 0, result.output
    data = _read(root)
    assert {name: row["overall"]["verdict"] for name, row in data["comparisons"].items()} == {
        "good-seed=1": "better",
        "same": "cannot tell",
    }
    assert "good-seed=1 is better than base-seed=1" in result.output
    assert "same cannot be told from base-seed=1" in result.output
    turned = _compare(root, "base-seed=1", "good-seed=1", options=["--baseline", str(root / "models" / "good-seed=1")])
    assert "base-seed=1 is worse than good-seed=1" in turned.output


def test_values_are_what_the_counts_say(root):
    _compare(root, "base-seed=1", "good-seed=1")
    data = _read(root)
    expected = (_right(7, 3).mean() - _right(5, 1).mean()) / 10
    row = data["comparisons"]["good-seed=1"]
    assert row["overall"]["difference"] == pytest.approx(expected)
    assert row["labels"]["ACTOR"]["difference"] == pytest.approx(expected)
    assert row["overall"]["interval"][0] < expected < row["overall"]["interval"][1]
    assert data["articles"][0]["gap"] == pytest.approx(max(abs(_right(7, 3) - _right(5, 1))) / 10)
    assert data["settings"]["training.epochs"] == {"base-seed=1": None, "good-seed=1": 9}


def test_p_values_are_corrected_over_all_runs_and_labels(root):
    _compare(root, "base-seed=1", "good-seed=1", "same")
    data = _read(root)["comparisons"]
    for name in data:
        assert data[name]["overall"]["p_corrected"] >= data[name]["overall"]["p_randomisation"]
        for row in data[name]["labels"].values():
            assert row["p_corrected"] >= row["p_randomisation"]
    assert data["good-seed=1"]["overall"]["p_corrected"] == pytest.approx(2 / 1001)
    assert data["good-seed=1"]["labels"]["ACTOR"]["p_corrected"] == pytest.approx(4 / 1001)


def test_seeds_of_an_experiment_are_grouped(root):
    names = ("base-seed=1", "good-seed=1", "base-seed=2", "good-seed=2", "same")
    result = _compare(root, *names, options=["--group-by", "exp"])
    assert result.exit_code == 0, result.output
    data = _read(root)
    assert [(group["name"], len(group["runs"])) for group in data["groups"]] == [("base", 2), ("good", 2), ("same", 1)]
    assert data["groups"][0]["f1_deviation"] > 0
    assert data["groups"][2]["f1_deviation"] is None
    assert data["comparisons"]["good"]["overall"]["verdict"] == "better"
    assert data["comparisons"]["same"]["overall"]["verdict"] == "cannot tell"


def test_runs_are_grouped_by_a_setting(root):
    _compare(root, "base-seed=1", "good-seed=1", "good-seed=2", options=["--group-by", "training.epochs"])
    assert [group["name"] for group in _read(root)["groups"]] == ["training.epochs=None", "training.epochs=9"]


def test_the_page_shows_every_run_escapes_names_and_asks_no_network(root):
    _write_run(root, "odd<i>name", _right(6, 8))
    _compare(root, "base-seed=1", "odd<i>name")
    page = (root / "out" / "comparison.html").read_text("utf-8")
    assert "<i>" not in page
    assert "odd&lt;i&gt;name" in page
    assert not re.search(r"(?:src|href)\s*=|@import|url\(|https?://|<script", page)
    assert page.count("<svg") == 3


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (("base-seed=1",), (), "nothing to be compared with"),
        (("base-seed=1", "absent"), (), "not a complete run"),
        (("base-seed=1", "same"), ("--baseline", "absent"), "not among the runs compared"),
        (("base-seed=1", "same"), ("--group-by", "training.magic"), "no run has a setting"),
        (("base-seed=1", "base-seed=1"), (), "named twice"),
    ],
)
def test_what_cannot_be_compared_is_said(root, names, options, message):
    result = _compare(root, *names, options=options)
    assert isinstance(result.exception, TrainerError)
    assert message in str(result.exception)


def test_runs_on_different_gold_are_refused(root):
    _write_run(root, "other", _right(5, 6), gold="g2")
    assert "judged on different gold" in str(_compare(root, "base-seed=1", "other").exception)


def test_a_run_that_was_not_judged_or_trained_anew_is_refused(root):
    (root / "reports" / "same" / "metrics.json").unlink()
    assert "has not been judged" in str(_compare(root, "base-seed=1", "same").exception)
    write_json(root / "models" / "good-seed=1" / "provenance.json", {"kind": "crf", "files": {}})
    assert "an earlier training" in str(_compare(root, "base-seed=1", "good-seed=1").exception)


def test_ten_runs_are_compared_in_seconds(root):
    names = [f"run{index}" for index in range(10)]
    for index, name in enumerate(names):
        _write_run(root, name, _right(5, 20 + index))
    runs = [str(root / "models" / name) for name in names]
    result = runner.invoke(app, ["compare", *runs, "--reports", str(root / "reports"), "--out", str(root / "out")])
    assert result.exit_code == 0
    assert sum(row["overall"]["verdict"] != "cannot tell" for row in _read(root)["comparisons"].values()) <= 1


def test_runs_lists_the_best_on_dev_first_and_what_is_not_judged(root):
    (root / "reports" / "same" / "metrics.json").unlink()
    (root / "models" / "begun").mkdir()
    (root / "models" / "begun" / "run.json").write_text("{}", "utf-8")
    result = runner.invoke(app, ["runs", "--models", str(root / "models"), "--reports", str(root / "reports")])
    assert result.exit_code == 0
    lines = [line.split() for line in result.output.splitlines()]
    assert lines[1][0].startswith("good-seed=")
    assert next(line for line in lines if line[0] == "same")[1:3] == ["not", "judged"]
    assert lines[-1][:2] == ["begun", "unfinished"]
    empty = runner.invoke(app, ["runs", "--models", str(root / "nothing")])
    assert "no runs in" in empty.output


@pytest.fixture(scope="module")
def trained(tmp_path_factory, annotations_path, schema):
    """A strong run, the same again but smaller in nothing, a weak one, and one that has seen dev."""
    models = tmp_path_factory.mktemp("trained")

    def make(name, **settings):
        return make_crf_run(models / name, annotations_path, schema, DEV, **settings)

    return {
        "strong": make("strong", iterations=25),
        "weak": make("weak", iterations=2),
        "seen": make("seen", iterations=5, on_dev_too=True),
    }


def _promote(run, models, *options):
    return runner.invoke(app, ["promote", str(run), "--models", str(models), "--reports", str(models), *options])


def test_the_first_default_needs_no_rival_and_a_worse_run_is_not_promoted(trained, tmp_path):
    assert _promote(trained["strong"], tmp_path).exit_code == 0
    result = _promote(trained["weak"], tmp_path)
    assert result.exit_code == 1
    assert "is not promoted: worse on dev" in result.output
    record = json.loads((tmp_path / "default" / "promotion.json").read_text("utf-8"))
    assert (record["run"], record["reason"]) == ("strong", "there is no default yet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["default"]


def test_a_better_run_takes_the_place_of_the_default(trained, tmp_path):
    assert _promote(trained["weak"], tmp_path).exit_code == 0
    result = _promote(trained["strong"], tmp_path)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "default" / "promotion.json").read_text("utf-8"))
    assert record["run"] == "strong"
    assert record["dev"]["difference"] > 0.1
    assert (tmp_path / "default" / "crf.crfsuite").read_bytes() == (trained["strong"] / "crf.crfsuite").read_bytes()


def test_a_run_that_has_seen_dev_needs_force_and_the_reason_is_recorded(trained, tmp_path):
    result = _promote(trained["seen"], tmp_path)
    assert "was trained on its dev articles" in str(result.exception)
    assert "needs a reason" in str(_promote(trained["seen"], tmp_path, "--force", " ").exception)
    assert _promote(trained["seen"], tmp_path, "--force", "the demo needs one").exit_code == 0
    record = json.loads((tmp_path / "default" / "promotion.json").read_text("utf-8"))
    assert record["reason"] == "forced: the demo needs one"
    assert "was trained on its dev articles" in str(_promote(trained["strong"], tmp_path).exception)


def test_a_copy_that_is_not_whole_leaves_the_default_alone(trained, tmp_path):
    _promote(trained["strong"], tmp_path)
    broken = tmp_path / "broken"
    shutil.copytree(trained["weak"], broken)
    (broken / "crf.crfsuite").write_bytes(b"damaged")
    before = (tmp_path / "default" / "provenance.json").read_bytes()
    with pytest.raises(TrainerError, match="differs from the hash"):
        put_in_place(broken, tmp_path / "default")
    assert (tmp_path / "default" / "provenance.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "default"]


def test_the_default_cannot_be_promoted_to_itself(trained, tmp_path):
    _promote(trained["strong"], tmp_path)
    assert "is the default already" in str(_promote(tmp_path / "default", tmp_path).exception)
