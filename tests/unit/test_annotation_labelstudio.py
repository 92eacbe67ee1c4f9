from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.annotation_samples import (
    ANNOTATIONS,
    TEXT,
    relation,
    result_for,
    results_of,
    sample_article,
    sample_task,
    shipped_schema,
    write_export,
)
from trainer.annotation.faults import Fault, Kind, Severity
from trainer.annotation.labelstudio import Export, find_repeated_articles, read_export

Record = dict[str, Any]


def findings(tmp_path: Path, *records: Any) -> tuple[Export, list[Kind]]:
    export = read_export(write_export(tmp_path / "export.json", *records), shipped_schema())
    return export, [fault.kind for fault in export.faults]


def test_every_shipped_file_is_free_of_findings() -> None:
    schema = shipped_schema()
    exports = [read_export(path, schema) for path in sorted(ANNOTATIONS.glob("*.json"))]
    assert [fault.describe() for export in exports for fault in export.faults] == []
    assert sum(len(export.articles) for export in exports) == 248
    assert find_repeated_articles(exports) == ()


def test_an_article_survives_the_way_through_an_export(tmp_path: Path) -> None:
    export, kinds = findings(tmp_path, sample_task())
    assert kinds == []
    (found,) = export.articles
    assert found.to_article(found.annotations[0]) == sample_article()
    assert (found.task, found.annotations[0].annotator) == ("7", "3")


def move(item: Record, start: int, end: int) -> None:
    item["value"].update(start=start, end=end, text=TEXT[max(start, 0) : end])


def repeat(record: Record, surface: str, label: str) -> None:
    copy = json.loads(json.dumps(result_for(record, surface)))
    copy.update(id="again")
    copy["value"]["labels"] = [label]
    results_of(record).append(copy)


def other_type(record: Record) -> None:
    copy = json.loads(json.dumps(result_for(record, "قصف", "choices")))
    copy["value"]["choices"] = ["raid"]
    results_of(record).append(copy)


FAULTS: list[tuple[Kind, Callable[[Record], object]]] = [
    (Kind.OUTSIDE_TEXT, lambda r: result_for(r, "الجيش")["value"].update(end=5000)),
    (Kind.OUTSIDE_TEXT, lambda r: result_for(r, "الجيش")["value"].update(start=-2)),
    (Kind.OUTSIDE_TEXT, lambda r: result_for(r, "الجيش")["value"].update(start=9, end=4)),
    (Kind.TEXT_MISMATCH, lambda r: result_for(r, "الجيش")["value"].update(text="داعش")),
    (Kind.TEXT_MISMATCH, lambda r: result_for(r, "الجيش")["value"].update(start=5, end=10)),
    (Kind.EMPTY_SPAN, lambda r: move(result_for(r, "الجيش"), 3, 4)),
    (Kind.CROSSES_PARAGRAPH, lambda r: move(result_for(r, "مصدر أمني"), 21, 30)),
    (Kind.INSIDE_WORD, lambda r: move(result_for(r, "الجيش"), 6, 9)),
    (Kind.OVERLAP, lambda r: repeat(r, "الجيش", "LOCATION")),
    (Kind.LABEL_COUNT, lambda r: result_for(r, "الجيش")["value"].update(labels=[])),
    (Kind.LABEL_COUNT, lambda r: result_for(r, "الجيش")["value"].update(labels=["ACTOR", "LOCATION"])),
    (Kind.UNKNOWN_LABEL, lambda r: result_for(r, "مصدر أمني")["value"].update(labels=["Actor"])),
    (Kind.UNKNOWN_TYPE, lambda r: result_for(r, "قصف", "choices")["value"].update(choices=["war"])),
    (Kind.MISSING_TYPE, lambda r: results_of(r).remove(result_for(r, "قصف", "choices"))),
    (Kind.TWO_TYPES, other_type),
    (Kind.MISPLACED_TYPE, lambda r: result_for(r, "قصف", "choices").update(id=result_for(r, "مصدر أمني")["id"])),
    (Kind.MISPLACED_TYPE, lambda r: result_for(r, "قصف", "choices").update(id="nowhere")),
    (Kind.DUPLICATE_REGION, lambda r: results_of(r).append(result_for(r, "الجيش"))),
    (Kind.UNKNOWN_REGION_KIND, lambda r: result_for(r, "مصدر أمني").update(type="hypertextlabels")),
    (Kind.RELATION_WITHOUT_ROLE, lambda r: relation(r).pop("labels")),
    (Kind.UNKNOWN_ROLE, lambda r: relation(r).update(labels=["weapon"])),
    (Kind.DANGLING_RELATION, lambda r: relation(r).update(to_id="nowhere")),
    (Kind.WRONG_PAIR, lambda r: relation(r).update(labels=["place"])),
    (Kind.WRONG_PAIR, lambda r: relation(r).update(from_id=relation(r)["to_id"], to_id=relation(r)["from_id"])),
    (Kind.RELATION_ACROSS_PARAGRAPHS, lambda r: relation(r, 2).update(from_id=relation(r)["from_id"])),
    (Kind.DUPLICATE_RELATION, lambda r: results_of(r).append(dict(relation(r)))),
    (Kind.RELATION_DIRECTION, lambda r: relation(r).update(direction="bi")),
    (Kind.TEXT_CHARACTER, lambda r: r["data"].update(text=TEXT + "\x00")),
    (Kind.SHAPE, lambda r: r["data"].update(text=" \n ")),
]


@pytest.mark.parametrize(("kind", "change"), FAULTS, ids=[f"{n}-{kind.label}" for n, (kind, _) in enumerate(FAULTS)])
def test_each_fault_is_named_with_task_region_and_remedy(
    tmp_path: Path, kind: Kind, change: Callable[[Record], object]
) -> None:
    record = sample_task()
    change(record)
    export, kinds = findings(tmp_path, record)
    assert kind in kinds
    fault = next(fault for fault in export.faults if fault.kind is kind)
    assert fault.severity is Severity.FAULT
    assert (fault.task, fault.article) == ("7", "a-1")
    assert fault.kind.remedy in fault.describe()
    about_regions = kind not in (Kind.TEXT_CHARACTER, Kind.SHAPE)
    assert (fault.region is not None) == about_regions


def test_one_fault_does_not_hide_the_others(tmp_path: Path) -> None:
    record = sample_task()
    result_for(record, "الجيش")["value"].update(labels=["X"])
    relation(record, 2).update(labels=["weapon"])
    _, kinds = findings(tmp_path, record)
    assert kinds == [Kind.UNKNOWN_LABEL, Kind.WRONG_PAIR, Kind.UNKNOWN_ROLE]


def test_a_text_that_moved_is_told_where_it_now_stands(tmp_path: Path) -> None:
    record = sample_task()
    result_for(record, "الجيش")["value"].update(start=6, end=11)
    export, _ = findings(tmp_path, record)
    assert "which stands at 4:9" in export.faults[0].message


def test_edges_are_trimmed_and_said_to_be(tmp_path: Path) -> None:
    record = sample_task()
    move(result_for(record, "مدينة إدلب"), 9, 21)
    export, kinds = findings(tmp_path, record)
    assert kinds == [Kind.EDGES_TRIMMED]
    assert export.articles[0].annotations[0].spans == sample_article().spans


def test_an_escaped_line_break_in_the_regions_own_text_is_no_mismatch(tmp_path: Path) -> None:
    record = sample_task()
    item = result_for(record, "مدينة إدلب")
    item["value"].update(end=26, text="مدينة إدلب أمس\\n\\n")
    _, kinds = findings(tmp_path, record)
    assert kinds == [Kind.EDGES_TRIMMED]


def shift_to_utf16(record: Record) -> None:
    for item in results_of(record):
        if "value" in item:
            text = record["data"]["text"]
            for edge in ("start", "end"):
                item["value"][edge] = len(text[: item["value"][edge]].encode("utf-16-le")) // 2


def test_offsets_in_utf16_units_are_repaired_after_an_emoji(tmp_path: Path) -> None:
    text = "🔴 " + TEXT.replace("أمس", "أمس 😀")
    record = sample_task(text=text)
    shift_to_utf16(record)
    export, kinds = findings(tmp_path, record)
    assert kinds == [Kind.OFFSETS_UTF16]
    assert export.articles[0].annotations[0].spans == sample_article(text=text).spans


def test_offsets_in_utf16_units_are_refused_where_one_region_then_misses(tmp_path: Path) -> None:
    record = sample_task(text="🔴 " + TEXT)
    shift_to_utf16(record)
    result_for(record, "الجيش")["value"].update(text="داعش")
    _, kinds = findings(tmp_path, record)
    assert Kind.OFFSETS_UTF16 not in kinds
    assert Kind.TEXT_MISMATCH in kinds


def test_an_arrow_to_the_left_is_read_from_its_other_end(tmp_path: Path) -> None:
    record = sample_task()
    arrow = relation(record)
    arrow.update(from_id=arrow["to_id"], to_id=arrow["from_id"], direction="left")
    export, kinds = findings(tmp_path, record)
    assert kinds == [Kind.RELATION_REVERSED]
    assert export.articles[0].annotations[0].links == sample_article().links


def test_skipped_empty_draft_and_unannotated_are_notes(tmp_path: Path) -> None:
    skipped, empty, drafted, bare = (sample_task(f"a-{n}", TEXT + " " * n, n) for n in range(1, 5))
    skipped["annotations"][0].update(was_cancelled=True)
    results_of(skipped)[0]["value"]["start"] = -9  # nobody needs to mend a skipped annotation
    empty["annotations"][0]["result"] = []
    drafted["drafts"] = [{"id": 1}]
    bare["annotations"] = []
    export, kinds = findings(tmp_path, skipped, empty, drafted, bare)
    assert kinds == [Kind.CANCELLED, Kind.EMPTY_ANNOTATION, Kind.DRAFTS, Kind.NO_ANNOTATION]
    assert {fault.severity for fault in export.faults} == {Severity.NOTE}
    assert export.articles[0].annotations[0].spans == ()


def test_all_annotators_are_kept(tmp_path: Path) -> None:
    record = sample_task()
    second = json.loads(json.dumps(record["annotations"][0]))
    second.update(id=71, completed_by={"id": 9, "email": "b@example.com"}, ground_truth=True, updated_at="2026-01-02")
    record["annotations"].append(second)
    export, kinds = findings(tmp_path, record)
    assert kinds == []
    first, other = export.articles[0].annotations
    assert (first.annotator, first.ground_truth) == ("3", False)
    assert (other.annotator, other.ground_truth, other.updated) == ("b@example.com", True, "2026-01-02")


def test_a_repeated_article_is_found_by_id_and_by_text_and_across_files(tmp_path: Path) -> None:
    one = read_export(write_export(tmp_path / "one.json", sample_task("a"), sample_task("a", TEXT + " .")))
    two = read_export(write_export(tmp_path / "two.json", sample_task("b"), sample_task("c", TEXT + " !")))
    faults: tuple[Fault, ...] = find_repeated_articles([one, two])
    assert [(Path(fault.file).name, fault.article) for fault in faults] == [("one.json", "a"), ("two.json", "b")]
    assert "one.json, task 7" in faults[1].message


def test_carriage_returns_are_noted_and_do_not_move_offsets(tmp_path: Path) -> None:
    text = TEXT.replace("\n\n", "\r\n\r\n")
    export, kinds = findings(tmp_path, sample_task(text=text))
    assert kinds == [Kind.CRLF]
    assert export.articles[0].annotations[0].spans == sample_article(text=text).spans


def test_json_lines_of_tasks_and_a_single_task_are_read(tmp_path: Path) -> None:
    lines = tmp_path / "tasks.jsonl"
    lines.write_text("\n".join(json.dumps(sample_task(f"a-{n}", TEXT + "." * n, n)) for n in (1, 2)), encoding="utf-8")
    assert [article.id for article in read_export(lines).articles] == ["a-1", "a-2"]
    single = tmp_path / "task.json"
    single.write_text(json.dumps(sample_task()), encoding="utf-8")
    assert [article.id for article in read_export(single).articles] == ["a-1"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_other_unicode_encodings_are_read_and_noted(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(json.dumps([sample_task()], ensure_ascii=False).encode(encoding))
    export = read_export(path)
    assert [fault.kind for fault in export.faults] == [Kind.ENCODING]
    assert export.articles[0].text == TEXT


def test_records_longer_than_a_block_are_read_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.annotation.records._BLOCK", 37)
    records = [sample_task(f"a-{n}", TEXT + "." * n, n) for n in range(1, 6)]
    export, kinds = findings(tmp_path, *records)
    assert kinds == []
    assert [article.id for article in export.articles] == ["a-1", "a-2", "a-3", "a-4", "a-5"]
