"""Raw text, its tokens on disk, and the stream that a run reads."""

from __future__ import annotations

import gzip
import lzma
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import zstandard

from trainer.core.errors import InputError
from trainer.core.normalisation import Normalisation
from trainer.learning.pretraining.blocks import Special, Stream, split_held_out, weigh_documents
from trainer.learning.pretraining.cache import TokenCache, build_cache
from trainer.learning.pretraining.corpus import find_files, read_documents
from trainer.learning.pretraining.vocabulary import count_words, train_wordpiece

TEXT = "قتل ثلاثة جنود في هجوم.\nوقالت الشرطة إنها تحقق.\n\nافتتح الوزير معرضًا للكتاب.\n"
DOCUMENTS = [("قتل ثلاثة جنود في هجوم.", "وقالت الشرطة إنها تحقق."), ("افتتح الوزير معرضًا للكتاب.",)]
FOLDING = Normalisation(fold_alef=True, fold_ya=True, lowercase=True)
SPECIAL = Special(cls=2, sep=3, mask=4, pad=0, size=100)


def _cache(*lengths: int) -> TokenCache:
    total = sum(lengths)
    return TokenCache(
        np.arange(5, 5 + total, dtype=np.uint16), np.ones(total, np.uint8), np.cumsum([0, *lengths], dtype=np.int64)
    )


@pytest.mark.parametrize("suffix", [".txt", ".gz", ".xz", ".zst"])
def test_plain_and_compressed_files_hold_the_same_documents(tmp_path: Path, suffix: str) -> None:
    pack = {
        ".txt": bytes,
        ".gz": gzip.compress,
        ".xz": lzma.compress,
        ".zst": zstandard.ZstdCompressor().compress,
    }[suffix]
    path = tmp_path / f"news{suffix}"
    path.write_bytes(pack(TEXT.encode()))
    assert list(read_documents([path])) == DOCUMENTS


def test_a_folder_stands_for_its_files_in_name_order(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("ثان\n", encoding="utf-8")
    (tmp_path / "a.txt").write_text("أول", encoding="utf-8")
    (tmp_path / "notes.pdf").write_bytes(b"%PDF")
    assert list(read_documents(find_files([tmp_path]))) == [("أول",), ("ثان",)]


def test_a_missing_path_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        find_files([tmp_path / "absent.txt"])
    with pytest.raises(InputError, match="no raw text"):
        find_files([tmp_path])


@pytest.mark.parametrize("name", ["news.txt", "news.xz", "news.gz", "news.zst"])
def test_a_damaged_file_is_named_in_the_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\xff\xfe\x80 damaged")
    with pytest.raises(InputError, match=name):
        list(read_documents([tmp_path / name]))


def test_the_tokenizer_keeps_words_whole_and_does_not_normalise() -> None:
    tokenizer = train_wordpiece(count_words(DOCUMENTS * 20, FOLDING), 120, 64)
    words = ["قتل", "(", "شرطة-قوات", "إنها", "جنود"]
    encoding = tokenizer(words, is_split_into_words=True)
    assert [word for word in encoding.word_ids() if word is not None] == sorted(
        word for word in encoding.word_ids() if word is not None
    )
    assert {word for word in encoding.word_ids() if word is not None} == set(range(len(words)))
    assert tokenizer.backend_tokenizer.normalizer is None
    assert encoding["input_ids"][0] == tokenizer.cls_token_id
    assert encoding["input_ids"][-1] == tokenizer.sep_token_id
    unfolded = tokenizer.tokenize(["إنها"], is_split_into_words=True)
    assert unfolded != tokenizer.tokenize(["انها"], is_split_into_words=True)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_cache_gives_back_the_words_that_went_in(tmp_path: Path, workers: int) -> None:
    path = tmp_path / "news.txt"
    path.write_text(TEXT, encoding="utf-8")
    tokenizer = train_wordpiece(count_words(DOCUMENTS * 20, FOLDING), 200, 64)
    cache = build_cache([path], tmp_path / "cache", tokenizer, FOLDING, workers)
    assert len(cache.documents) == 3
    words: list[list[int]] = []
    for token, start in zip(cache.tokens, cache.starts, strict=True):
        words += [[]] if start else []
        words[-1].append(int(token))
    expected = [word for document in DOCUMENTS for word in count_order(document)]
    decoded = ["".join(p.removeprefix("##") for p in tokenizer.convert_ids_to_tokens(ids)) for ids in words]
    assert decoded == expected


def count_order(document: tuple[str, ...]) -> list[str]:
    """Normal forms in reading order."""
    from trainer.core.words import split_words

    return [word.normal for paragraph in document for word in split_words(paragraph, FOLDING)]


def test_a_cache_is_made_once_and_an_interrupted_one_counts_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "news.txt"
    path.write_text(TEXT, encoding="utf-8")
    tokenizer = train_wordpiece(Counter({"قتل": 5}), 50, 64)
    build_cache([path], tmp_path / "cache", tokenizer, FOLDING)
    (made,) = (tmp_path / "cache").iterdir()
    written = (made / "tokens.bin").stat().st_mtime_ns
    build_cache([path], tmp_path / "cache", tokenizer, FOLDING)
    assert (made / "tokens.bin").stat().st_mtime_ns == written
    made.rename(made.with_suffix(".part"))  # as a kill before the end leaves it
    (made.with_suffix(".part") / "documents.npy").unlink()
    assert len(build_cache([path], tmp_path / "cache", tokenizer, FOLDING).documents) == 3


def test_a_stream_reads_each_document_once_an_epoch_whatever_the_weights() -> None:
    cache = _cache(5, 0, 17, 9, 30)
    weights = np.array([1.0, 1.0, 4.0, 1.0, 4.0])
    stream = Stream(cache, np.arange(5), SPECIAL, seed=1, weights=weights)
    ids = stream.block(0, 1, stream.total + 2).ids[0, 1:-1]
    assert stream.total == 61 + 5
    assert sorted(ids[ids != SPECIAL.sep]) == list(range(5, 66))
    assert int((ids == SPECIAL.sep).sum()) == 5


def test_a_stream_read_in_two_halves_is_the_stream_read_at_once() -> None:
    stream = Stream(_cache(7, 12, 31, 4), np.arange(4), SPECIAL, seed=3)
    whole = stream.block(0, 6, 32)
    first = stream.block(0, 3, 32)
    second = stream.block(first.cursor, 3, 32)
    assert np.array_equal(whole.ids, np.concatenate([first.ids, second.ids]))
    assert second.cursor == whole.cursor


def test_processes_share_a_step_without_overlap() -> None:
    stream = Stream(_cache(200, 300), np.arange(2), SPECIAL, seed=3)
    whole = stream.block(40, 4, 16)
    parts = [stream.block(40, 2, 16, rank, 2) for rank in range(2)]
    assert np.array_equal(whole.ids, np.concatenate([part.ids for part in parts]))
    assert {part.cursor for part in parts} == {whole.cursor}


def test_documents_on_topic_come_earlier() -> None:
    cache = _cache(*[10] * 400)
    on_topic = np.zeros(4096, np.bool_)
    on_topic[5:2005] = True  # the first 200 documents
    weights = weigh_documents(cache, on_topic, 9.0, 0.5)
    assert weights[:200].tolist() == [9.0] * 200
    assert weights[200:].tolist() == [1.0] * 200
    stream = Stream(cache, np.arange(400), Special(2, 3, 4, 0, 4096), seed=1, weights=weights)
    first = stream.block(0, 1, 502).ids[0, 1:-1]
    words = first[first != 3]
    assert (words < 2005).mean() > 0.75


def test_held_out_documents_are_never_learnt_from() -> None:
    learnt, held = split_held_out(1000, 0.02, seed=5)
    assert len(held) == 20
    assert sorted([*learnt, *held]) == list(range(1000))


def test_the_same_words_give_the_same_pieces_each_time() -> None:
    counts = count_words(DOCUMENTS * 3, FOLDING)
    vocabularies = [train_wordpiece(counts, size, 64).get_vocab() for size in (70, 70, 70, 70, 200, 200, 200, 200)]
    assert all(vocabulary == vocabularies[0] for vocabulary in vocabularies[:4])
    assert all(vocabulary == vocabularies[4] for vocabulary in vocabularies[4:])
    assert [vocabularies[0][name] for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")] == [0, 1, 2, 3, 4]
    assert len(vocabularies[0]) <= 70
