"""The same extraction as a Ray Data job (extra ``ray``): shards out, parts back, joined in order.

Each worker holds the model and runs `extract_to_file` on one shard at a time, so a shard that was
done before a crash is not done again. On a cluster the inputs, the model and the output's folder
must lie on a file system that all nodes share.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from trainer.core.errors import ConfigError, OutputError
from trainer.core.files import hash_texts
from trainer.runtime.extract import Job, Progress, Report, extract_to_file
from trainer.runtime.model import Model, load_model
from trainer.runtime.shards import LEAST_SHARD_BYTES, SHARD_BYTES, Shard, plan_shards
from trainer.runtime.sources import STDIN

_COPY_BYTES = 1 << 20
_SHARDS_A_WORKER = 4


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """What each worker loads."""

    directory: str
    runtime: str
    precision: str
    threads: int

    def load(self) -> Model:
        """The model."""
        return load_model(self.directory, self.runtime, self.precision, self.threads)


@dataclass(frozen=True, slots=True)
class Part:
    """Where the results of one shard lie."""

    out: Path
    rejects: Path


class ShardExtractor:
    """A Ray actor: loads the model once, then extracts shard after shard."""

    def __init__(self, choice: ModelChoice, job: Job, shards: Sequence[Shard], folder: str) -> None:
        self._model = choice.load()
        self._shards = shards
        self._job = replace(job, format=replace(job.format, head="", foot=""))
        self._folder = Path(folder)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[int]]:
        """Extract the shards of a batch; counts of each."""
        rows: dict[str, list[int]] = {"written": [], "rejected": [], "bytes": []}
        for index in map(int, batch["id"]):
            done = self._extract(replace(self._job, sources=self._shards[index]), _part(self._folder, index))
            rows["written"].append(done.written)
            rows["rejected"].append(done.rejected)
            rows["bytes"].append(done.bytes)
        return rows

    def _extract(self, job: Job, part: Part) -> Progress:
        name = f"{self._model.fingerprint} {self._model.runtime} {self._model.precision}"
        if part.out.exists():  # a former job was stopped after this shard
            lines = part.rejects.read_bytes().count(b"\n") if part.rejects.exists() else 0
            return Progress(0, written=int(part.out.with_suffix(".count").read_text()), rejected=lines)
        done = extract_to_file(self._model, job, part.out, part.rejects, name=name)
        part.out.with_suffix(".count").write_text(str(done.written))
        return done


def extract_with_ray(
    choice: ModelChoice, job: Job, out: Path, rejects: Path, workers: int, overwrite: bool, report: Report
) -> Progress:
    """Run a job on a Ray cluster, or on this machine if ``RAY_ADDRESS`` names none.

    Args:
        choice: The model that each worker loads.
        job: Files on a shared file system; not standard input.
        out: Appears when the job is complete.
        rejects: Appears then too, if there are any.
        workers: Actors, each with ``choice.threads`` cores.
        overwrite: Begin anew, whatever is there.
        report: Called after each shard.

    Raises:
        ConfigError: Ray is not installed, the output exists, or the job reads standard input.
    """
    if importlib.util.find_spec("ray") is None:
        raise ConfigError("Ray is not installed", remedy="pip install 'arabic-event-extraction[ray]'")
    if any(source.path == STDIN for source in job.sources):
        raise ConfigError("the ray engine cannot read standard input", remedy="write it to a file first")
    if out.exists() and not overwrite:
        raise ConfigError("the output exists", file=out, remedy="name another, or add --overwrite")
    print_of_job = hash_texts([str(sorted(job.fingerprint(choice.load().fingerprint).items())), str(choice)])[:16]
    folder = out.with_name(f"{out.name}.shards-{print_of_job}").resolve()
    if overwrite:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    shards = plan_shards(job.sources, _shard_bytes(job, workers))
    progress = _run(choice, job, folder, shards, workers, report)
    parts = [_part(folder, index) for index in range(len(shards))]
    try:
        _join([part.out for part in parts], out, job.format.head, job.format.separator, job.format.foot)
        if progress.rejected:
            _join([part.rejects for part in parts], rejects)
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror or error}", file=out, remedy="make room") from error
    shutil.rmtree(folder)
    return progress


def _run(
    choice: ModelChoice, job: Job, folder: Path, shards: Sequence[Shard], workers: int, report: Report
) -> Progress:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray.data import ActorPoolStrategy

    started_here = not ray.is_initialized()
    if started_here:
        try:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level="error")
        except Exception as error:  # Ray raises bare exceptions, as when a busy machine keeps it from starting in time
            raise ConfigError(f"Ray did not start: {error}", remedy="try again, or use --engine local") from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    progress = Progress(sum(Path(source.path).stat().st_size for source in job.sources if Path(source.path).exists()))
    try:
        # Items, not ray.data.range: that is read by tasks, which would wait for ever for a core the actors hold.
        items = [{"id": index} for index in range(len(shards))]
        results = ray.data.from_items(items, override_num_blocks=max(len(items), 1)).map_batches(
            ShardExtractor,
            fn_constructor_args=(choice, job, shards, str(folder)),
            batch_size=1,
            compute=ActorPoolStrategy(size=workers),
            num_cpus=choice.threads,
        )
        for row in results.iter_rows():
            progress.written += int(row["written"])
            progress.rejected += int(row["rejected"])
            progress.bytes += int(row["bytes"])
            report(progress)
    finally:
        if started_here:
            ray.shutdown()
    return progress


def _shard_bytes(job: Job, workers: int) -> int:
    """Small enough that all workers have several shards, large enough that a shard is worth its file."""
    total = sum(Path(source.path).stat().st_size for source in job.sources if Path(source.path).exists())
    return min(SHARD_BYTES, max(LEAST_SHARD_BYTES, total // (_SHARDS_A_WORKER * workers)))


def _part(folder: Path, index: int) -> Part:
    return Part(folder / f"{index:06d}.out", folder / f"{index:06d}.rejects")


def _join(parts: Sequence[Path], out: Path, head: str = "", separator: str = "", foot: str = "") -> None:
    """One file of many, under a temporary name until it is whole."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(head.encode())
            due = False
            for part in parts:
                if part.exists() and part.stat().st_size:
                    stream.write(separator.encode() if due else b"")
                    _copy(part, stream)
                    due = True
            stream.write(foot.encode())
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


def _copy(part: Path, stream: IO[bytes]) -> None:
    with part.open("rb") as content:
        shutil.copyfileobj(content, stream, _COPY_BYTES)
