"""Types and links from a trained run: in its directory, its scores, its extractions, and for the CRF too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from trainer.core.types import Article
from trainer.learning.config import DataConfig, Precision, TrainConfig, TrainingConfig
from trainer.learning.event_config import EventHeadConfig
from trainer.learning.model_config import ModelConfig, ModelKind, NormalisationConfig
from trainer.learning.train import train
from trainer.runtime.checkpoint import load_checkpoint
from trainer.runtime.event_head import EVENT_HEAD
from trainer.runtime.model import load_model


def make_config(directory: Path, annotations: Path, split: Path, model: ModelConfig, joint: float = 0.0) -> TrainConfig:
    return TrainConfig(
        name=directory.name,
        directory=directory,
        data=DataConfig(annotations=[annotations], split=split, gold_manifest=None),
        model=model,
        training=TrainingConfig(
            epochs=12, patience=None, learning_rate=5e-3, head_learning_rate=1e-2, batch_tokens=256, max_length=64,
            overlap=8, dropout=0.0, precision=Precision.fp32, threads=1,
        ),
        event_head=EventHeadConfig(epochs=12, batch=32, learning_rate=1e-2, hidden=32, dropout=0.0, joint=joint),
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, annotations_path: Path, split_path: Path, tiny_encoder: Path) -> Path:
    directory = tmp_path_factory.mktemp("models") / "events"
    return train(make_config(directory, annotations_path, split_path, ModelConfig(encoder=str(tiny_encoder))))


@pytest.fixture(scope="module")
def joint(
    tmp_path_factory: pytest.TempPathFactory, annotations_path: Path, split_path: Path, tiny_encoder: Path
) -> Path:
    directory = tmp_path_factory.mktemp("models") / "joint"
    return train(make_config(directory, annotations_path, split_path, ModelConfig(encoder=str(tiny_encoder)), 0.5))


@pytest.fixture(scope="module")
def crf(tmp_path_factory: pytest.TempPathFactory, annotations_path: Path, split_path: Path) -> Path:
    directory = tmp_path_factory.mktemp("models") / "crf"
    model = ModelConfig(kind=ModelKind.crf, normalisation=NormalisationConfig(fold_alef=True))
    return train(make_config(directory, annotations_path, split_path, model))


def read_events(run: Path) -> dict[str, dict[str, dict[str, float]]]:
    events: dict[str, dict[str, dict[str, float]]] = json.loads((run / "metrics.json").read_text("utf-8"))["dev"][
        "events"
    ]
    return events


@pytest.mark.parametrize("kind", ["run", "joint", "crf"])
def test_it_learns_the_samples_types_and_links(kind: str, request: pytest.FixtureRequest) -> None:
    directory: Path = request.getfixturevalue(kind)
    given = read_events(directory)["given_gold_spans"]
    assert given["typed"]["f1"] > 0.7
    assert given["links"]["f1"] > 0.8
    assert read_events(directory)["end_to_end"]["links"]["f1"] > 0.6


@pytest.mark.parametrize("kind", ["run", "crf"])
def test_the_head_is_sealed_with_the_run_and_named_in_its_card(kind: str, request: pytest.FixtureRequest) -> None:
    directory: Path = request.getfixturevalue(kind)
    assert EVENT_HEAD in load_checkpoint(directory).provenance["files"]
    card = (directory / "README.md").read_text("utf-8")
    f1 = read_events(directory)["end_to_end"]["links"]["f1"]
    assert "## Events on dev" in card
    assert f"| links | {100 * f1:.1f} |" in card


@pytest.mark.parametrize("kind", ["run", "crf"])
def test_an_extraction_has_typed_events_with_their_arguments(
    kind: str, request: pytest.FixtureRequest, articles: tuple[Article, ...]
) -> None:
    directory: Path = request.getfixturevalue(kind)
    model = load_model(directory)
    assert model.head is not None
    found = model.predict([article.text for article in articles])
    assert {span.label for result in found for span in result.spans} == {"ACTOR", "LOCATION", "OPERATION"}
    for result in found:
        assert all((span.type is not None) == (span.label == "OPERATION") for span in result.spans)
        assert len(result.events) == sum(span.label == "OPERATION" for span in result.spans)
        assert all(link.score is not None and link.score >= model.head.settings.threshold for link in result.links)
    first = {event.type: event for event in found[0].events}["strike"]
    assert [found[0].surface(span) for span in first.agents] == ["طائرات التحالف"]
    assert [found[0].surface(span) for span in first.places] == ["الموصل"]
    assert model.predict([articles[0].text])[0].links == found[0].links


def test_joint_training_leaves_a_plain_tagger_behind(run: Path, joint: Path) -> None:
    plain, other = (load_file(directory / "model.safetensors") for directory in (run, joint))
    assert set(plain) == set(other)
    assert not np.array_equal(plain["classifier.weight"], other["classifier.weight"])
    assert json.loads((joint / "metrics.json").read_text("utf-8"))["dev"]["strict"]["f1"] > 0.7
