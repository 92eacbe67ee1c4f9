"""A student taught by a finished run on raw articles, end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import build_article
from tests.crf_run import make_crf_run
from tests.integration.test_train import make_config
from trainer.core.errors import ConfigError
from trainer.core.schema import EventSchema
from trainer.learning.config import TrainConfig
from trainer.learning.distil_config import DistilConfig
from trainer.learning.train import train
from trainer.runtime.checkpoint import load_checkpoint


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory, annotations_path: Path, schema: EventSchema) -> Path:
    dev = tuple(f"article-{index:02d}" for index in range(18, 24))
    return make_crf_run(tmp_path_factory.mktemp("teacher") / "crf", annotations_path, schema, dev)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "raw.jsonl"
    first = [build_article("raw", index).text.partition("\n")[0] for index in range(6)]
    texts = [f"{first[index % 6]} {first[(index + 1 + index // 6) % 6]}" for index in range(30)]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    return path


def make_student(
    directory: Path, annotations: Path, folder: Path, encoder: Path, teacher: Path | None, archive: Path
) -> TrainConfig:
    """Two annotated articles to learn from, six for dev."""
    tasks = json.loads(annotations.read_text("utf-8"))
    few, split = folder / "few.json", folder / "split.json"
    few.write_text(json.dumps([*tasks[3:5], *tasks[18:]]), "utf-8")
    names = [f"article-{index:02d}" for index in (3, 4, *range(18, 24))]
    split.write_text(json.dumps({"dev_share": 0.75, "train": names[:2], "dev": names[2:]}), "utf-8")
    config = make_config(directory, few, split, encoder)
    config.teacher = None if teacher is None else str(teacher)
    config.distil = DistilConfig(articles=[archive])
    config.event_head.enabled = False
    return config


def test_a_student_learns_from_its_teacher_what_few_annotated_articles_do_not_say(
    tmp_path: Path, annotations_path: Path, tiny_encoder: Path, teacher: Path, archive: Path
) -> None:
    scores = {}
    for name, who in (("alone", None), ("taught", teacher)):
        run = train(make_student(tmp_path / name, annotations_path, tmp_path, tiny_encoder, who, archive))
        scores[name] = json.loads((run / "metrics.json").read_text("utf-8"))["dev"]["strict"]["f1"]
    assert scores["taught"] > scores["alone"] + 0.3
    facts = load_checkpoint(tmp_path / "taught").provenance["distillation"]
    assert facts["articles"] == 30
    assert facts["teachers"][0]["name"] == "crf"


def test_a_resumed_student_refuses_another_teacher(
    tmp_path: Path, annotations_path: Path, schema: EventSchema, tiny_encoder: Path, teacher: Path, archive: Path
) -> None:
    config = make_student(tmp_path / "student", annotations_path, tmp_path, tiny_encoder, teacher, archive)
    run = train(config)
    record = json.loads((run / "run.json").read_text("utf-8"))
    record["teacher"] = ["another"]
    (run / "run.json").write_text(json.dumps(record), "utf-8")
    (run / "provenance.json").unlink()
    with pytest.raises(ConfigError, match="teacher's weights have changed"):
        train(config)
