"""`python -m trainer pretrain` from raw text to an encoder that AutoModel loads."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer, BertConfig, BertForMaskedLM

from trainer.core.errors import ArtifactError, ConfigError
from trainer.core.files import hold_directory
from trainer.learning.pretraining.command import make_trainer, prepare, pretrain
from trainer.learning.pretraining.config import Optimiser, PretrainConfig, ShapeConfig
from trainer.learning.pretraining.corpus import find_files
from trainer.learning.pretraining.processes import Processes
from trainer.learning.pretraining.progress import PretrainingBar

ROOT = Path(__file__).parents[2]
SHAPE = [
    "shape.vocabulary=300", "shape.layers=2", "shape.hidden=64", "shape.heads=4", "shape.intermediate=128",
    "shape.positions=64", "length=32", "batch_tokens=256", "workers=1", "held_out=0.05", "mask_rate=0.2",
]  # fmt: skip


def _write_corpus(path: Path, documents: int = 200) -> Path:
    """Sentences of a fixed frame, so that a masked word can be guessed from its neighbours."""
    draw = random.Random(5)
    actors, verbs = ["الجيش", "الشرطة", "المتظاهرون", "المسلحون"], ["هاجم", "حاصر", "غادر", "قصف"]
    places = ["المدينة", "القرية", "المطار", "الميناء", "المخيم"]
    texts = (
        "\n".join(
            f"{draw.choice(verbs)} {draw.choice(actors)} {draw.choice(places)} يوم {draw.randint(1, 9)} مايو."
            for _ in range(4)
        )
        for _ in range(documents)
    )
    path.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    return path


def _config(folder: Path, **settings: object) -> PretrainConfig:
    values: dict[str, object] = {
        "corpus": [_write_corpus(folder / "news.txt")], "output": folder / "encoder", "work": folder / "work",
        "shape": ShapeConfig(300, 2, 64, 4, 128, 64), "length": 32, "batch_tokens": 256, "workers": 1,
        "held_out": 0.05, "tokens": 256 * 40,
    }  # fmt: skip
    return PretrainConfig(**(values | settings))  # type: ignore[arg-type]


def _command(folder: Path, *settings: str) -> list[str]:
    _write_corpus(folder / "news.txt")
    places = [f"corpus=[{folder / 'news.txt'}]", f"work={folder / 'work'}", f"output={folder / 'encoder'}"]
    return [sys.executable, "-m", "trainer", "pretrain", "+exp=compact_encoder", *places, *SHAPE, *settings]


def _history(folder: Path) -> list[dict[str, float]]:
    lines = (folder / "work" / "history.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def test_a_short_run_learns_and_leaves_an_encoder_that_anyone_can_load(tmp_path: Path) -> None:
    config = _config(tmp_path, tokens=256 * 120)
    output = pretrain(config)
    (last,) = _history(tmp_path)
    assert last["tokens"] == 256 * 120
    assert last["held_out_accuracy"] > 0.3  # guessing the most frequent piece gives about 0.15
    model, tokenizer = AutoModel.from_pretrained(output), AutoTokenizer.from_pretrained(output)
    assert model.dtype == torch.float32
    assert tokenizer.is_fast
    words = ["هاجم", "الجيش", "المدينة"]
    encoding = tokenizer(words, is_split_into_words=True, return_tensors="pt")
    assert model(**encoding).last_hidden_state.shape[-1] == 64
    whole = AutoModelForMaskedLM.from_pretrained(output)
    assert whole.cls.predictions.decoder.weight is whole.bert.embeddings.word_embeddings.weight
    assert (output / "model.safetensors").stat().st_size < 2.2 * sum(p.numel() for p in whole.parameters())
    provenance = (output / "provenance.json").read_text(encoding="utf-8")
    assert json.loads(provenance)["corpus"]["documents"] == 200
    assert str(tmp_path) not in provenance + (output / "README.md").read_text(encoding="utf-8")
    assert json.loads((output / "normalisation.json").read_text(encoding="utf-8"))["fold_alef"] is True


def test_a_run_in_two_parts_equals_a_run_in_one(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    states = []
    for folder, stops in ((whole, [20]), (parts, [9, 20])):
        folder.mkdir()
        config = _config(folder)
        config.work.mkdir()
        for stop in stops:
            prepared = prepare(config, find_files(config.corpus))
            trainer = make_trainer(config, prepared, Processes.start())
            while trainer.counters.step < stop:
                trainer.step(1.0)
            trainer._save(lambda _: None, 0.0, [])
        states.append((trainer.counters.cursor, prepared.model.state_dict()))
    assert states[0][0] == states[1][0]
    for name, value in states[0][1].items():
        torch.testing.assert_close(value, states[1][1][name], rtol=0, atol=0)


def test_a_killed_run_goes_on_where_its_checkpoint_stands(tmp_path: Path) -> None:
    command = _command(tmp_path, "minutes=30", "save_minutes=0.02")
    checkpoint = tmp_path / "work" / "checkpoint.pt"
    with subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.PIPE, start_new_session=True) as run:
        deadline = time.monotonic() + 240
        while not checkpoint.exists() and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        os.killpg(run.pid, signal.SIGKILL)
    assert checkpoint.exists()
    before = torch.load(checkpoint, weights_only=True)["counters"]
    more = before["tokens"] + 256 * 5
    subprocess.run([*command, f"tokens={more}"], cwd=ROOT, env=ENVIRONMENT, check=True, capture_output=True)
    after = torch.load(checkpoint, weights_only=True)["counters"]
    assert after["step"] == before["step"] + 5
    assert after["cursor"] == before["cursor"] + 5 * 8 * 30
    assert (tmp_path / "encoder" / "model.safetensors").is_file()


def test_an_encoder_is_exported_from_a_checkpoint_without_training(tmp_path: Path) -> None:
    pretrain(_config(tmp_path))
    before = (tmp_path / "work" / "checkpoint.pt").read_bytes()
    output = pretrain(_config(tmp_path, export_only=True, output=tmp_path / "again"))
    assert AutoModel.from_pretrained(output).config.hidden_size == 64
    assert (tmp_path / "work" / "checkpoint.pt").read_bytes() == before
    with pytest.raises(ArtifactError, match="no checkpoint"):
        pretrain(_config(tmp_path, export_only=True, work=tmp_path / "elsewhere"))


def test_an_encoder_is_adapted_with_its_own_tokenizer_and_folding(tmp_path: Path) -> None:
    first = pretrain(_config(tmp_path))
    config = _config(
        tmp_path, encoder=str(first), output=tmp_path / "adapted", work=tmp_path / "adapt", learning_rate=1e-4,
        optimiser=Optimiser.adamw, shift_positions=False, tokens=256 * 5,
    )  # fmt: skip
    second = pretrain(config)
    for name in ("normalisation.json", "tokenizer.json"):
        assert json.loads((first / name).read_text()) == json.loads((second / name).read_text())
    old, new = (AutoModelForMaskedLM.from_pretrained(folder).state_dict() for folder in (first, second))
    assert any(not torch.equal(old[name], new[name]) for name in old)
    assert max(float((old[name] - new[name]).abs().max()) for name in old) < 0.01


def test_a_foreign_encoder_is_adapted_too(tmp_path: Path) -> None:
    """An untied, unfolded BERT of another vocabulary, as the Hub has them."""
    tokenizer = prepare(_config(tmp_path), find_files([_write_corpus(tmp_path / "news.txt")])).tokenizer
    shape = BertConfig(vocab_size=len(tokenizer) + 7, num_hidden_layers=1, hidden_size=32, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=48, tie_word_embeddings=False)  # fmt: skip
    BertForMaskedLM(shape).save_pretrained(tmp_path / "foreign")
    tokenizer.save_pretrained(tmp_path / "foreign")
    config = _config(
        tmp_path, encoder=str(tmp_path / "foreign"), work=tmp_path / "adapt", tokens=256 * 3,
        optimiser=Optimiser.adamw, shift_positions=False,
    )  # fmt: skip
    assert AutoModel.from_pretrained(pretrain(config)).config.vocab_size == len(tokenizer) + 7


def test_two_runs_cannot_share_a_folder(tmp_path: Path) -> None:
    with hold_directory(tmp_path / "work"), pytest.raises(ConfigError, match="another run"):
        pretrain(_config(tmp_path))


def test_sequences_longer_than_an_encoder_reads_are_refused(tmp_path: Path) -> None:
    first = pretrain(_config(tmp_path, tokens=256))
    with pytest.raises(ConfigError, match="positions"):
        pretrain(_config(tmp_path, encoder=str(first), work=tmp_path / "adapt", length=128))


def test_a_run_without_raw_text_is_refused() -> None:
    with pytest.raises(ConfigError, match="corpus"):
        pretrain(PretrainConfig())


def test_a_run_prepared_on_one_machine_trains_on_another_that_has_no_corpus(tmp_path: Path) -> None:
    config = _config(tmp_path, prepare_only=True)
    pretrain(config)
    assert not (config.work / "checkpoint.pt").exists()
    shutil.copytree(config.work, tmp_path / "elsewhere")
    (tmp_path / "news.txt").unlink()
    output = pretrain(replace(config, corpus=[], work=tmp_path / "elsewhere", prepare_only=False))
    assert json.loads((output / "provenance.json").read_text(encoding="utf-8"))["corpus"]["documents"] == 200


def test_tokens_prepared_for_another_tokenizer_are_refused(tmp_path: Path) -> None:
    config = _config(tmp_path, prepare_only=True)
    pretrain(config)
    note = config.work / "prepared.json"
    note.write_text(json.dumps(json.loads(note.read_text(encoding="utf-8")) | {"pieces": "other"}), encoding="utf-8")
    with pytest.raises(ArtifactError, match="another tokenizer"):
        pretrain(replace(config, corpus=[], prepare_only=False))


@pytest.mark.parametrize(("content", "fault"), [("{", "JSON"), ("{}", "cache, pieces, corpus")])
def test_a_damaged_note_of_what_was_prepared_is_named(tmp_path: Path, content: str, fault: str) -> None:
    config = _config(tmp_path, prepare_only=True)
    pretrain(config)
    (config.work / "prepared.json").write_text(content, encoding="utf-8")
    with pytest.raises(ArtifactError, match=fault):
        pretrain(replace(config, corpus=[], prepare_only=False))


@pytest.mark.slow
def test_a_compiled_run_with_readers_of_its_own_learns_what_a_plain_run_learns(tmp_path: Path) -> None:
    losses = []
    for name, settings in (("plain", {}), ("compiled", {"compiled": True, "readers": 2})):
        (tmp_path / name).mkdir()
        pretrain(_config(tmp_path / name, **settings))
        (last,) = _history(tmp_path / name)
        losses.append(last["held_out_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=0.01)


def test_a_run_told_to_stop_saves_and_writes_no_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PretrainingBar, "show", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    config = _config(tmp_path, tokens=256 * 1000, save_minutes=1e-4)
    pretrain(config)
    steps = _history(tmp_path)[-1]["step"]
    assert 0 < steps < 100
    assert torch.load(config.work / "checkpoint.pt", weights_only=True)["counters"]["step"] == steps
    assert not config.output.exists()


@pytest.mark.slow
def test_two_processes_under_torchrun_train_one_encoder(tmp_path: Path) -> None:
    arguments = _command(tmp_path, "tokens=10240")[3:]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "trainer"]
    subprocess.run([*launch, *arguments], cwd=ROOT, env=ENVIRONMENT, check=True, capture_output=True, timeout=400)
    (last,) = _history(tmp_path)
    assert last["tokens"] == 10240
    assert last["step"] == 40
    assert (tmp_path / "encoder" / "model.safetensors").is_file()
