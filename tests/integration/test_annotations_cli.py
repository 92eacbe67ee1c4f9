from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.annotation_samples import ANNOTATIONS, TEXT, relation, sample_article, sample_task, write_export
from trainer.annotation.conll import read_conll
from trainer.annotation.jsonl import read_jsonl
from trainer.annotation.labelstudio import read_export
from trainer.cli.annotations import app
from trainer.core.errors import TrainerError

ROOT = ANNOTATIONS.parents[1]


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_the_shipped_annotations_validate() -> None:
    assert run("validate", ANNOTATIONS) == (0, "12 files, 248 articles: 0 faults, 0 repairs, 0 notes\n")


def test_faults_end_with_two_and_notes_with_zero(tmp_path: Path) -> None:
    record = sample_task()
    record["annotations"].append({"id": 71, "was_cancelled": True, "result": []})
    path = write_export(tmp_path / "export.json", record)
    code, output = run("validate", path)
    assert code == 0
    assert "1 notes" in output
    relation(record).update(labels=["weapon"])
    write_export(path, record)
    code, output = run("validate", path)
    assert code == 2
    assert "1 faults" in output
    assert run("validate", "--any-labels", path)[0] == 0


def test_findings_as_json_name_file_task_region_and_remedy(tmp_path: Path) -> None:
    record = sample_task()
    relation(record).pop("labels")
    path = write_export(tmp_path / "export.json", record)
    code, output = run("validate", "--json", path)
    report = json.loads(output)
    (finding,) = report["findings"]
    assert code == 2
    assert (finding["file"], finding["task"], finding["article"]) == (str(path), "7", "a-1")
    assert finding["region"] == relation(record)["from_id"]
    assert finding["kind"] == "relation-without-role"
    assert finding["remedy"]
    assert report["counts"] == {"fault": 1, "repair": 0, "note": 0}


def test_validate_reads_conll_and_json_lines_too(tmp_path: Path) -> None:
    (tmp_path / "bad.conll").write_text("كلمة\n", encoding="utf-8")
    (tmp_path / "bad.jsonl").write_text('{"id": "a", "text": "نص", "spans": [{"start": 0}]}\n', encoding="utf-8")
    code, output = run("validate", "--json", tmp_path)
    messages = [finding["message"] for finding in json.loads(output)["findings"]]
    assert code == 2
    assert any("line 1" in message for message in messages)
    assert any("spans[0].end" in message for message in messages)


def test_statistics_count_and_measure(tmp_path: Path) -> None:
    path = write_export(tmp_path / "export.json", sample_task())
    code, output = run("stats", "--json", path)
    report = json.loads(output)
    assert code == 0
    assert report["totals"] == {
        "articles": 1,
        "paragraphs": 2,
        "words": 13,
        "spans": 6,
        "links": 3,
        "paragraphs without spans": 0,
        "articles without annotation": 0,
    }
    assert report["counts"]["label"] == {"ACTOR": 2, "LOCATION": 2, "OPERATION": 2}
    assert report["counts"]["type"] == {"deployment": 1, "strike": 1}
    assert report["counts"]["role"] == {"place": 2, "agent": 1}
    assert report["counts"]["annotator"] == {"3": 1}
    assert report["lengths"]["spans a paragraph"]["mean"] == 3.0
    assert report["lengths"]["words a span, LOCATION"]["p100"] == 2.0


def test_statistics_of_a_shipped_file_as_tables() -> None:
    code, output = run("stats", ANNOTATIONS / "maghreb-local.json")
    assert code == 0
    assert output.startswith("14 articles")
    for shown in ("OPERATION", "arrest", "agent", "bulletin", "words an article"):
        assert shown in output


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".conll"])
def test_articles_convert_to_each_format(tmp_path: Path, suffix: str) -> None:
    source = write_export(tmp_path / "export.json", sample_task("a-1"), sample_task("a-2", TEXT + " ."))
    out = tmp_path / f"out{suffix}"
    assert run("convert", source, "--out", out)[0] == 0
    if suffix == ".json":
        (found, _) = (article.to_article(article.annotations[0]) for article in read_export(out).articles)
    else:
        found, _ = read_jsonl(out) if suffix == ".jsonl" else read_conll(out)
    assert found.id == "a-1"
    assert [found.surface(span) for span in found.spans] == [
        sample_article().surface(span) for span in sample_article().spans
    ]
    if suffix != ".conll":
        assert found == sample_article()


def test_an_unknown_target_format_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    source = write_export(tmp_path / "export.json", sample_task())
    with pytest.raises(TrainerError, match="no format"):
        run("convert", source, "--out", tmp_path / "out.xml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export.json"]


def test_the_split_command_writes_a_share_of_each_file_to_dev(tmp_path: Path) -> None:
    out = tmp_path / "split.json"
    code, output = run("split", ANNOTATIONS / "maghreb-local.json", ANNOTATIONS / "wire-posts.json", "--out", out)
    assert (code, output) == (0, f"{out}: 22 articles to train on, 4 to choose models by\n")
    dev = json.loads(out.read_bytes())["dev"]
    assert {name.split("-")[0] for name in dev} == {"local", "wire"}


def test_the_labelling_configuration_is_printed_written_and_checked(tmp_path: Path) -> None:
    out = tmp_path / "config.xml"
    assert run("config", "--out", out)[0] == 0
    assert out.read_bytes() == (ANNOTATIONS / "labelling_config.xml").read_bytes()
    assert run("config")[1].strip() == out.read_text(encoding="utf-8")
    assert run("config", "--check", out)[0] == 0


def test_a_leak_ends_with_two_and_names_the_paragraph(tmp_path: Path) -> None:
    from tests.unit.test_annotation_leakage import article, manifest_of, prose

    gold = article("gold-1", prose(1, 40), prose(2, 40))
    leaking = tmp_path / "articles.jsonl"
    from trainer.annotation.jsonl import render_jsonl

    leaking.write_text(render_jsonl([article("a", prose(3, 40), prose(2, 40))]), encoding="utf-8")
    manifest = manifest_of(tmp_path / "manifest.json", gold)
    code, output = run("leakage", leaking, "--manifest", manifest)
    assert code == 2
    assert "paragraph 2 of a" in output
    code, output = run("leakage", leaking, "--manifest", manifest, "--json")
    assert [match["kind"] for match in json.loads(output)["matches"]] == ["exact"]


def test_help_loads_neither_torch_nor_the_reading_of_exports() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from trainer.cli.annotations import app\n"
        "result = CliRunner().invoke(app, ['--help']); assert result.exit_code == 0 and 'validate' in result.output\n"
        "print([name for name in ('torch', 'numpy', 'trainer.annotation.labelstudio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
