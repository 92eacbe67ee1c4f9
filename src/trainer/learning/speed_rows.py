"""One row of the speed benchmark in a process of its own: ``python -m trainer.learning.speed_rows ROW RUN TEXTS N``."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainer.core.words import split_words

_WARM_UP = 16
_STRIDE = 32  # tokens of overlap between the pipeline's windows; without, it drops what lies beyond 512 tokens
_PEAK_SHAPE = (512, 768, 768)
_PEAK_TIMES = 60

Extract = Callable[[list[str]], int]
"""Texts to the number of spans found."""


def measure_row(row: str, run: Path, parts: Sequence[list[str]], threads: int) -> dict[str, Any]:
    """Words and tokens a second, by the clock and by processor time, on sentences and on articles."""
    extract = _pipeline(run, threads) if row == "pipeline" else _ours(row, run, threads)
    result: dict[str, Any] = {}
    for kind, texts in zip(("sentences", "articles"), parts, strict=True):
        extract(texts[:_WARM_UP])
        wall, processor = time.perf_counter(), time.process_time()
        spans = extract(texts)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        words, tokens = _size(run, texts)
        result[kind] = {
            "words_a_wall_second": words / wall,
            "words_a_cpu_second": words / processor,
            "tokens_a_wall_second": tokens / wall,
            "spans": spans,
        }
    return {**result, "peak_megabytes": _peak_megabytes()}


def _pipeline(run: Path, threads: int) -> Extract:
    """What most people use: batches of 16 as they come, padded, in float32; a long text in windows, as ours."""
    import torch
    from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(run, model_max_length=512)
    model = AutoModelForTokenClassification.from_pretrained(run).eval()
    tag: Any = pipeline(
        "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="first", stride=_STRIDE
    )

    def extract(texts: list[str]) -> int:
        with torch.inference_mode():
            return sum(len(spans) for spans in tag(texts, batch_size=16))

    return extract


def _ours(row: str, run: Path, threads: int) -> Extract:
    from trainer.runtime.model import load_model

    runtime, precision = row.split()
    model = load_model(run, runtime, precision, threads)

    def extract(texts: list[str]) -> int:
        return sum(len(result.spans) for result in model.predict(texts))

    return extract


def _peak_megabytes() -> float:
    """Most resident memory of this process; getrusage would give its parent's if that is more."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    return int(found.group(1)) / 1024 if found else float("nan")


def _size(run: Path, texts: Sequence[str]) -> tuple[int, int]:
    """Words and tokens of some texts as our windows hold them."""
    from trainer.runtime.checkpoint import load_checkpoint
    from trainer.runtime.reading import load_reader

    reader = load_reader(run, load_checkpoint(run).reading)
    tokens = sum(len(window.ids) for reading in reader.read_texts(texts) for window in reading.windows)
    return sum(len(split_words(text)) for text in texts), tokens


def measure_peak(threads: int) -> float:
    """Billions of operations a second of ONNX Runtime's int8 matrix product, unsigned times signed."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    rows, inner, columns = _PEAK_SHAPE
    weights = np.random.default_rng(0).integers(-64, 64, (inner, columns)).astype(np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["y"])],
        "peak",
        [helper.make_tensor_value_info("a", TensorProto.UINT8, [rows, inner])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [rows, columns])],
        [numpy_helper.from_array(weights, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    activations = {"a": np.full((rows, inner), 100, np.uint8)}
    best = float("inf")
    for _ in range(_PEAK_TIMES):
        started = time.perf_counter()
        session.run(None, activations)
        best = min(best, time.perf_counter() - started)
    return 2 * rows * inner * columns / best / 1e9


def main() -> None:
    """Print one row as JSON."""
    row, run, texts, threads = sys.argv[1:]
    print(json.dumps(measure_row(row, Path(run), json.loads(Path(texts).read_text("utf-8")), int(threads))))


if __name__ == "__main__":
    main()
