"""The model in service changes when its directory does, and only for a better one than none."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.serving_model import FakeExtractor, served, write_crf
from trainer.core.errors import ArtifactError
from trainer.runtime.checkpoint import PROVENANCE, load_checkpoint
from trainer.runtime.version import model_version
from trainer.serving.extractor import ServedModel
from trainer.serving.loading import loader_of
from trainer.serving.metrics import Metrics
from trainer.serving.problems import ProblemError
from trainer.serving.reload import ModelHolder


def load_by_content(directory: Path) -> ServedModel:
    """A model whose version is the content of its provenance file."""
    content = (directory / PROVENANCE).read_text(encoding="utf-8")
    if content == "damaged":
        raise ArtifactError("damaged")
    if content == "strange":
        raise ZeroDivisionError
    return served(FakeExtractor(), content)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


def replace(directory: Path, content: str) -> None:
    """As a promotion does: a whole new directory under the old name."""
    fresh = directory.with_name("fresh")
    fresh.mkdir()
    (fresh / PROVENANCE).write_text(content, encoding="utf-8")
    if directory.exists():
        directory.rename(directory.with_name(f"old-{os.urandom(4).hex()}"))
    fresh.rename(directory)


def test_a_new_checkpoint_comes_into_service(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    replace(directory, "one")

    async def live() -> list[str]:
        holder = ModelHolder(directory, load_by_content, Metrics(), interval=0.01)
        holder.load()
        seen = [holder.model.version]
        holder.start()
        replace(directory, "two")
        await until(lambda: holder.model.version == "two")
        shutil.rmtree(directory)
        await asyncio.sleep(0.05)
        seen.append(holder.model.version)  # an absent directory is no reason to stop serving
        replace(directory, "three")
        await until(lambda: holder.model.version == "three")
        await holder.stop()
        return seen

    assert asyncio.run(live()) == ["one", "two"]


@pytest.mark.parametrize("content", ["damaged", "strange"])
def test_a_checkpoint_that_cannot_be_loaded_changes_nothing_and_is_told(tmp_path: Path, content: str) -> None:
    directory = tmp_path / "run"
    replace(directory, "one")
    metrics = Metrics()

    async def live() -> None:
        holder = ModelHolder(directory, load_by_content, metrics, interval=0.01)
        holder.load()
        holder.start()
        replace(directory, content)
        await until(lambda: holder.last_error is not None)
        assert holder.model.version == "one"
        replace(directory, "two")
        await until(lambda: holder.model.version == "two")
        assert holder.last_error is None
        await holder.stop()

    asyncio.run(live())
    assert b'trainer_reloads_total{outcome="failed"} 1.0' in metrics.render()


def test_without_a_model_a_request_is_told_to_come_back(tmp_path: Path) -> None:
    holder = ModelHolder(tmp_path, load_by_content, Metrics())
    with pytest.raises(ProblemError) as caught:
        _ = holder.model
    assert caught.value.problem.status == 503


def test_the_version_changes_with_the_weights_and_with_nothing_else(tmp_path: Path) -> None:
    first = write_crf(tmp_path / "a" / "run")
    other = write_crf(tmp_path / "b" / "run", iterations=3)
    moved = Path(shutil.copytree(first, tmp_path / "c" / "run"))
    (moved / "README.md").write_text("a model card", encoding="utf-8")
    versions = [model_version(load_checkpoint(path)) for path in (first, other, moved)]
    assert versions[0] == versions[2] != versions[1]
    assert versions[0].startswith("run-")


def test_a_real_checkpoint_is_loaded_and_an_altered_one_refused(tmp_path: Path) -> None:
    directory = write_crf(tmp_path / "run")
    load = loader_of("auto", "auto")
    assert load(directory).extractor.predict(["قصف الطيران مدينة إدلب أمس ."])[0].spans
    (directory / "schema.yaml").write_text("labels: {A: {}}", encoding="utf-8")
    with pytest.raises(ArtifactError, match="differs"):
        load(directory)
