"""Reading of articles that wait for annotation, and the layout of pulled files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainer.annotation.server.layout import project_paths, render_task, write_tasks
from trainer.annotation.server.sources import read_articles
from trainer.core.errors import AnnotationError


def test_text_files_take_their_name_as_id_and_lose_the_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("قصف", encoding="utf-8-sig")
    (tmp_path / "a.txt").write_text("هجوم", encoding="utf-16")
    articles = read_articles([tmp_path]).articles
    assert [(article.id, article.text) for article in articles] == [("a", "هجوم"), ("b", "قصف")]


def test_records_keep_title_source_and_whatever_else_they_bring(tmp_path: Path) -> None:
    path = tmp_path / "articles.jsonl"
    path.write_text(
        '{"id": 7, "text": "قصف", "title": "عنوان", "source": "وكالة", "meta": {"country": "IQ"}}\n', "utf-8"
    )
    (article,) = read_articles([path]).articles
    assert article.id == "7"
    assert article.meta == {"title": "عنوان", "source": "وكالة", "country": "IQ"}


def test_csv_fields_with_line_breaks_and_quotes_are_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "articles.csv"
    path.write_text('doc_id,title,text\nx1,عنوان,"سطر ""أول""\nسطر ثان"\n', encoding="utf-8")
    (article,) = read_articles([path]).articles
    assert (article.id, article.text) == ("x1", 'سطر "أول"\nسطر ثان')


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_other_line_ends_become_lf_and_are_reported(tmp_path: Path, line_end: str) -> None:
    (tmp_path / "a.txt").write_bytes(f"سطر{line_end}سطر".encode())
    raw = read_articles([tmp_path])
    assert (raw.articles[0].text, raw.relined) == ("سطر\nسطر", ("a",))


def test_a_record_without_id_gets_one_from_its_text_that_stays_the_same(tmp_path: Path) -> None:
    path = tmp_path / "articles.jsonl"
    path.write_text('{"text": "قصف"}\n{"text": "هجوم"}\n', encoding="utf-8")
    first, second = read_articles([path]).articles
    assert first.id != second.id
    assert read_articles([path]).articles[0].id == first.id


def test_one_id_for_two_texts_is_refused_and_a_repetition_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "articles.jsonl"
    path.write_text('{"id": "a", "text": "قصف"}\n{"id": "a", "text": "قصف"}\n', encoding="utf-8")
    assert read_articles([path]).repeated == 1
    path.write_text('{"id": "a", "text": "قصف"}\n{"id": "a", "text": "هجوم"}\n', encoding="utf-8")
    with pytest.raises(AnnotationError, match="two different texts"):
        read_articles([path])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"\xe3\xe4", "not utf-8"),
        ("a.txt", b"  \n", "no text"),
        ("a.txt", "قصف\x00".encode(), "U\\+0000"),
        ("a.jsonl", b'{"id": "a"}\n', "no text"),
        ("a.jsonl", b"[1, 2]", "expected an object"),
        ("a.csv", b"title\nx\n", "no text"),
        ("a.docx", b"x", "articles are read from"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_file_named(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match=message) as failure:
        read_articles([path])
    assert failure.value.file == str(path)


def test_a_folder_without_articles_is_an_error_not_an_empty_push(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="inside"):
        read_articles([tmp_path])


def test_a_pulled_file_has_a_line_for_each_result_and_is_plain_json(tmp_path: Path) -> None:
    results = [{"id": str(number), "type": "labels", "value": {"start": number}} for number in range(3)]
    task = {"id": 5, "data": {"text": "سطر\nسطر", "doc_id": "x"}, "annotations": [{"id": 9, "result": results}]}
    assert json.loads(render_task(task)) == task
    assert sum(line.startswith('{"id": "') for line in render_task(task).splitlines()) == 3
    assert json.loads(render_task({**task, "annotations": []})) == {**task, "annotations": []}


def test_tasks_are_written_in_order_of_article_and_only_when_something_changed(tmp_path: Path) -> None:
    tasks = [{"id": number, "data": {"doc_id": name}, "annotations": []} for number, name in ((1, "b"), (2, "a"))]
    path = tmp_path / "project.json"
    assert write_tasks(path, tasks)
    assert [task["id"] for task in json.loads(path.read_text(encoding="utf-8"))] == [2, 1]
    assert not write_tasks(path, reversed(tasks))


def test_project_titles_become_plain_file_names(tmp_path: Path) -> None:
    file, aside = project_paths(tmp_path, "Iraq / Syria: 2026")
    assert (file.name, aside.parent.name) == ("iraq-syria-2026.json", "set-aside")
    assert project_paths(tmp_path, "أحداث العراق")[0].name == "أحداث-العراق.json"
    assert project_paths(tmp_path, "../../etc")[0].parent == tmp_path
