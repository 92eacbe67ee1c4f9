"""Files of a run in xz."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.core.errors import ArtifactError
from trainer.runtime.packing import find_file, pack_file, read_file


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
