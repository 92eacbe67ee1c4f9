from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.annotation_samples import ANNOTATIONS, shipped_schema
from tests.corrupted_exports import POSTS, SOURCE, Corruption, corrupt_exports
from trainer.annotation.corpus import load_corpus
from trainer.annotation.faults import Severity
from trainer.annotation.validation import validate_paths
from trainer.cli.annotations import app
from trainer.core.errors import AnnotationError

CORRUPTIONS = list(corrupt_exports())


def test_there_are_at_least_a_hundred_corruptions_with_different_content() -> None:
    assert len({corruption.content for corruption in CORRUPTIONS}) == len(CORRUPTIONS) >= 100


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=[corruption.name for corruption in CORRUPTIONS])
def test_a_corrupted_export_gives_a_clear_error_or_the_original_spans(tmp_path: Path, corruption: Corruption) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(corruption.content)
    schema = shipped_schema()
    if corruption.outcome == "repair":
        source = POSTS if "UTF-16 units" in corruption.name else SOURCE
        assert load_corpus([path], schema).hash == load_corpus([source], schema).hash
        return
    validation = validate_paths([path], schema)
    faults = [fault for fault in validation.faults if fault.severity is Severity.FAULT]
    assert faults
    for fault in faults:
        assert fault.file == str(path)
        assert fault.kind.remedy
        assert len(fault.message) < 400
        fault.describe().encode("utf-8")
    json.dumps(validation.to_dict(), ensure_ascii=False).encode("utf-8")
    with pytest.raises(AnnotationError) as caught:
        load_corpus([path], schema)
    assert str(path) in str(caught.value)
    assert "remedy" in str(caught.value)


@pytest.mark.parametrize("corruption", CORRUPTIONS[::9], ids=[corruption.name for corruption in CORRUPTIONS[::9]])
def test_the_command_exits_with_two_and_no_traceback(tmp_path: Path, corruption: Corruption) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(corruption.content)
    result = CliRunner().invoke(app, ["validate", str(path)])
    assert result.exit_code == (2 if corruption.outcome == "fault" else 0)
    assert result.exception is None or isinstance(result.exception, SystemExit | typer.Exit)
    assert "Traceback" not in result.output
    assert "1 files" in result.output


def test_whatever_can_be_mended_is_written_and_the_rest_set_aside(tmp_path: Path) -> None:
    tasks = json.loads((ANNOTATIONS / "maghreb-local.json").read_bytes())
    value = tasks[0]["annotations"][0]["result"][0]["value"]
    value.update(end=value["end"] + 2, text=value["text"] + ": ")  # a colon: no mere edge
    tail = tasks[1]["annotations"][0]["result"][-1]
    tail.update(from_id=tail["to_id"], to_id=tail["from_id"], direction="left")
    tasks[2]["annotations"][0]["result"][0]["value"]["start"] = 10**6
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["validate", str(path), "--fix", str(out)])
    assert result.exit_code == 2
    clean = validate_paths([out / "export.json"], shipped_schema())
    assert clean.faults == ()
    assert len(clean.exports[0].articles) == len(tasks) - 1
    aside = json.loads((out / "set-aside" / "export.json").read_bytes())
    assert [task["id"] for task in aside] == [tasks[2]["id"]]
    reasons = json.loads((out / "set-aside" / "export.json.faults.json").read_bytes())
    assert (reasons[0]["kind"], reasons[0]["task"]) == ("outside-text", str(tasks[2]["id"]))


def test_mending_never_writes_over_the_export_itself(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    content = (ANNOTATIONS / "maghreb-local.json").read_bytes()
    path.write_bytes(content)
    result = CliRunner().invoke(app, ["validate", str(path), "--fix", str(tmp_path)])
    assert isinstance(result.exception, AnnotationError)
    assert path.read_bytes() == content
