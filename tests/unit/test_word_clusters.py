"""Word clusters: the file, the lookup, what the CRF makes of them, and the command that makes them."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.crf_run import make_crf_run
from trainer.core.errors import ArtifactError, InputError
from trainer.core.schema import EventSchema
from trainer.core.types import Article
from trainer.core.words import split_words
from trainer.learning.crf import fit_crf
from trainer.learning.model_config import CrfConfig
from trainer.learning.pretraining.clusters import FOLDED, ClusterSettings, cluster_corpus
from trainer.runtime.crf import paragraph_features
from trainer.runtime.model import load_model
from trainer.runtime.reading import ReadingSettings
from trainer.runtime.word_clusters import WORD_CLUSTERS, WordClusters, load_word_clusters, write_word_clusters

CLUSTERS = WordClusters(("2", "4"), {"الجيش": ("0", "3"), "موصل": ("1", "2"), "قصف": ("1", "0")})
DEV = [f"article-{index:02d}" for index in range(18, 24)]


@pytest.mark.parametrize(
    ("form", "found"),
    [
        ("الجيش", ("0", "3")),
        ("وبالموصل", ("1", "2")),  # its stem is known
        ("للجيش", ("0", "3")),  # its stem with the article is
        ("بغداد", ()),
        ("", ()),
    ],
)
def test_a_word_has_its_own_clusters_else_those_of_its_stem(form: str, found: tuple[str, ...]) -> None:
    assert CLUSTERS.clusters_of(form) == found


@given(st.dictionaries(st.text(st.characters(categories=("Ll", "Lo", "Nd")), min_size=1), st.integers(0, 9)))
def test_what_is_written_is_read_again(table: dict[str, int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / WORD_CLUSTERS
        write_word_clusters(path, list(table), {10: list(table.values()), 20: [0] * len(table)})
        read = load_word_clusters(path)
    assert read.sizes == ("10", "20")
    assert dict(read.table) == {word: (str(cluster), "0") for word, cluster in table.items()}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no word clusters"),
        (b"", "no header"),
        ("الجيش\t1\n".encode(), "no header"),
        ("word\t2\nالجيش\t1\t1\n".encode(), "3 columns, the header has 2"),
        (b"word\t2\n\xff\t1\n", "not UTF-8"),
    ],
)
def test_a_damaged_file_is_said_with_its_line_and_a_remedy(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / WORD_CLUSTERS
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match=message) as caught:
        load_word_clusters(path)
    assert "cluster-words" in str(caught.value)


def test_features_hold_the_clusters_of_words_up_to_two_away() -> None:
    words = split_words("قصف الجيش أمس مدينة الموصل", FOLDED)
    bare, rows = paragraph_features(words), paragraph_features(words, CLUSTERS)
    added = [set(row) - set(own) for row, own in zip(rows, bare, strict=True)]
    assert added[2] == {"c2@-2=1", "c4@-2=0", "c2@-1=0", "c4@-1=3", "c2@2=1", "c4@2=2"}
    assert added[4] == {"c2@0=1", "c4@0=2"}
    assert all(set(own) <= set(row) for row, own in zip(rows, bare, strict=True))


def test_a_run_keeps_its_clusters_and_reads_with_them(
    tmp_path: Path, annotations_path: Path, schema: EventSchema
) -> None:
    clusters = tmp_path / "made.tsv"
    write_word_clusters(clusters, ["الجيش", "التحالف", "موصل"], {2: [0, 0, 1]})
    run = make_crf_run(tmp_path / "run", annotations_path, schema, DEV, clusters=clusters)
    clusters.unlink()
    assert load_model(run)("قصفت طائرات التحالف مواقع في الموصل صباح اليوم.").spans
    (run / WORD_CLUSTERS).write_text("word\t2\nالجيش\t1\n", encoding="utf-8")
    with pytest.raises(ArtifactError, match=WORD_CLUSTERS):
        load_model(run)


def test_missing_clusters_are_said_before_anything_is_fitted(
    tmp_path: Path, annotations_path: Path, schema: EventSchema
) -> None:
    with pytest.raises(ArtifactError, match="no word clusters"):
        make_crf_run(tmp_path / "run", annotations_path, schema, DEV, clusters=tmp_path / "nowhere.tsv")
    assert not (tmp_path / "run" / "crf.crfsuite").exists()
    assert not (tmp_path / "run" / "provenance.json").exists()


def test_words_of_like_company_share_a_cluster(tmp_path: Path) -> None:
    chance = random.Random(1)
    cities, armies = ("حلب", "بغداد", "الموصل", "غزة"), ("الجيش", "الشرطة", "القوات", "الحرس")
    lines = [f"{chance.choice(armies)} دخل مدينة {chance.choice(cities)} صباح اليوم\n" for _ in range(3000)]
    corpus = tmp_path / "news.txt"
    corpus.write_text("\n".join(lines), encoding="utf-8")
    settings = ClusterSettings(sizes=(4,), dimensions=6, contexts=16)
    path = cluster_corpus([corpus], tmp_path / "out", settings)
    found = load_word_clusters(path)
    of_cities = {found.clusters_of(split_words(word, FOLDED)[0].normal) for word in cities}
    of_armies = {found.clusters_of(split_words(word, FOLDED)[0].normal) for word in armies}
    assert len(of_cities) == len(of_armies) == 1
    assert of_cities != of_armies
    assert {entry.name for entry in (tmp_path / "out").iterdir()} == {WORD_CLUSTERS, "provenance.json", "README.md"}
    first = path.read_bytes()
    assert cluster_corpus([corpus], tmp_path / "again", settings).read_bytes() == first


def test_too_few_words_for_the_clusters_are_said(tmp_path: Path) -> None:
    corpus = tmp_path / "news.txt"
    corpus.write_text("قصف الجيش مدينة حلب\n\n" * 20, encoding="utf-8")
    with pytest.raises(InputError, match="too few for 64 clusters"):
        cluster_corpus([corpus], tmp_path / "out", ClusterSettings(sizes=(64,)))
    assert not (tmp_path / "out").exists()


def test_fitting_takes_the_clusters_it_is_given(tmp_path: Path, articles: list[Article]) -> None:
    settings = ReadingSettings(FOLDED)
    fit_crf(articles, tmp_path / "bare", settings, CrfConfig(iterations=5))
    fit_crf(articles, tmp_path / "with", settings, CrfConfig(iterations=5), CLUSTERS)
    assert b"c4@-1=3" in (tmp_path / "with").read_bytes()
    assert b"c4@-1=3" not in (tmp_path / "bare").read_bytes()
