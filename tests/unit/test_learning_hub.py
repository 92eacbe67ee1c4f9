from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainer.core.errors import ArtifactError, ConfigError, HubError
from trainer.learning.encoder import open_encoder
from trainer.learning.hub import find_encoder, find_weights, locate_encoder
from trainer.learning.model_config import ModelConfig, ShapeConfig

HUB_NAME = "someone/small-bert"


@pytest.fixture
def cache(tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that holds the tiny encoder under a Hub name."""
    repository = tmp_path / "hub" / "models--someone--small-bert"
    shutil.copytree(tiny_encoder, repository / "snapshots" / ("a" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40, "utf-8")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_a_local_directory_is_taken_as_it_is(tiny_encoder: Path) -> None:
    assert locate_encoder(str(tiny_encoder)) == tiny_encoder
    assert find_weights(tiny_encoder) == tiny_encoder / "model.safetensors"


def test_what_the_cache_holds_needs_no_network(cache: Path) -> None:
    assert locate_encoder(HUB_NAME).name == "a" * 40


def test_an_unreachable_hub_names_three_ways_out() -> None:
    with pytest.raises(HubError) as caught:
        locate_encoder("someone/never-heard-of")
    for way in ("model.encoder=/path", "HF_HOME", "+exp=compact"):
        assert way in str(caught.value)


@pytest.mark.slow
def test_a_network_that_never_answers_costs_less_than_15_seconds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=8) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        command = [sys.executable, "-m", "trainer", "train", "+exp=arabert", f"hydra.run.dir={tmp_path}/run"]
        environment = {"PATH": "/usr/bin:/bin", "HF_ENDPOINT": address, "HF_HOME": str(tmp_path), "HOME": str(tmp_path)}
        started = time.monotonic()
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert time.monotonic() - started < 15
    assert result.returncode == 2
    assert "model hub cannot be reached" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["/no/such/place", "./nowhere", "two words", "a/b/c"])
def test_what_is_neither_a_directory_nor_a_hub_name_is_refused(name: str) -> None:
    with pytest.raises(ArtifactError):
        locate_encoder(name)


def test_a_directory_without_weights_says_what_is_missing(tmp_path: Path, tiny_encoder: Path) -> None:
    shutil.copy(tiny_encoder / "config.json", tmp_path)
    with pytest.raises(ArtifactError, match="weights, a tokenizer missing"):
        locate_encoder(str(tmp_path))


@pytest.mark.parametrize(
    "name", ["aubmindlab/bert-base-arabertv2", "aubmindlab/bert-large-arabertv2", "aubmindlab/bert-base-arabert"]
)
def test_farasa_segmented_encoders_are_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match="Farasa"):
        find_encoder(ModelConfig(encoder=name))


@pytest.mark.parametrize("name", ["aubmindlab/bert-base-arabertv02", "aubmindlab/bert-large-arabertv02"])
def test_the_unsegmented_generation_is_not_refused(name: str) -> None:
    with pytest.raises(HubError):
        find_encoder(ModelConfig(encoder=name))


def test_a_local_copy_with_segmented_pieces_is_refused(tmp_path: Path, tiny_encoder: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_encoder, folder)
    text = (folder / "tokenizer.json").read_text("utf-8")
    pieces = ", ".join(f'"{piece}": {9000 + n}' for n, piece in enumerate(("ال+", "و+", "+ها", "+ات")))
    (folder / "tokenizer.json").write_text(text.replace('"vocab": {', f'"vocab": {{ {pieces}, ', 1), "utf-8")
    with pytest.raises(ConfigError, match="Farasa"):
        open_encoder(ModelConfig(encoder=str(folder)), [])


def test_an_encoders_own_normalisation_beats_the_configured_one(tmp_path: Path, tiny_encoder: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_encoder, folder)
    (folder / "normalisation.json").write_text('{"fold_alef": true, "lowercase": true}', "utf-8")
    normalisation = open_encoder(ModelConfig(encoder=str(folder)), []).normalisation
    assert normalisation.fold_alef and normalisation.lowercase and not normalisation.fold_ya
    assert not open_encoder(ModelConfig(encoder=str(tiny_encoder)), []).normalisation.fold_alef


def test_pickled_weights_load_without_running_code(tmp_path: Path, tiny_encoder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    from trainer.learning.config import TrainingConfig
    from trainer.learning.tagger import build_tagger

    folder = tmp_path / "pickled"
    shutil.copytree(tiny_encoder, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    encoder = open_encoder(ModelConfig(encoder=str(folder)), [])
    tagger = build_tagger(encoder, ("O", "B-X", "I-X"), TrainingConfig())
    expected = load_file(tiny_encoder / "model.safetensors")["embeddings.word_embeddings.weight"]
    torch.testing.assert_close(tagger.get_input_embeddings().weight, expected)
    assert encoder.weights_hash is not None


def test_weights_that_would_run_code_are_refused(tmp_path: Path, tiny_encoder: Path) -> None:
    import torch

    from trainer.learning.config import TrainingConfig
    from trainer.learning.tagger import build_tagger

    folder = tmp_path / "evil"
    shutil.copytree(tiny_encoder, folder)
    (folder / "model.safetensors").unlink()
    torch.save({"weights": Path("x")}, folder / "pytorch_model.bin")
    with pytest.raises(ArtifactError, match="weights cannot be loaded"):
        build_tagger(open_encoder(ModelConfig(encoder=str(folder)), []), ("O",), TrainingConfig())


def test_random_weights_of_a_shape_bring_a_vocabulary_of_the_texts() -> None:
    encoder = open_encoder(ModelConfig(shape=ShapeConfig(1, 32, 2, 64, 300, 64)), ["قصف الجيش المدينة"] * 3)
    assert encoder.from_scratch and encoder.weights_hash is None
    assert encoder.config.vocab_size == len(encoder.tokenizer) <= 300
    assert "قصف" in encoder.tokenizer.get_vocab()


def test_the_vocabulary_of_random_weights_is_kept_for_a_resumed_run(tmp_path: Path) -> None:
    texts = ["قصف الجيش المدينة ثم انسحب من الضواحي", "وقال الوزير إن المدينة آمنة"] * 4
    config = ModelConfig(shape=ShapeConfig(1, 32, 2, 64, 300, 64))
    one, two = (open_encoder(config, texts, tmp_path / "vocabulary") for _ in range(2))
    assert one.tokenizer.get_vocab() == two.tokenizer.get_vocab()
    assert one.tokenizer.backend_tokenizer.to_str() == two.tokenizer.backend_tokenizer.to_str()
