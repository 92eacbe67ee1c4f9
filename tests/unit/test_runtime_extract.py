"""Jobs: blocks, the journal, formats, failures of single articles."""

from __future__ import annotations

import csv
import errno
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.runs import WordModel
from trainer.core.errors import ConfigError, OutputError
from trainer.runtime import extract, journal
from trainer.runtime.extract import Job, Progress, extract_to_file, extract_to_stream
from trainer.runtime.formats import EVENTS_CSV, HTML, JSON_LINES, Format
from trainer.runtime.records import Fields
from trainer.runtime.sources import Source

TEXT = "قصف الجيش الموصل"


@pytest.fixture()
def news(tmp_path: Path) -> Path:
    path = tmp_path / "news.jsonl"
    lines = [json.dumps({"id": f"a{number}", "text": f"{TEXT} {number}"}) for number in range(20)]
    path.write_text("\n".join([*lines[:10], "broken", *lines[10:]]) + "\n", "utf-8")
    return path


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "BLOCK_RECORDS", 4)


def job_of(path: Path, format: Format = JSON_LINES, min_score: float = 0.0) -> Job:
    return Job((Source(str(path)),), Fields(), format, min_score)


def ids_of(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text("utf-8").splitlines()]


class Killed(BaseException):
    """Stands for a signal: no handler of exceptions sees it."""


def test_results_are_in_order_and_rejects_beside_them(tmp_path: Path, news: Path) -> None:
    out, rejects = tmp_path / "out.jsonl", tmp_path / "rejects.jsonl"
    seen: list[int] = []
    done = extract_to_file(WordModel(), job_of(news), out, rejects, report=lambda p: seen.append(p.bytes))
    assert ids_of(out) == [f"a{number}" for number in range(20)]
    assert [json.loads(line)["record"] for line in rejects.read_text().splitlines()] == ["11"]
    assert (done.written, done.rejected, done.resumed) == (20, 1, 0)
    assert seen == sorted(seen) and seen[-1] == news.stat().st_size == done.total_bytes
    assert sorted(path.name for path in tmp_path.iterdir()) == ["news.jsonl", "out.jsonl", "rejects.jsonl"]


@pytest.mark.parametrize("block", range(6))
@pytest.mark.parametrize("point", ["before", "between", "after"])
def test_a_job_killed_anywhere_goes_on_without_loss_or_repetition(
    tmp_path: Path, news: Path, monkeypatch: pytest.MonkeyPatch, block: int, point: str
) -> None:
    out, rejects = tmp_path / "out.jsonl", tmp_path / "rejects.jsonl"
    calls = 0
    write = journal.write_json

    def killing_write(path: Path, value: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == block + 1 and point == "between":
            raise Killed
        write(path, value)
        if calls == block + 1 and point == "after":
            raise Killed

    class KillingModel(WordModel):
        def predict(self, texts: Any, ids: Any = None) -> Any:
            if self.calls == block and point == "before":
                raise Killed
            return super().predict(texts, ids)

    monkeypatch.setattr(journal, "write_json", killing_write)
    with pytest.raises(Killed):
        extract_to_file(KillingModel(), job_of(news), out, rejects)
    assert not out.exists()
    monkeypatch.setattr(journal, "write_json", write)
    done = extract_to_file(WordModel(), job_of(news), out, rejects)
    assert ids_of(out) == [f"a{number}" for number in range(20)]
    assert len(rejects.read_text().splitlines()) == 1
    assert (done.written, done.rejected) == (20, 1)
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob("*.journal"))


@pytest.mark.parametrize("kill_at", range(1, 5))
@pytest.mark.parametrize("format", [JSON_LINES, HTML, EVENTS_CSV], ids=lambda format: format.name)
def test_a_job_killed_while_its_files_are_put_in_place_ends_the_same(
    tmp_path: Path, news: Path, monkeypatch: pytest.MonkeyPatch, kill_at: int, format: Format
) -> None:
    whole, _ = (
        tmp_path / "whole",
        extract_to_file(WordModel(), job_of(news, format), tmp_path / "whole", tmp_path / "r"),
    )
    out, rejects = tmp_path / "out", tmp_path / "out.rejects"
    steps = 0

    def dying(step: Any) -> Any:
        def run(self: Path, *arguments: Any, **options: Any) -> Any:
            nonlocal steps
            if "out" in self.name and not self.name.startswith("."):
                steps += 1
                if steps == kill_at:
                    raise Killed
            return step(self, *arguments, **options)

        return run

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", dying(Path.replace))
        patched.setattr(Path, "unlink", dying(Path.unlink))
        with pytest.raises(Killed):
            extract_to_file(WordModel(), job_of(news, format), out, rejects)
    extract_to_file(WordModel(), job_of(news, format), out, rejects)
    assert out.read_bytes() == whole.read_bytes()
    assert rejects.read_bytes() == (tmp_path / "r").read_bytes()
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob("*.journal"))


def test_a_half_done_job_is_not_resumed_with_other_options_or_inputs(tmp_path: Path, news: Path) -> None:
    out, rejects = tmp_path / "out.jsonl", tmp_path / "rejects.jsonl"

    class Dying(WordModel):
        def predict(self, texts: Any, ids: Any = None) -> Any:
            if self.calls == 2:
                raise Killed
            return super().predict(texts, ids)

    with pytest.raises(Killed):
        extract_to_file(Dying(), job_of(news), out, rejects, name="m1")
    with pytest.raises(ConfigError, match="other options"):
        extract_to_file(WordModel(), job_of(news, min_score=0.5), out, rejects, name="m1")
    with pytest.raises(ConfigError, match="other model"):
        extract_to_file(WordModel(), job_of(news), out, rejects, name="m2")
    content = news.read_text("utf-8")
    news.write_text(content + "{}\n", "utf-8")
    with pytest.raises(ConfigError, match="other inputs"):
        extract_to_file(WordModel(), job_of(news), out, rejects, name="m1")
    done = extract_to_file(WordModel(), job_of(news), out, rejects, name="m1", overwrite=True)
    assert (done.written, done.rejected, done.resumed) == (20, 2, 0)


def test_an_output_is_never_overwritten_unasked(tmp_path: Path, news: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("precious")
    with pytest.raises(ConfigError, match="the output exists"):
        extract_to_file(WordModel(), job_of(news), out, tmp_path / "r")
    assert out.read_text() == "precious"
    extract_to_file(WordModel(), job_of(news), out, tmp_path / "r", overwrite=True)
    assert len(ids_of(out)) == 20


def test_two_processes_cannot_write_one_output(tmp_path: Path) -> None:
    first = journal.Journal(tmp_path / "out", tmp_path / "r", {})
    with pytest.raises(ConfigError, match="another process"):
        journal.Journal(tmp_path / "out", tmp_path / "r", {})
    first.close()
    journal.Journal(tmp_path / "out", tmp_path / "r", {}).close()


def test_a_full_disk_is_said_and_the_job_can_go_on(tmp_path: Path, news: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, rejects = tmp_path / "out.jsonl", tmp_path / "rejects.jsonl"
    sync, calls = journal._SYNC, 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(journal, "_SYNC", full)
    with pytest.raises(OutputError, match="No space left on device"):
        extract_to_file(WordModel(), job_of(news), out, rejects)
    monkeypatch.setattr(journal, "_SYNC", sync)
    assert extract_to_file(WordModel(), job_of(news), out, rejects).resumed == 8
    assert ids_of(out) == [f"a{number}" for number in range(20)]


def test_an_article_that_breaks_the_model_fails_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"id": str(n), "text": t}) + "\n" for n, t in enumerate(["قصف", "سم", "قصف"])))
    out, rejects = tmp_path / "out", tmp_path / "r"
    extract_to_file(WordModel(), job_of(path), out, rejects)
    assert ids_of(out) == ["0", "2"]
    assert json.loads(rejects.read_text())["reason"] == "extraction failed: RuntimeError: poison"


def test_streams_get_the_same_bytes_as_files(tmp_path: Path, news: Path) -> None:
    for format in (JSON_LINES, EVENTS_CSV, HTML, Format("list", _item, "[", ",", "]")):
        out, stream, rejects = tmp_path / format.name, io.StringIO(), io.StringIO()
        extract_to_file(WordModel(), job_of(news, format), out, tmp_path / "r", overwrite=True)
        done = extract_to_stream(WordModel(), job_of(news, format), stream, rejects)
        assert stream.getvalue() == out.read_text("utf-8")
        assert (done.written, done.rejected) == (20, 1)
    assert len(json.loads((tmp_path / "list").read_text())) == 20


def _item(extraction: Any) -> str:
    return json.dumps(extraction.id)


def test_an_input_without_a_usable_record_gives_a_whole_empty_output(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("{\n")
    extract_to_file(WordModel(), job_of(path, Format("list", _item, "[", ",", "]")), tmp_path / "out", tmp_path / "r")
    assert json.loads((tmp_path / "out").read_text()) == []
    path.write_text("")
    extract_to_file(WordModel(), job_of(path, EVENTS_CSV), tmp_path / "out2", tmp_path / "r2")
    assert (tmp_path / "out2").read_text().startswith("id,event,type")
    assert not (tmp_path / "r2").exists()


def test_csv_holds_a_row_an_event_with_names(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"id": "x", "text": "قصف للجيش الموصل وبالموصل"}) + "\n" + json.dumps({"text": "لا"}))
    extract_to_file(WordModel(), job_of(path, EVENTS_CSV), tmp_path / "out.csv", tmp_path / "r")
    (row,) = csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8"))
    assert (row["id"], row["trigger"], row["start"], row["end"]) == ("x", "قصف", "0", "3")
    assert (row["agents"], row["places"]) == ("الجيش", "الموصل | الموصل")


def test_spans_below_the_least_score_are_left_out(tmp_path: Path, news: Path) -> None:
    stream = io.StringIO()
    extract_to_stream(WordModel(), job_of(news, min_score=0.511), stream, io.StringIO())
    assert {len(json.loads(line)["spans"]) for line in stream.getvalue().splitlines()} == {1}


def test_the_rate_counts_this_start_only() -> None:
    progress = Progress(0, written=30, rejected=10, resumed=20)
    progress.started -= 10
    assert 1.9 < progress.rate <= 2.0
