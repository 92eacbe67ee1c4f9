"""Slices of texts that are read, scored and decoded side by side come back whole and in order."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.serving_model import SENTENCES, write_crf
from trainer.runtime import slicing
from trainer.runtime.model import load_model
from trainer.runtime.slicing import slice_texts, work_ahead


def test_slices_hold_every_text_once_and_in_order() -> None:
    texts = ["aaa", "", "bbbbb", "c", "d" * 50, "e"]
    assert slice_texts(texts, 5) == [["aaa", "", "bbbbb"], ["c", "d" * 50], ["e"]]
    assert slice_texts(texts, 1000) == [texts]
    assert slice_texts([], 5) == [[]]


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_the_steps_of_all_slices_come_in_order(count: int) -> None:
    started = threading.current_thread()
    threads: dict[str, set[threading.Thread]] = {"read": set(), "score": set(), "complete": set()}

    def note(step: str, value: str) -> str:
        threads[step].add(threading.current_thread())
        return f"{value}{step[0]}"

    slices = [[str(number)] for number in range(count)]
    done = work_ahead(
        slices,
        lambda part: note("read", part[0]),
        lambda value: note("score", value),
        lambda value: note("complete", value),
    )
    assert list(done) == [f"{number}rsc" for number in range(count)]
    assert threads["complete"] == {started}
    assert (threads["read"] == {started}) == (count == 1)


@pytest.mark.parametrize("step", ["read", "score", "complete"])
def test_what_a_step_raises_reaches_the_caller(step: str) -> None:
    def fail_at(name: str):
        def run(value: object) -> object:
            if name == step and "2" in str(value):
                raise ZeroDivisionError
            return value

        return run

    slices = [[str(number)] for number in range(6)]
    with pytest.raises(ZeroDivisionError):
        list(work_ahead(slices, *(fail_at(name) for name in ("read", "score", "complete"))))


def test_a_model_gives_the_same_in_one_slice_and_in_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(write_crf(tmp_path / "run"))
    texts = [text for text, _ in SENTENCES] * 3 + [""]
    names = [str(number) for number in range(len(texts))]
    whole = model.predict(texts, names)
    monkeypatch.setattr(slicing, "_CHARACTERS", 40)
    assert model.predict(texts, names) == whole
    assert [row.id for row in whole] == names
    assert model.predict([]) == []
