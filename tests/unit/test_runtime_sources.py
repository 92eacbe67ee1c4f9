"""Sources: every format read as a stream, every fault a reject with its reason."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from trainer.core.errors import InputError
from trainer.runtime.records import Fields, Incoming, Reject
from trainer.runtime.shards import plan_shards
from trainer.runtime.sources import Source, find_sources, read_source

TEXT = "قصف الجيش الموصل"


def read(path: Path, fields: Fields = Fields()) -> list[Incoming | Reject]:
    return [record for record, _ in read_source(Source(str(path)), fields)]


def write_lines(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def as_json(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_a_text_file_is_one_article_with_its_line_ends(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + f"{TEXT}\r\n\r\nسطر".encode())
    assert read(tmp_path / "a.txt") == [
        Incoming(str(tmp_path / "a.txt"), f"{TEXT}\r\n\r\nسطر", str(tmp_path / "a.txt"), "")
    ]


def test_lines_carry_ids_or_get_their_place(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "a.jsonl", as_json(text=TEXT, id="x"), b"", as_json(text=""), as_json(text=TEXT, id=7)
    )
    assert [record.id for record in read(path)] == ["x", f"{path}:3", "7"]


def test_fields_are_named_by_the_caller(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", as_json(body=TEXT, nr="n1"))
    assert read(path, Fields("body", "nr"))[0].id == "n1"
    assert "field 'text' is missing; fields: body, nr" in read(path)[0].reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"[1]", "expected an object, found list"),
        (as_json(text=3), "is int, not text"),
        (as_json(text=None), "is NoneType, not text"),
        (b'{"text": "\\u0000"}', "null byte at character 0"),
        (b'{"text": "a\\ud800"}', "lone surrogate U+D800 at character 1"),
        (b'{"text": "a", "id": "\\udfff"}', "lone surrogate U+DFFF"),
        (b'{"text": "\xff"}', "not UTF-8 at byte 10"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"text": "a", "n": ' + b"1" * 5000 + b"}", "not JSON"),
        (as_json(text="ا" * 1001), "1001 characters, more than 1000"),
        (as_json(text="ا" * 40_000), "bytes, more than 12000"),
    ],
)
def test_a_bad_line_is_refused_and_the_next_is_read(tmp_path: Path, line: bytes, reason: str) -> None:
    path = write_lines(tmp_path / "a.jsonl", as_json(text=TEXT), line, as_json(text=TEXT))
    first, bad, last = read(path, Fields(most_characters=1000 if b"\\u0627" in line else 2_000_000))
    assert isinstance(first, Incoming) and isinstance(last, Incoming)
    assert isinstance(bad, Reject)
    assert (bad.source, bad.record) == (str(path), "2")
    assert reason in bad.reason
    assert json.loads(bad.to_json())["reason"] == bad.reason


def test_brackets_html_and_script_in_a_text_are_only_text(tmp_path: Path) -> None:
    text = "[" * 10_000 + "<script>alert(1)</script>"
    assert read(write_lines(tmp_path / "a.jsonl", as_json(text=text)))[0].text == text


def test_csv_may_quote_line_ends_and_refuses_bad_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    buffer = io.StringIO()
    csv.writer(buffer).writerows([("id", "text"), ("1", f"{TEXT}\nسطر"), ("2", "X"), ("", TEXT)])
    path.write_bytes(buffer.getvalue().encode().replace(b"X", b"\xff\xfe"))
    first, bad, last = read(path)
    assert first == Incoming("1", f"{TEXT}\nسطر", str(path), "2")
    assert isinstance(bad, Reject) and "not UTF-8" in bad.reason
    assert last.id == f"{path}:5"


def test_a_csv_field_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"id,text\n1,{'ا' * 5000}\n2,{TEXT}\n", "utf-8")
    bad, good = read(path, Fields(most_characters=1000))
    assert isinstance(bad, Reject) and isinstance(good, Incoming)


def test_parquet_reads_only_the_columns_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"id": ["a", "b", None], "text": [TEXT, None, TEXT], "other": [1, 2, 3]})
    parquet.write_table(table, path, row_group_size=2)
    first, bad, last = read(path)
    assert (first.id, last.id) == ("a", f"{path}:3")
    assert isinstance(bad, Reject) and bad.record == "2"
    assert [record.record for record, _ in read_source(Source(str(path), 1, 2, before=2), Fields())] == ["3"]


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.txt", "a.csv"])
def test_a_file_of_rubbish_or_one_that_cannot_be_read_is_refused_not_raised(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(bytes(range(256)) * 20)
    assert all(isinstance(record, Reject) for record in read(path))
    folder = tmp_path / f"folder-{name}"
    folder.mkdir()
    (record,) = read(folder)
    assert isinstance(record, Reject) and "cannot be read" in record.reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", as_json(text=TEXT))
    path.chmod(0)
    assert "cannot be read" in read(path)[0].reason


def test_a_huge_text_file_is_refused_without_being_decoded(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as stream:
        stream.truncate(50 * 2**20)
    (record,) = read(path)
    assert isinstance(record, Reject) and "more than 2000000 characters" in record.reason


def test_standard_input_is_lines_or_one_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def feed(content: bytes) -> list[str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        return [record.id for record, _ in read_source(Source("-"), Fields())]

    assert feed(as_json(text=TEXT, id="x") + b"\n" + as_json(text=TEXT)) == ["x", "-:2"]
    assert feed(TEXT.encode()) == ["stdin"]


def test_a_folder_stands_for_its_files_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a/c.JSONL", "a/ignored.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert find_sources([str(tmp_path), "-"]) == [str(tmp_path / "a/c.JSONL"), str(tmp_path / "b.txt"), "-"]
    with pytest.raises(InputError, match="no such file"):
        find_sources([str(tmp_path / "none")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no file of a known kind"):
        find_sources([str(tmp_path / "empty")])


@pytest.mark.parametrize("size", [1, 50, 333, 4096, 10**6])
def test_shards_hold_every_record_once_in_order(tmp_path: Path, size: int) -> None:
    lines = [as_json(text=TEXT * (number % 7), id=f"l{number}") for number in range(60)]
    first = write_lines(tmp_path / "a.jsonl", *lines)
    first.write_bytes(first.read_bytes().rstrip(b"\n"))  # no line end at the very end
    rows = pa.table({"id": [f"p{n}" for n in range(40)], "text": [TEXT] * 40})
    parquet.write_table(rows, tmp_path / "b.parquet", row_group_size=7)
    (tmp_path / "c.txt").write_text(TEXT, "utf-8")
    sources = [Source(path) for path in find_sources([str(tmp_path)])]
    whole = [record for source in sources for record, _ in read_source(source, Fields())]
    shards = plan_shards(sources, size)
    assert [record for shard in shards for source in shard for record, _ in read_source(source, Fields())] == whole
    assert len(whole) == 101
    assert len(shards) == 1 if size == 10**6 else len(shards) > 1
