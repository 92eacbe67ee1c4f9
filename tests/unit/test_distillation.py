"""Soft tags: averaged, passed from word to word, learnt beside the annotated ones."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from eval.gold_manifest import build_manifest
from tests.conftest import build_article, write_articles
from tests.crf_run import make_crf_run
from trainer.core.errors import ConfigError, InputError
from trainer.core.schema import EventSchema
from trainer.learning.config import TrainConfig
from trainer.learning.distil_config import DistilConfig, read_teachers
from trainer.learning.distillation import ask_teachers, load_teachers, soft_loss
from trainer.learning.event_config import EventHeadConfig
from trainer.learning.model_config import ModelConfig, ModelKind
from trainer.learning.unlabelled import read_unlabelled


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory, annotations_path: Path, schema: EventSchema) -> list[Path]:
    folder = tmp_path_factory.mktemp("teachers")
    dev = ("article-05",)
    return [make_crf_run(folder / f"c{n}", annotations_path, schema, dev, iterations=n) for n in (4, 8)]


def test_one_path_or_a_list_of_paths_names_teachers() -> None:
    assert read_teachers(None) == ()
    assert read_teachers("models/a") == (Path("models/a"),)
    assert read_teachers(["models/a", "models/b"]) == (Path("models/a"), Path("models/b"))


@pytest.mark.parametrize("value", [3, [], "", [None], ["models/a", 3]])
def test_anything_else_as_teacher_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="not allowed"):
        read_teachers(value)


def test_a_crf_cannot_be_a_student() -> None:
    with pytest.raises(ConfigError, match="not allowed"):
        TrainConfig(model=ModelConfig(kind=ModelKind.crf), teacher="models/a")
    with pytest.raises(ConfigError, match="not allowed"):
        TrainConfig(event_head=EventHeadConfig(joint=0.5), teacher="models/a")


def test_several_teachers_are_averaged_word_by_word(teachers: list[Path], schema: EventSchema) -> None:
    texts = [build_article("x", 0).text, "", build_article("y", 3).text]
    loaded = load_teachers(teachers, schema.tags, ())
    alone = [ask_teachers([teacher], texts, schema.tags, 1.0) for teacher in loaded]
    together = ask_teachers(loaded, texts, schema.tags, 1.0)
    assert not np.allclose(alone[0][0], alone[1][0])
    for index in (0, 2):
        assert np.allclose(together[index], (alone[0][index] + alone[1][index]) / 2, atol=1e-6)
        assert np.allclose(together[index].sum(axis=1), 1.0, atol=1e-5)
    assert len(together[1]) == 0


def test_columns_follow_the_students_tags(teachers: list[Path], schema: EventSchema) -> None:
    loaded, text = load_teachers(teachers[:1], schema.tags, ()), build_article("x", 0).text
    order = tuple(reversed(schema.tags))
    straight, reversed_ = (ask_teachers(loaded, [text], tags, 1.0)[0] for tags in (schema.tags, order))
    assert np.allclose(straight, reversed_[:, ::-1])


def test_a_higher_temperature_is_softer(teachers: list[Path], schema: EventSchema) -> None:
    loaded, text = load_teachers(teachers[:1], schema.tags, ()), build_article("x", 0).text
    sharp, soft = (ask_teachers(loaded, [text], schema.tags, value)[0] for value in (1.0, 4.0))
    assert soft.max(axis=1).mean() < sharp.max(axis=1).mean()


def test_a_teacher_of_other_labels_is_refused(teachers: list[Path]) -> None:
    with pytest.raises(ConfigError, match="the teacher's tags"):
        load_teachers(teachers[:1], ("O", "B-PERS", "I-PERS"), ())


def test_a_teacher_that_learnt_the_students_dev_articles_is_refused(teachers: list[Path], schema: EventSchema) -> None:
    load_teachers(teachers[:1], schema.tags, ("article-05",))
    with pytest.raises(ConfigError, match="trained on 1 of the student's dev articles, such as article-07"):
        load_teachers(teachers[:1], schema.tags, ("article-05", "article-07"))


def test_the_soft_loss_of_certain_teachers_is_cross_entropy() -> None:
    logits, labels = torch.randn(5, 7), torch.tensor([0, 3, 6, 1, 0])
    certain = functional.one_hot(labels, 7).float()
    assert torch.allclose(soft_loss(logits, certain, 1.0), functional.cross_entropy(logits, labels, reduction="sum"))


def test_the_soft_loss_is_least_where_student_and_teachers_agree() -> None:
    targets = torch.softmax(torch.randn(4, 7), dim=1)
    agreeing, other = (2.0 * targets.log()).requires_grad_(), torch.randn(4, 7)
    loss = soft_loss(agreeing, targets, 2.0)
    loss.backward()
    assert float(agreeing.grad.abs().max()) < 1e-5
    assert loss.item() < float(soft_loss(other, targets, 2.0))


def test_raw_articles_are_read_from_lines_folders_and_compressed_text(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "one.txt").write_text("خبر أول\nفقرة ثانية", "utf-8")
    lines = tmp_path / "archive.jsonl"
    lines.write_text(json.dumps({"body": "خبر ثان"}) + "\n" + json.dumps({"nobody": 1}) + "\n", "utf-8")
    packed = tmp_path / "corpus.txt.xz"
    packed.write_bytes(lzma.compress("فقرة\nأخرى\n\nوثيقة\n".encode()))
    config = DistilConfig(articles=[tmp_path / "folder", lines, packed], text_field="body")
    texts = [article.text for article in read_unlabelled(config, (), None)]
    assert texts == ["خبر أول\nفقرة ثانية", "خبر ثان", "فقرة\nأخرى", "وثيقة"]
    assert len(read_unlabelled(DistilConfig(articles=[packed], limit=1), (), None)) == 1


def test_a_raw_article_that_repeats_dev_text_is_left_out(tmp_path: Path) -> None:
    dev, other = build_article("dev", 0), build_article("other", 3)
    (tmp_path / "a.txt").write_text(dev.text, "utf-8")
    (tmp_path / "b.txt").write_text(other.text, "utf-8")
    kept = read_unlabelled(DistilConfig(articles=[tmp_path]), (dev,), None)
    assert [article.text for article in kept] == [other.text]


def test_a_raw_article_that_repeats_gold_text_is_left_out(tmp_path: Path) -> None:
    gold, other = build_article("gold", 0), build_article("other", 3)
    exports = write_articles(tmp_path / "gold.json", [gold])
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(build_manifest([exports])), "utf-8")
    (tmp_path / "a.txt").write_text(f"مقدمة طويلة لا تشبه شيئا آخر في الخبر.\n{gold.text}", "utf-8")
    (tmp_path / "b.txt").write_text(other.text, "utf-8")
    kept = read_unlabelled(DistilConfig(articles=[tmp_path / "a.txt", tmp_path / "b.txt"]), (), manifest)
    assert [article.text for article in kept] == [other.text]


def test_missing_raw_articles_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs raw articles"):
        read_unlabelled(DistilConfig(), (), None)
    with pytest.raises(InputError, match="no such file"):
        read_unlabelled(DistilConfig(articles=[tmp_path / "none.jsonl"]), (), None)
