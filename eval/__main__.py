"""The judge's command line: ``python -m eval models/RUN``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from eval.suite import Options, run_suite
from trainer.core.errors import TrainerError

USAGE_ERROR, GATE_FAILED = 2, 1


def parse_options(arguments: list[str] | None = None) -> Options:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="python -m eval", description="Judge a run on the held-out gold set.")
    parser.add_argument("run", type=Path, help="run directory, such as models/compact")
    parser.add_argument("--out", type=Path, help="where the report goes (default eval/reports/RUN)")
    parser.add_argument("--gold", type=Path, nargs="+", default=[], help="other gold files: .json, .jsonl or .conll")
    parser.add_argument("--no-gates", action="store_true", help="report the gates, but exit with 0 whatever they say")
    parser.add_argument("--no-behaviour", action="store_true", help="leave the perturbed texts out (a few seconds)")
    parser.add_argument("--unchecked", action="store_true", help="judge even where training texts cannot be compared")
    parser.add_argument("--summary", type=Path, help="also write a few numbers and plots there, for DVC")
    parser.add_argument("--runtime", default="auto", help="auto, onnx, openvino or torch")
    parser.add_argument("--precision", default="auto", help="auto, int8 or float32")
    given = parser.parse_args(arguments)
    return Options(
        run=given.run,
        out=given.out,
        gold=tuple(given.gold),
        unchecked=given.unchecked,
        gates=not given.no_gates,
        behaviour=not given.no_behaviour,
        summary=given.summary,
        runtime=given.runtime,
        precision=given.precision,
    )


def main(arguments: list[str] | None = None) -> int:
    """Judge, print the table, and return the exit code: 0, 1 below a gate, 2 for a fault of the input."""
    options = parse_options(arguments)
    started = time.perf_counter()
    try:
        outcome = run_suite(options)
    except TrainerError as error:
        print(f"error: {error.describe()}", file=sys.stderr)
        return USAGE_ERROR
    outcome.show(time.perf_counter() - started)
    return GATE_FAILED if options.gates and outcome.failed_gates else 0


if __name__ == "__main__":
    sys.exit(main())
