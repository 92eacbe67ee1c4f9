#!/usr/bin/env python
"""What the compact encoder is worth: trains, judges and tabulates; docs/encoder.md's tables come from it.

    python scripts/encoder_results.py --seeds 5 --anercorp DIR --real-news FILE --rung "static vectors only=DIR"

Runs that are complete are not trained again, reports that are newer than their run are not judged again, so the
command can be stopped and given again. Figures go to docs/results/encoder.json; what a call leaves out keeps the
figures of the call before.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from safetensors import safe_open

from trainer.core.files import write_json, write_text

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "results" / "encoder.json"
PAGES = (ROOT / "docs" / "encoder.md", ROOT / "README.md")
NO_EVENTS = ("event_head.enabled=false",)
RANDOM = ("model.encoder=null",)
PLAIN = "CRF without word clusters"
WITHOUT_CLUSTERS = "model.crf.clusters=null"
WITHOUT_DEV = "data.use_dev_for_training=false"
TOGETHER = "ensemble of CRF and compact encoder"
ANERCORP = ("training.epochs=10", "training.patience=5", "training.spelling_noise=0", "training.conjunction_noise=0")
LADDER_EPOCHS = 4
TRIED = ("learning_rate", "batch_tokens", "warmup", "gradient_clip", "dropout", "epochs")
SPEED = ROOT / "docs" / "results" / "bench.json"
GRAPHS = {"onnx float32": "model.onnx", "onnx int8": "model.int8.onnx"}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """One training run and where it is judged.

    Attributes:
        name: Its directory under models/.
        group: Runs of one group differ by their seed alone.
        experiment: File of configs/exp.
        overrides: Of its configuration.
        members: Runs that it is an ensemble of; it is then not trained but made of them.
    """

    name: str
    group: str
    experiment: str
    overrides: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def directory(self) -> Path:
        """Where it lies."""
        return ROOT / "models" / self.name


def own_runs(seeds: int, random_seeds: int, overrides: tuple[str, ...] = ()) -> list[Run]:
    """On the annotated articles that ship; overrides are those of the encoder's runs."""
    runs = [
        Run("table-crf-plain", PLAIN, "crf", (*NO_EVENTS, WITHOUT_CLUSTERS)),
        Run("table-crf", "CRF", "crf", NO_EVENTS),
    ]
    for seed in range(1, random_seeds + 1):
        runs.append(Run(f"table-random-{seed}", "random weights", "compact", (*NO_EVENTS, *RANDOM, f"seed={seed}")))
    for seed in range(1, seeds + 1):
        settings = (*NO_EVENTS, *overrides, f"seed={seed}")
        runs.append(Run(f"table-compact-{seed}", "compact encoder", "compact", settings))
    runs.append(Run("table-crf-without-dev", "", "crf", (*NO_EVENTS, WITHOUT_DEV)))
    for seed in range(1, seeds + 1):
        members = (f"table-compact-{seed}", "table-crf-without-dev")
        runs.append(Run(f"table-ensemble-{seed}", TOGETHER, "", members=members))
    return runs


def anercorp_runs(folder: Path, seeds: int, random_weights: bool) -> list[Run]:
    """On ANERcorp's training half; its dev articles are drawn from it by hash."""
    data = (
        f"data.annotations=[{folder / 'train.conll'}]", "data.split=null", "data.gold_manifest=null",
        "data.schema=null", *NO_EVENTS,
    )  # fmt: skip
    runs = [
        Run("anercorp-crf-plain", PLAIN, "crf", (*data, WITHOUT_CLUSTERS)),
        Run("anercorp-crf", "CRF", "crf", data),
    ]
    if random_weights:
        runs.append(Run("anercorp-random-1", "random weights", "compact", (*RANDOM, *data, *ANERCORP, "seed=1")))
    for seed in range(1, seeds + 1):
        settings = (*data, *ANERCORP, f"seed={seed}")
        runs.append(Run(f"anercorp-compact-{seed}", "compact encoder", "compact", settings))
    runs.append(Run("anercorp-crf-without-dev", "", "crf", (*data, WITHOUT_DEV)))
    for seed in range(1, seeds + 1):
        members = (f"anercorp-compact-{seed}", "anercorp-crf-without-dev")
        runs.append(Run(f"anercorp-ensemble-{seed}", TOGETHER, "", members=members))
    return runs


def measure_distillation(pairs: list[str]) -> list[Row]:
    """Finished students beside a run of the same encoder and settings that had no teacher."""
    runs = [Run(name, label, "distil") for label, _, name in (pair.partition("=") for pair in pairs)]
    return [describe_group([run], {"gold": [judge(run, "gold", None)]}) for run in runs]


def train_runs(runs: list[Run], jobs: int) -> None:
    """Trains what is not complete, some at a time, each on its share of the cores."""
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda run: _train(run, jobs), [run for run in runs if not run.members]))
        list(pool.map(_combine, [run for run in runs if run.members]))


def _combine(run: Run) -> None:
    """An ensemble that is older than one of its members is made anew."""
    sealed = run.directory / "provenance.json"
    members = [ROOT / "models" / member for member in run.members]
    newest = max((member / "provenance.json").stat().st_mtime for member in members)
    if not sealed.is_file() or sealed.stat().st_mtime < newest:
        shutil.rmtree(run.directory, ignore_errors=True)
        _call(["-m", "trainer", "ensemble", *map(str, members), "--name", run.name], _log(run), 1)


def _log(run: Run) -> Path:
    return ROOT / "models" / f"{run.name}.log"


def _train(run: Run, jobs: int) -> None:
    command = ["-m", "trainer", "train", f"+exp={run.experiment}", f"name={run.name}", *run.overrides]
    _call(command, _log(run), jobs)


def _call(command: list[str], log: Path, jobs: int) -> None:
    threads = max(1, (os.cpu_count() or 1) // jobs)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as output:
        code = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False
        ).returncode
    if code:
        raise SystemExit(f"exit code {code}: python {' '.join(command)}\n  see {log}")


def judge(run: Run, kind: str, gold: Path | None) -> Row:
    """The judge's report on a run, made where it is missing or older than the run."""
    folder = ROOT / "eval" / "reports" / f"{run.name}@{kind}"
    report = folder / "metrics.json"
    sealed = (run.directory / "provenance.json").stat().st_mtime
    if not report.is_file() or report.stat().st_mtime < sealed:
        other = [] if gold is None else ["--gold", str(gold), "--unchecked"]
        command = ["-m", "eval", str(run.directory), "--out", str(folder), "--no-behaviour", "--no-gates", *other]
        _call(command, _log(run), 1)
    read: Row = json.loads(report.read_text(encoding="utf-8"))
    return read


def describe_group(runs: list[Run], reports: dict[str, list[Row]]) -> Row:
    """Mean and deviation over the seeds of a group, on dev and on each kind of gold."""
    trained = [json.loads((run.directory / "metrics.json").read_text(encoding="utf-8")) for run in runs]
    row: Row = {"group": runs[0].group, "seeds": len(runs), "dev": _spread([m["dev"]["strict"]["f1"] for m in trained])}
    for kind, judged in reports.items():
        row[kind] = _spread([report["strict"]["f1"] for report in judged])
        row[f"{kind} by label"] = {
            label: statistics.mean(report["labels"][label]["f1"] for report in judged) for label in judged[0]["labels"]
        }
    if "gold" in reports:
        for source in ("synthetic", "real"):
            row[source] = _spread([report["sources"][source]["strict"]["f1"] for report in reports["gold"]])
    row["bytes"] = reports[next(iter(reports))][0]["run"]["bytes"]
    row["commits"] = sorted({str(m["run"]["commit"]["sha"]) for kind in reports.values() for m in kind})
    return row


def _spread(values: list[float]) -> Row:
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.mean(values), "deviation": deviation, "values": values}


def measure_table(runs: list[Run], golds: dict[str, Path | None], jobs: int) -> list[Row]:
    """Trains and judges; a row for each group."""
    train_runs(runs, jobs)
    rows = []
    for group in dict.fromkeys(run.group for run in runs if run.group):
        members = [run for run in runs if run.group == group]
        reports = {kind: [judge(run, kind, gold) for run in members] for kind, gold in golds.items()}
        rows.append(describe_group(members, reports))
    return rows


def measure_ladder(rungs: list[str], jobs: int) -> list[Row]:
    """Dev strict F1 of short trainings from several encoders, with what their provenance says of their making."""
    parsed = [(label, Path(folder)) for label, _, folder in (rung.partition("=") for rung in rungs)]
    runs = []
    for label, folder in parsed:
        slug = re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-").lower()
        start = RANDOM if folder == Path("random") else (f"model.encoder={folder}",)
        short = (f"training.epochs={LADDER_EPOCHS}", "training.word_masking=0", *NO_EVENTS, *start)
        runs.append(Run(f"ladder-{slug}", label, "compact", short))
    train_runs(runs, jobs)
    rows = []
    for run, (label, folder) in zip(runs, parsed, strict=True):
        metrics = json.loads((run.directory / "metrics.json").read_text(encoding="utf-8"))
        made = folder / "provenance.json"
        facts = json.loads(made.read_text(encoding="utf-8")) if made.is_file() else {}
        rows.append({"encoder": label, "dev": metrics["dev"]["strict"]["f1"], "made": _pick_facts(facts)})
    return rows


def _pick_facts(facts: Row) -> Row:
    seen, held_out = facts.get("seen", {}), facts.get("held_out", {})
    return {**seen, "held_out_loss": held_out.get("loss"), "held_out_accuracy": held_out.get("accuracy")}


def read_tried(pairs: list[str]) -> list[Row]:
    """Dev strict F1 of finished runs of other settings."""
    rows = []
    for label, _, name in (pair.partition("=") for pair in pairs):
        run = ROOT / "models" / name
        provenance = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
        configuration = provenance["configuration"]
        kept = {key: configuration["training"][key] for key in TRIED}
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        facts = {"run": label, "articles": len(provenance["data"]["train"]), "seed": configuration["seed"]}
        rows.append({**facts, **kept, "dev": metrics["dev"]["strict"]["f1"]})
    return rows


def tried_table(rows: list[Row]) -> str:
    """Settings of fine-tuning."""
    lines = [
        [
            row["run"],
            str(row["articles"]),
            f"{row['learning_rate']:.0e}".replace("e-0", "e-"),
            *(f"{row[key]:g}" for key in TRIED[1:]),
            str(row["seed"]),
            _percent(row["dev"]),
        ]
        for row in rows
    ]
    heads = ["run", "articles", "rate", "batch", "warm-up", "clip", "dropout", "epochs", "seed", "dev"]
    return _table(heads, lines)


def measure_shapes(folder: Path) -> list[Row]:
    """Size of the shapes that the speed benchmark kept with ``--work``, and the speed that it measured."""
    measured = json.loads(SPEED.read_text(encoding="utf-8"))["shapes"]
    rows = []
    for shape, found in measured.items():
        run = folder / shape
        if not run.is_dir():
            continue  # benchmarked at another time: its row stays
        sentences, words = found["texts"][0], found["words"][0]
        rows.append(
            {
                "shape": shape,
                "parameters": _count_parameters(run / "model.safetensors"),
                "bytes": {name: (run / "onnx" / file).stat().st_size for name, file in GRAPHS.items()},
                "sentences_a_second": {
                    name: row["sentences"]["words_a_wall_second"] * sentences / words
                    for name, row in found["rows"].items()
                    if name in ("pipeline", *GRAPHS)
                },
            }
        )
    return rows


def _count_parameters(weights: Path) -> int:
    with safe_open(weights, framework="np") as tensors:
        names = tensors.keys()
        return sum(math.prod(tensors.get_slice(name).get_shape()) for name in names)


def shapes_table(rows: list[Row]) -> str:
    """Size and speed of shapes."""
    paths = ("pipeline", *GRAPHS)
    heads = ["shape", "parameters", *(f"{name}, file" for name in GRAPHS), *(f"{name}, sentences/s" for name in paths)]
    return _table(
        heads,
        [
            [
                row["shape"], f"{row['parameters'] / 1e6:.1f} M",
                *(f"{row['bytes'][name] / 1e6:.0f} MB" for name in GRAPHS),
                *(f"{row['sentences_a_second'][name]:.0f}" for name in paths),
            ]
            for row in rows
        ],
    )  # fmt: skip


def pick_history(path: Path, most: int = 10) -> list[Row]:
    """Measurements of a pretraining run, evenly spaced, the last one included."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    measured = [line for line in lines if line["held_out_accuracy"] is not None]
    step = max(1, -(-len(measured) // most))
    kept = measured[::-1][::step][::-1]
    names = ("step", "tokens", "seconds", "rate", "held_out_loss", "held_out_accuracy")
    return [{name: line[name] for name in names} for line in kept]


def read_probes(probes: list[str]) -> list[Row]:
    """Where short pretraining runs ended, by the last line of their logs."""
    parsed = [(label, Path(path)) for label, _, path in (probe.partition("=") for probe in probes)]
    return [{"run": label, **pick_history(path, 1)[-1]} for label, path in parsed]


def probe_table(rows: list[Row]) -> str:
    """How short pretraining runs ended."""
    heads = ["run", "tokens seen", "steps", "held-out loss", "held-out accuracy"]
    return _table(
        heads,
        [
            [
                row["run"], f"{row['tokens'] / 1e6:.2f} M", f"{row['step']:,}", f"{row['held_out_loss']:.2f}",
                f"{_percent(row['held_out_accuracy'])} %",
            ]
            for row in rows
        ],
    )  # fmt: skip


def run_table(rows: list[Row]) -> str:
    """How a pretraining run went."""
    heads = ["tokens seen", "steps", "minutes", "held-out loss", "held-out accuracy"]
    return _table(
        heads,
        [
            [
                f"{row['tokens'] / 1e6:.2f} M", f"{row['step']:,}", f"{row['seconds'] / 60:.1f}",
                f"{row['held_out_loss']:.2f}", f"{_percent(row['held_out_accuracy'])} %",
            ]
            for row in rows
        ],
    )  # fmt: skip


def own_table(rows: list[Row]) -> str:
    """Scores on the articles that ship."""
    kinds = [kind for kind in ("dev", "gold", "synthetic", "real", "real-news") if all(kind in row for row in rows)]
    names = {"gold": "gold, all", "synthetic": "gold, synthetic", "real": "seed article", "real-news": "real news"}
    heads = ["trained from", "seeds", *(names.get(kind, kind) for kind in kinds)]
    return _table(heads, [[row["group"], str(row["seeds"]), *(_cell(row[kind]) for kind in kinds)] for row in rows])


def anercorp_table(rows: list[Row]) -> str:
    """Scores on ANERcorp."""
    labels = list(rows[0]["test by label"])
    heads = ["trained from", "seeds", "dev", "test", *labels]
    return _table(
        heads,
        [
            [
                row["group"], str(row["seeds"]), _cell(row["dev"]), _cell(row["test"]),
                *(_percent(row["test by label"][label]) for label in labels),
            ]
            for row in rows
        ],
    )  # fmt: skip


def ladder_table(rows: list[Row]) -> str:
    """What was tried."""
    lines = []
    for row in rows:
        made = row["made"]
        tokens, accuracy = made.get("tokens"), made.get("held_out_accuracy")
        seen = "" if tokens is None else f"{tokens / 1e6:.2f} M"
        lines.append(
            [row["encoder"], seen, "" if accuracy is None else f"{_percent(accuracy)} %", _percent(row["dev"])]
        )
    return _table(["encoder", "tokens seen", "held-out accuracy", f"dev, {LADDER_EPOCHS} epochs"], lines)


TABLES = {
    "run": run_table,
    "run-processors": run_table,
    "probes": probe_table,
    "own": own_table,
    "anercorp": anercorp_table,
    "ladder": ladder_table,
    "tried": tried_table,
    "shapes": shapes_table,
    "distillation": own_table,
}


def write_pages(figures: Row) -> None:
    """Fills the blocks ``<!-- results:NAME -->`` of the pages."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for name, render in TABLES.items():
            if figures.get(name):
                pattern = re.compile(rf"(<!-- results:{name} -->\n).*?(<!-- /results -->)", re.DOTALL)
                text = pattern.sub(partial(_fill, render(figures[name])), text)
        write_text(page, text)


def _fill(table: str, match: re.Match[str]) -> str:
    return f"{match[1]}{table}\n{match[2]}"


def _cell(spread: Row) -> str:
    mean = f"**{_percent(spread['mean'])}**" if spread["deviation"] is not None else _percent(spread["mean"])
    return mean if spread["deviation"] is None else f"{mean} ± {_percent(spread['deviation'])}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _renew(known: list[Row], measured: list[Row], key: str) -> list[Row]:
    """Rows of earlier calls, then those of this one; what was measured again takes the place of what was known."""
    names = {row[key] for row in measured}
    return [row for row in known if row[key] not in names] + measured


def main() -> None:
    """Measure what is asked for, keep the rest, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=0, help="seeds of random weights and compact on our articles")
    parser.add_argument(
        "--random-seeds", type=int, help="seeds of random weights, where they shall be fewer; 0 keeps known rows"
    )
    parser.add_argument("--override", action="append", default=[], metavar="KEY=VALUE", help="of compact's settings")
    parser.add_argument("--real-news", type=Path, help="annotated real articles to judge on as well")
    parser.add_argument("--anercorp", type=Path, help="folder with train.conll and test.conll")
    parser.add_argument("--anercorp-seeds", type=int, default=1)
    parser.add_argument("--distilled", action="append", default=[], metavar="LABEL=RUN", help="finished runs")
    parser.add_argument("--probe", action="append", default=[], metavar="LABEL=HISTORY", help="short pretraining runs")
    parser.add_argument("--rung", action="append", default=[], metavar="LABEL=DIRECTORY", help="encoder to compare")
    parser.add_argument(
        "--tried", action="append", default=[], metavar="LABEL=RUN", help="finished runs, other settings"
    )
    parser.add_argument("--shapes", type=Path, help="what the speed benchmark kept with --work")
    parser.add_argument("--history", type=Path, help="history.jsonl of the pretraining run")
    parser.add_argument("--history-processors", type=Path, help="that of the run on processors before it")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    arguments = parser.parse_args()
    figures: Row = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.is_file() else {}
    if arguments.history:
        figures["run"] = pick_history(arguments.history)
        write_json(FIGURES, figures)
    if arguments.history_processors:
        figures["run-processors"] = pick_history(arguments.history_processors)
        write_json(FIGURES, figures)
    if arguments.probe:
        figures["probes"] = _renew(figures.get("probes", []), read_probes(arguments.probe), "run")
        write_json(FIGURES, figures)
    if arguments.rung:
        rungs = measure_ladder(arguments.rung, arguments.jobs)
        figures["ladder"] = _renew(figures.get("ladder", []), rungs, "encoder")
        write_json(FIGURES, figures)
    if arguments.seeds:
        golds: dict[str, Path | None] = {"gold": None}
        if arguments.real_news:
            golds["real-news"] = arguments.real_news
        random_seeds = arguments.seeds if arguments.random_seeds is None else arguments.random_seeds
        rows = measure_table(own_runs(arguments.seeds, random_seeds, tuple(arguments.override)), golds, arguments.jobs)
        figures["own"] = _renew(figures.get("own", []), rows, "group")
        write_json(FIGURES, figures)
    if arguments.anercorp:
        runs = anercorp_runs(arguments.anercorp, arguments.anercorp_seeds, arguments.random_seeds != 0)
        rows = measure_table(runs, {"test": arguments.anercorp / "test.conll"}, arguments.jobs)
        figures["anercorp"] = _renew(figures.get("anercorp", []), rows, "group")
        write_json(FIGURES, figures)
    if arguments.tried:
        figures["tried"] = read_tried(arguments.tried)
        write_json(FIGURES, figures)
    if arguments.shapes:
        figures["shapes"] = _renew(figures.get("shapes", []), measure_shapes(arguments.shapes), "shape")
        write_json(FIGURES, figures)
    if arguments.distilled:
        figures["distillation"] = measure_distillation(arguments.distilled)
        write_json(FIGURES, figures)
    write_pages(figures)


if __name__ == "__main__":
    main()
