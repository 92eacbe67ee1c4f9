"""``python -m trainer.serving.benchmark``: cold start, memory, latency and throughput of a served checkpoint.

Server and clients share the machine, so the figures are what two cores give to both. The texts
are paragraphs of the repository's annotated articles.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from trainer.core.errors import ArtifactError, InputError
from trainer.core.files import write_json
from trainer.core.paths import repository_directory
from trainer.core.threads import keep_one_blas_thread
from trainer.serving.load import Load, run_clients

_LEAST_WORDS = 5
_SAMPLES = 200
_BATCH = 512
_MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class Served:
    """A server process that has answered."""

    process: int
    port: int
    cold_start: float


def measure(
    model: Annotated[Path, typer.Option(help="Run directory.")] = Path("models/default"),
    clients: Annotated[int, typer.Option(min=1)] = 64,
    seconds: Annotated[float, typer.Option(min=1, help="Time under load.")] = 300.0,
    out: Annotated[Path | None, typer.Option(help="JSON report; docs/results/serving.json by default.")] = None,
) -> None:
    """Measure a served checkpoint and write a JSON report; exit code 1 if a request failed."""
    texts = read_texts(repository_directory() / "data" / "annotations")
    with start_server(model, texts[0]) as server:
        report = _measure_server(server, texts, clients, seconds)
    report["batch"] = measure_batch(model, texts)
    report["throughput_of_batch"] = report["load"]["words_per_second"] / report["batch"]["words_per_second"]
    report["machine"] = {"cores": len(os.sched_getaffinity(0)), "platform": platform.platform()}
    report["model"] = model.name
    target = out or repository_directory() / "docs" / "results" / "serving.json"
    write_json(target, report)
    typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    raise typer.Exit(1 if report["load"]["failures"] else 0)


def _measure_server(server: Served, texts: Sequence[str], clients: int, seconds: float) -> dict[str, Any]:
    words = statistics.mean(len(text.split()) for text in texts)
    resident = [read_resident(server.process)]
    alone = asyncio.run(run_clients(server.port, texts[:_SAMPLES], 1, min(15.0, seconds)))
    single = statistics.median(alone.seconds)
    asyncio.run(run_clients(server.port, texts, clients, min(20.0, seconds)))  # buffers reach their size
    resident.append(read_resident(server.process))
    began = time.perf_counter()
    load = asyncio.run(run_clients(server.port, texts, clients, seconds))
    elapsed = time.perf_counter() - began
    resident.append(read_resident(server.process))
    return {
        "texts": {"count": len(texts), "median_words": statistics.median(len(text.split()) for text in texts)},
        "cold_start_seconds": server.cold_start,
        "resident_megabytes": dict(zip(("first_answer", "warm", "end"), resident, strict=True)),
        "peak_megabytes": read_resident(server.process, "VmHWM"),
        "memory_growth": resident[2] / resident[1] - 1,
        "single_client": {"median_seconds": single, "failures": alone.failures[:5]},
        "load": {
            "clients": clients,
            "seconds": elapsed,
            "requests": len(load.seconds),
            "failures": load.failures[:20],
            "requests_per_second": len(load.seconds) / elapsed,
            "words_per_second": len(load.seconds) * words / elapsed,
            **quantiles(load),
            "p99_over_single_median": quantiles(load)["p99_seconds"] / single,
        },
    }


def quantiles(load: Load) -> dict[str, float]:
    """Median and 99th percentile of the latencies."""
    ordered = sorted(load.seconds)
    return {"median_seconds": ordered[len(ordered) // 2], "p99_seconds": ordered[int(len(ordered) * 0.99)]}


def measure_batch(model: Path, texts: Sequence[str]) -> dict[str, float]:
    """Words a second of the first of these texts through the library, all at once; the best of three passes."""
    keep_one_blas_thread()  # as `trainer extract` does
    from trainer.runtime.model import load_model

    loaded = load_model(model)
    texts = texts[:_BATCH]
    loaded.predict(texts[:32])
    words = sum(len(text.split()) for text in texts)
    times: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        loaded.predict(texts)
        times.append(time.perf_counter() - began)
    return {"words_per_second": words / min(times)}


def read_texts(annotations: Path) -> list[str]:
    """Paragraphs of the annotated articles, in the order of the files.

    Raises:
        InputError: There are none.
    """
    texts: list[str] = []
    for path in sorted(annotations.glob("*.json")):
        for task in json.loads(path.read_text(encoding="utf-8")):
            texts += [line for line in str(task["data"]["text"]).splitlines() if len(line.split()) >= _LEAST_WORDS]
    if not texts:
        raise InputError("no articles to measure with", file=annotations)
    return texts


@contextmanager
def start_server(model: Path, text: str) -> Iterator[Served]:
    """A server of its own process on a free port, once it has answered a first request.

    Raises:
        ArtifactError: It ended before that.
    """
    command = [sys.executable, "-m", "trainer", "serve", "--model", str(model), "--port", "0", "--reload-seconds", "0"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        port = _wait_for_port(process)
        asyncio.run(run_clients(port, [text], 1, 1e-6))
        yield Served(process.pid, port, time.perf_counter() - began)
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _wait_for_port(process: subprocess.Popen[str]) -> int:
    told: list[str] = []
    for line in process.stderr or ():
        told.append(line)
        if match := re.search(r"running on http://[^:]+:(\d+)", line):
            return int(match.group(1))
    raise ArtifactError(f"the server did not start: {''.join(told)[-500:]}")


def read_resident(process: int, entry: str = "VmRSS") -> float:
    """Resident memory of a process in megabytes (Linux): now, or ``VmHWM``, the most so far."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    return int(status.partition(f"{entry}:")[2].split()[0]) * 1024 / _MEGABYTE


if __name__ == "__main__":
    typer.run(measure)
