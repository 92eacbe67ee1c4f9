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

from trainer.core.files import write_json
from trainer.core.words import split_words
from trainer.learning.speed_spans import Marks, join_plainly

PIPELINE, REFERENCE = "pipeline", "onnx float32"
KINDS = ("sentences", "articles")
_WARM_UP = 16
_STRIDE = 32  # tokens of overlap between the pipeline's windows; without, it drops what lies beyond 512 tokens
_PEAK_SHAPE = (512, 768, 768)
_PEAK_SECONDS = 3.0

Extract = Callable[[list[str]], Marks]


def measure_row(row: str, run: Path, texts_path: Path, threads: int) -> dict[str, Any]:
    """Words and tokens a second, by the clock and by processor time, on sentences and on articles.

    The spans of the pipeline and of the float32 graph go to files beside the texts, to be compared.
    """
    parts: list[list[str]] = json.loads(texts_path.read_text("utf-8"))
    extract = _pipeline(run, threads) if row == PIPELINE else _ours(row, run, threads)
    result: dict[str, Any] = {}
    found: dict[str, Marks] = {}
    for kind, texts in zip(KINDS, parts, strict=True):
        extract(texts[:_WARM_UP])
        wall, processor = time.perf_counter(), time.process_time()
        found[kind] = extract(texts)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        words, tokens = _size(run, texts)
        result[kind] = {
            "words_a_wall_second": words / wall,
            "words_a_cpu_second": words / processor,
            "tokens_a_wall_second": tokens / wall,
        }
    result["peak_megabytes"] = _peak_megabytes()
    if row in (PIPELINE, REFERENCE):
        write_json(texts_path.with_name(f"{row}.json"), found)
    if row == REFERENCE:
        write_json(texts_path.with_name("joined plainly.json"), {KINDS[0]: _join_plainly(run, parts[0], threads)})
    return result


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

    def extract(texts: list[str]) -> Marks:
        with torch.inference_mode():
            rows = tag(texts, batch_size=16)
        return [[(int(span["start"]), int(span["end"]), str(span["entity_group"])) for span in row] for row in rows]

    return extract


def _ours(row: str, run: Path, threads: int) -> Extract:
    from trainer.runtime.model import load_model

    runtime, precision = row.split()
    model = load_model(run, runtime, precision, threads)

    def extract(texts: list[str]) -> Marks:
        return [[(span.start, span.end, span.label) for span in result.spans] for result in model.predict(texts)]

    return extract


def _join_plainly(run: Path, texts: Sequence[str], threads: int) -> Marks:
    from trainer.runtime.model import load_model

    runtime, precision = REFERENCE.split()
    model = load_model(run, runtime, precision, threads)
    return [join_plainly(reading, logits, model.checkpoint.schema.tags) for reading, logits in model.score(texts)]


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


def measure_peak(threads: int, precision: str) -> float:
    """Billions of operations a second of ONNX Runtime's matrix product, the best of some seconds.

    Args:
        threads: Threads of the product.
        precision: ``int8`` (unsigned times signed) or ``float32``.
    """
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    rows, inner, columns = _PEAK_SHAPE
    draw = np.random.default_rng(0)
    if precision == "int8":
        operator, kinds = "MatMulInteger", (TensorProto.UINT8, TensorProto.INT32)
        weights: Any = draw.integers(-64, 64, (inner, columns)).astype(np.int8)
        activations: Any = np.full((rows, inner), 100, np.uint8)
    else:
        operator, kinds = "MatMul", (TensorProto.FLOAT, TensorProto.FLOAT)
        weights = draw.normal(size=(inner, columns)).astype(np.float32)
        activations = draw.normal(size=(rows, inner)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node(operator, ["a", "b"], ["y"])],
        "peak",
        [helper.make_tensor_value_info("a", kinds[0], [rows, inner])],
        [helper.make_tensor_value_info("y", kinds[1], [rows, columns])],
        [numpy_helper.from_array(weights, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    best, end = float("inf"), time.perf_counter() + _PEAK_SECONDS
    while (started := time.perf_counter()) < end:
        session.run(None, {"a": activations})
        best = min(best, time.perf_counter() - started)
    return 2 * rows * inner * columns / best / 1e9


def main() -> None:
    """Print one row as JSON."""
    row, run, texts, threads = sys.argv[1:]
    print(json.dumps(measure_row(row, Path(run), Path(texts), int(threads))))


if __name__ == "__main__":
    main()
