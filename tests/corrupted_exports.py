"""A hundred ways to break an export, each applied to a real one."""

from __future__ import annotations

import copy
import json
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.annotation_samples import ANNOTATIONS

SOURCE = ANNOTATIONS / "maghreb-local.json"  # plain news
POSTS = ANNOTATIONS / "wire-posts.json"  # emoji, bidi marks


@dataclass(frozen=True)
class Corruption:
    """A broken export and what reading it must come to: a fault, or the spans of the original."""

    name: str
    content: bytes
    outcome: str  # "fault" or "repair"


def corrupt_exports() -> Iterator[Corruption]:
    whole = SOURCE.read_bytes()
    yield from (Corruption(name, content, "fault") for name, content in _broken_bytes(whole))
    yield from _other_encodings(whole.decode("utf-8"))
    for path, values in WRONG_TYPES.items():
        for value in values:
            yield Corruption(f"{path} is {json.dumps(value)[:20]}", _changed(_setter(path, value)), "fault")
    for name, change in BROKEN_TASKS.items():
        yield Corruption(name, _changed(change), "fault")
    for name, change in MENDABLE_TASKS.items():
        source = POSTS if "UTF-16" in name else SOURCE
        yield Corruption(name, _changed(change, source), "repair")


def _broken_bytes(whole: bytes) -> Iterator[tuple[str, bytes]]:
    for tenth in range(1, 10):
        yield f"cut off after {tenth} tenths", whole[: len(whole) * tenth // 10]
    middle = len(whole) // 2
    head, tail = whole[:middle], whole[middle:]
    yield "empty file", b""
    yield "white space only", b" \n\t \n"
    yield "an opening bracket only", b"["
    yield "an HTML page of a server that wants a login", b"<!doctype html><html><title>Label Studio</title></html>"
    yield "a CSV export", 'id,text,label\n1,نص,"[{""start"":0}]"\n'.encode()
    yield "a CoNLL export", "-DOCSTART- -X- O\nقصف -X- _ B-OPERATION\n".encode()
    yield "a JSON_MIN export", json.dumps([{"id": 1, "text": "نص", "label": [], "annotator": 1}]).encode()
    yield "Python literals", whole[:2000].replace(b'"', b"'")
    yield "a comma too many", whole.rstrip()[:-1] + b",]"
    yield "text after the list", whole + b"{}x"
    yield "two exports in one file", whole + whole
    yield "NUL bytes in the middle", head + b"\x00" * 64 + tail
    yield "a stray byte", head.decode("utf-8", "ignore").encode() + b"\xff" + tail
    yield "a control character in a text", whole.replace(b'"text": "', b'"text": "\x07', 1)
    yield "a tail of NUL bytes", whole[:middle] + b"\x00" * (len(whole) - middle)
    yield "deep nesting", b"[" + b"[" * 100_000 + b"]" * 100_000 + b"]"
    yield (
        "deep nesting in a task",
        b'[{"id":1,"data":{"text":"a","x":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_002 + b"]",
    )
    yield "NaN as an offset", whole.replace(b'"start": 0', b'"start": NaN', 1)
    yield "Infinity as an offset", whole.replace(b'"start": 0', b'"start": Infinity', 1)
    yield "an offset of 5000 digits", whole.replace(b'"start": 0', b'"start": ' + b"9" * 5000, 1)
    yield "an offset of 1e400", whole.replace(b'"start": 0', b'"start": 1e400', 1)
    yield "a key twice", whole.replace(b'"start": 0', b'"start": 0, "start": 7', 1)
    yield "a lone surrogate in a region", whole.replace(b'"labels": [', b'"labels": ["\\ud83d",', 1)
    yield "Windows-1256", whole.decode("utf-8").encode("cp1256", "replace")
    yield "UTF-8 read as Latin-1 and saved again", whole.decode("latin-1").encode("utf-8")
    yield "UTF-16 cut in the middle of a unit", whole.decode("utf-8").encode("utf-16")[:-1]


def _other_encodings(text: str) -> Iterator[Corruption]:
    for encoding in ("utf-8-sig", "utf-16", "utf-16-be", "utf-32"):
        yield Corruption(f"saved as {encoding}", text.encode(encoding), "repair")


# Values of the wrong type at every place that is read. A path leads from a task.
WRONG_TYPES: dict[str, tuple[Any, ...]] = {
    "": (None, 5, "task", []),
    "id": (1.5, True, {}, ""),
    "data": (None, "text", [1]),
    "data.text": (None, 5, ["نص"], "", "\ud83d", "\x00"),
    "data.doc_id": (1.5, [], ""),
    "annotations": ("none", {"id": 1}, 3),
    "annotations.0": (None, "x", []),
    "annotations.0.id": ([], False),
    "annotations.0.completed_by": (1.5, [3]),
    "annotations.0.was_cancelled": ("false", 0),
    "annotations.0.ground_truth": ("yes",),
    "annotations.0.updated_at": (20260101,),
    "annotations.0.result": ("[]", {"start": 0}),
    "annotations.0.result.0": (None, "قصف", [0, 4]),
    "annotations.0.result.0.id": (None, {}),
    "annotations.0.result.0.type": (None, 3),
    "annotations.0.result.0.value": (None, "قصف", [0, 4]),
    "annotations.0.result.0.value.start": (None, "0", 0.0, True, -1, 10**9),
    "annotations.0.result.0.value.end": (None, "4", 4.5, [], -4, 10**9),
    "annotations.0.result.0.value.text": (5, ["سوسة"], "نص آخر"),
    "annotations.0.result.0.value.labels": (
        None,
        "LOCATION",
        [],
        [3],
        ["location"],
        ["مكان"],
        [""],
        ["ACTOR", "LOCATION"],
    ),
    "annotations.0.result.0.score": ("high",),
    "drafts": ("one",),
}


def _setter(path: str, value: Any) -> Callable[[list[Any]], None]:
    def change(tasks: list[Any]) -> None:
        keys = ["0", *path.split(".")] if path else ["0"]
        holder: Any = tasks
        for key in keys[:-1]:
            holder = holder[int(key)] if isinstance(holder, list) else holder[key]
        last = int(keys[-1]) if isinstance(holder, list) else keys[-1]
        holder[last] = value

    return change


def _changed(change: Callable[[list[Any]], None], source: Any = SOURCE) -> bytes:
    tasks = json.loads(source.read_bytes())
    change(tasks)
    return json.dumps(tasks, ensure_ascii=True).encode()


def _results(tasks: list[Any], task: int = 0) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = tasks[task]["annotations"][0]["result"]
    return results


def _regions(tasks: list[Any]) -> Iterator[dict[str, Any]]:
    for task in range(len(tasks)):
        yield from (item["value"] for item in _results(tasks, task) if "value" in item)


def _relations(tasks: list[Any]) -> list[dict[str, Any]]:
    return [item for item in _results(tasks) if item["type"] == "relation"]


def _shift(tasks: list[Any], distance: int) -> None:
    for value in _regions(tasks):
        value.update(start=value["start"] + distance, end=value["end"] + distance)


def _new_texts(tasks: list[Any], change: Callable[[str], str]) -> None:
    for task in tasks:
        task["data"]["text"] = change(task["data"]["text"])


def _count_bytes(tasks: list[Any]) -> None:
    for task in range(len(tasks)):
        text = tasks[task]["data"]["text"]
        for item in (item for item in _results(tasks, task) if "value" in item):
            for edge in ("start", "end"):
                item["value"][edge] = len(text[: item["value"][edge]].encode())


def _count_utf16(tasks: list[Any]) -> None:
    for task in range(len(tasks)):
        text = tasks[task]["data"]["text"]
        for item in (item for item in _results(tasks, task) if "value" in item):
            for edge in ("start", "end"):
                item["value"][edge] = len(text[: item["value"][edge]].encode("utf-16-le")) // 2


def _widen(tasks: list[Any]) -> None:
    for task in range(len(tasks)):
        text = tasks[task]["data"]["text"]
        for item in (item for item in _results(tasks, task) if "value" in item):
            value = item["value"]
            if text[value["end"] : value["end"] + 1] == " ":
                value.update(end=value["end"] + 1, text=value["text"] + " ")


def _reverse(tasks: list[Any]) -> None:
    for task in range(len(tasks)):
        for item in (item for item in _results(tasks, task) if item["type"] == "relation"):
            item.update(from_id=item["to_id"], to_id=item["from_id"], direction="left")


BROKEN_TASKS: dict[str, Callable[[list[Any]], None]] = {
    "offsets one to the right": lambda tasks: _shift(tasks, 1),
    "offsets one to the left": lambda tasks: _shift(tasks, -1),
    "offsets that count bytes": _count_bytes,
    "offsets without a text to check by, in a word": lambda tasks: (
        [value.pop("text") for value in _regions(tasks)] and _shift(tasks, 1)
    ),
    "start and end exchanged": lambda tasks: (
        [v.update(start=v["end"], end=v["start"]) for v in _regions(tasks)] and None
    ),
    "texts without their first line": lambda tasks: _new_texts(tasks, lambda text: text.partition("\n")[2]),
    "texts with CRLF but old offsets": lambda tasks: _new_texts(tasks, lambda text: text.replace("\n", "\r\n")),
    "texts without diacritics but old offsets": lambda tasks: _new_texts(
        tasks, lambda text: "".join(c for c in text if not unicodedata.combining(c))
    ),
    "a hundred thousand words before the article": lambda tasks: tasks[0]["data"].update(
        text="كلمة " * 100_000 + tasks[0]["data"]["text"]
    ),
    "300,000 line breaks instead of the article": lambda tasks: tasks[0]["data"].update(text="\n" * 300_000 + "ا"),
    "one word of 500,000 letters": lambda tasks: tasks[0]["data"].update(text="ا" * 500_000),
    "every article twice": lambda tasks: tasks.extend(copy.deepcopy(tasks)),
    "the same text under another id": lambda tasks: tasks.append(
        {**copy.deepcopy(tasks[0]), "id": 1, "data": {**tasks[0]["data"], "doc_id": "other"}}
    ),
    "all regions twice": lambda tasks: _results(tasks).extend(copy.deepcopy(_results(tasks))),
    "regions under one id": lambda tasks: (
        [item.update(id="one") for item in _results(tasks) if "value" in item] and None
    ),
    "a region over the whole text": lambda tasks: _results(tasks)[0]["value"].update(
        end=len(tasks[0]["data"]["text"]), text=tasks[0]["data"]["text"]
    ),
    "a relation to nowhere": lambda tasks: _relations(tasks)[0].update(to_id="gone"),
    "a relation to itself": lambda tasks: _relations(tasks)[0].update(to_id=_relations(tasks)[0]["from_id"]),
    "a relation without a role": lambda tasks: _relations(tasks)[0].pop("labels") and None,
    "a relation of an unknown role": lambda tasks: _relations(tasks)[0].update(labels=["منفذ"]),
    "a relation in both directions": lambda tasks: _relations(tasks)[0].update(direction="bi"),
    "relations drawn twice": lambda tasks: _results(tasks).extend(copy.deepcopy(_relations(tasks))),
    "relations from the argument": lambda tasks: (
        [item.update(from_id=item["to_id"], to_id=item["from_id"]) for item in _relations(tasks)] and None
    ),
    "no types": lambda tasks: tasks[0]["annotations"][0].update(
        result=[item for item in _results(tasks) if item["type"] != "choices"]
    ),
    "types of another project": lambda tasks: (
        [item["value"].update(choices=["bombing"]) for item in _results(tasks) if item["type"] == "choices"] and None
    ),
    "types without regions": lambda tasks: tasks[0]["annotations"][0].update(
        result=[item for item in _results(tasks) if item["type"] == "choices"]
    ),
    "rectangles instead of spans": lambda tasks: (
        [item.update(type="rectanglelabels") for item in _results(tasks) if item["type"] == "labels"] and None
    ),
}

MENDABLE_TASKS: dict[str, Callable[[list[Any]], None]] = {
    "offsets in UTF-16 units": _count_utf16,
    "a trailing space in every region": _widen,
    "arrows drawn to the left": _reverse,
    "regions without their own text": lambda tasks: [value.pop("text") for value in _regions(tasks)] and None,
}
