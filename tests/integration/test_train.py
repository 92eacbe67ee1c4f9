"""A run from annotated articles to a sealed directory, on a tiny encoder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

from trainer.core.errors import ArtifactError, ConfigError
from trainer.core.files import hold_directory
from trainer.core.types import Article
from trainer.learning.config import DataConfig, Precision, TrainConfig, TrainingConfig
from trainer.learning.model_config import ModelConfig, ShapeConfig
from trainer.learning.torch_scorer import load_torch_scorer
from trainer.learning.train import train
from trainer.runtime.checkpoint import load_checkpoint
from trainer.runtime.reading import load_reader
from trainer.runtime.tagging import decode_spans, score_words


def make_config(directory: Path, annotations: Path, split: Path, encoder: Path | None) -> TrainConfig:
    return TrainConfig(
        name=directory.name,
        directory=directory,
        data=DataConfig(annotations=[annotations], split=split, gold_manifest=None),
        model=ModelConfig(
            encoder=None if encoder is None else str(encoder),
            shape=ShapeConfig(2, 32, 2, 64, 200, 128) if encoder is None else None,
        ),
        training=TrainingConfig(
            epochs=12,
            patience=None,
            learning_rate=5e-3,
            head_learning_rate=1e-2,
            batch_tokens=256,
            max_length=64,
            overlap=8,
            dropout=0.0,
            precision=Precision.fp32,
            threads=1,
        ),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, annotations_path: Path, split_path: Path, tiny_encoder: Path) -> Path:
    directory = tmp_path_factory.mktemp("models") / "tiny"
    return train(make_config(directory, annotations_path, split_path, tiny_encoder))


def test_it_learns_the_samples(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    assert metrics["dev"]["strict"]["f1"] > 0.8
    assert set(metrics["dev"]["labels"]) == {"ACTOR", "LOCATION", "OPERATION"}
    assert metrics["encoder_from_scratch"] is False


def test_two_trainings_cannot_share_a_directory(tmp_path: Path, annotations_path: Path, split_path: Path) -> None:
    config = make_config(tmp_path / "shared", annotations_path, split_path, None)
    with hold_directory(tmp_path / "shared"), pytest.raises(ConfigError, match="another run"):
        train(config)
    assert not list((tmp_path / "shared").iterdir())


def test_the_directory_holds_the_whole_contract(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert names == {
        ".hydra", "README.md", "calibration.json", "config.json", "event_head.safetensors", "history.jsonl",
        "metrics.json", "model.safetensors", "provenance.json", "reading.json", "run.json", "schema.yaml",
        "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    checkpoint = load_checkpoint(run)
    provenance = checkpoint.provenance
    assert checkpoint.kind == "encoder"
    assert len(provenance["data"]["train"]) == 18
    assert provenance["data"]["dev"] == [f"article-{index}" for index in range(18, 24)]
    assert len(provenance["encoder"]["weights_sha256"]) == 64
    assert set(provenance["commit"]) == {"sha", "dirty"}
    assert "directory" not in provenance["configuration"]


def test_no_file_names_the_directory_it_was_made_in(run: Path) -> None:
    for path in run.rglob("*"):
        if path.suffix in {".json", ".md", ".yaml", ".jsonl"} and path.name not in {"run.json", "provenance.json"}:
            assert str(run.parent) not in path.read_text("utf-8"), path


def test_the_best_epoch_is_the_one_kept(run: Path) -> None:
    history = [json.loads(line) for line in (run / "history.jsonl").read_text("utf-8").splitlines()]
    scores = [entry["eval_f1"] for entry in history if "eval_f1" in entry]
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    assert metrics["dev"]["strict"]["f1"] == pytest.approx(max(scores))
    assert metrics["best_epoch"] == scores.index(max(scores)) + 1


def test_the_saved_checkpoint_finds_spans_with_exact_offsets(run: Path, articles: tuple[Article, ...]) -> None:
    checkpoint = load_checkpoint(run)
    readings = load_reader(run, checkpoint.reading).read_texts([article.text for article in articles])
    logits = score_words(readings, load_torch_scorer(run))
    found = {
        (article.id, article.surface(span), span.label)
        for article, reading, rows in zip(articles, readings, logits, strict=True)
        for span in decode_spans(reading, rows, checkpoint.schema.tags)
    }
    gold = {(article.id, article.surface(span), span.label) for article in articles for span in article.spans}
    assert len(found & gold) / len(gold) > 0.8


def test_plain_transformers_load_it(run: Path) -> None:
    model = AutoModelForTokenClassification.from_pretrained(run)
    assert model.config.id2label[1] == "B-ACTOR"
    assert model.config.label2id["I-OPERATION"] == 6
    text = "اعتقلت قوات الأمن متظاهرين في بغداد"
    tokenizer = AutoTokenizer.from_pretrained(run)
    tagger = pipeline("token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="first")
    groups = tagger(text)
    assert groups and {group["entity_group"] for group in groups} <= {"ACTOR", "LOCATION", "OPERATION"}
    assert all(text[group["start"] : group["end"]].strip() for group in groups)


def test_our_logits_are_those_of_plain_transformers(run: Path) -> None:
    checkpoint = load_checkpoint(run)
    reading = load_reader(run, checkpoint.reading).read_texts(["اعتقلت قوات الأمن ثلاثة متظاهرين"])[0]
    ours = score_words([reading], load_torch_scorer(run))[0]
    tokenizer = AutoTokenizer.from_pretrained(run)
    encoding = tokenizer(
        [word.normal for word in reading.words], is_split_into_words=True, return_tensors="pt", add_special_tokens=True
    )
    assert encoding["input_ids"][0].tolist() == reading.windows[0].ids.tolist()
    with torch.inference_mode():
        logits = AutoModelForTokenClassification.from_pretrained(run)(**encoding).logits[0].numpy()
    np.testing.assert_allclose(ours, logits[reading.windows[0].first_tokens], atol=1e-5)


def test_the_same_run_is_not_trained_twice(
    run: Path, annotations_path: Path, split_path: Path, tiny_encoder: Path
) -> None:
    before = (run / "provenance.json").stat().st_mtime_ns
    train(make_config(run, annotations_path, split_path, tiny_encoder))
    assert (run / "provenance.json").stat().st_mtime_ns == before


def test_another_configuration_is_refused_with_a_way_out(
    run: Path, annotations_path: Path, split_path: Path, tiny_encoder: Path
) -> None:
    config = make_config(run, annotations_path, split_path, tiny_encoder)
    config.training.learning_rate = 1e-4
    with pytest.raises(ConfigError, match=r"training\.learning_rate is 0\.005 there, 0\.0001 here") as caught:
        train(config)
    assert "overwrite=true" in str(caught.value)


def test_random_weights_are_said_loudly(tmp_path: Path, annotations_path: Path, split_path: Path) -> None:
    config = make_config(tmp_path / "scratch", annotations_path, split_path, None)
    config.training.epochs = 1
    run = train(config)
    assert "random weights" in (run / "README.md").read_text("utf-8")
    assert json.loads((run / "metrics.json").read_text("utf-8"))["encoder_from_scratch"] is True
    provenance = json.loads((run / "provenance.json").read_text("utf-8"))
    assert provenance["encoder"]["weights_sha256"] is None
    assert config.training.lower_layers_until < 1
    assert provenance["configuration"]["training"]["lower_layers_until"] == 1  # they learn to the end


def test_a_local_directory_that_is_missing_is_named(tmp_path: Path, annotations_path: Path, split_path: Path) -> None:
    config = make_config(tmp_path / "lost", annotations_path, split_path, tmp_path / "nowhere")
    with pytest.raises(ArtifactError, match="nowhere"):
        train(config)
    assert not (tmp_path / "lost" / "provenance.json").exists()
