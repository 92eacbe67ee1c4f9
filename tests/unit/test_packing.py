"""Files of a run: in xz, and tensors that give the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load

from trainer.core.errors import ArtifactError
from trainer.runtime.packing import find_file, pack_file, read_file, render_tensors


def test_a_packed_file_is_found_by_its_plain_name_and_read_as_it_was(tmp_path: Path) -> None:
    plain, folder = tmp_path / "clusters.tsv", tmp_path / "slim"
    plain.write_bytes("word\t2\nالجيش\t1\n".encode())
    pack_file(plain, folder)
    found = find_file(folder / "clusters.tsv")
    assert found == folder / "clusters.tsv.xz"
    assert read_file(found) == read_file(plain) == plain.read_bytes()
    assert find_file(plain) == plain
    assert find_file(tmp_path / "none") is None


def test_a_damaged_packed_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "crf.crfsuite.xz").write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match=r"crf\.crfsuite\.xz"):
        read_file(tmp_path / "crf.crfsuite.xz")


def test_the_same_tensors_and_metadata_give_the_same_file_in_any_order() -> None:
    weights = {"b": np.arange(3, dtype=np.float16), "a": np.ones((2, 5), np.float32)}
    metadata = {name: str(number) for number, name in enumerate(["فعل", "فاعل", "مكان", "x", "y", "z"])}
    first = render_tensors(weights, metadata)
    again = render_tensors(dict(reversed(weights.items())), dict(reversed(metadata.items())))
    assert first == again
    assert int.from_bytes(first[:8], "little") % 8 == 0
    found = load(first)
    assert all(np.array_equal(found[name], value) for name, value in weights.items())


def test_a_rendered_file_keeps_its_metadata(tmp_path: Path) -> None:
    path = tmp_path / "head.safetensors"
    path.write_bytes(render_tensors({"a": np.ones(1, np.float32)}, {"types": "هجوم", "width": "3"}))
    with safe_open(path, framework="numpy") as file:
        assert file.metadata() == {"types": "هجوم", "width": "3"}
