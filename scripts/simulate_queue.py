"""Does the labelling queue beat random order? A simulation on the articles that ship (see docs/queue.md).

A CRF starts from 20 random training articles; 10 more are added at a time, chosen by a strategy
with the model just fitted; after each step it is scored on the fixed dev articles. The gold is
not read. Writes docs/results/queue.json and docs/images/queue.png; finished fits are kept in
.cache/, so that the same command goes on where it stopped.

    nice python scripts/simulate_queue.py --seeds 5
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pycrfsuite

from trainer.annotation.corpus import load_corpus
from trainer.annotation.queue import Candidate, Strategy, measure_uncertainty, order_queue
from trainer.annotation.split import load_split, split_corpus
from trainer.core.files import write_json
from trainer.core.metrics import Counts, count_matches, total
from trainer.core.normalisation import Normalisation
from trainer.core.paths import default_schema_path, repository_directory
from trainer.core.schema import load_schema
from trainer.core.types import Article
from trainer.learning.crf import iterate_paragraphs
from trainer.runtime.crf import CrfScorer, read_words
from trainer.runtime.reading import ReadingSettings
from trainer.runtime.tagging import decode_spans

ROOT = repository_directory()
START, STEP = 20, 10
_ITERATIONS, _C1, _C2 = 40, 0.05, 0.01
_FOLDED = Normalisation(fold_alef=True, fold_ya=True, fold_ta_marbuta=True, lowercase=True)  # configs/model/crf.yaml
_RESAMPLES = 2000


class Simulation:
    """Pool, dev and the cached features of both."""

    def __init__(self, cache: Path) -> None:
        self.schema = load_schema(default_schema_path())
        corpus = load_corpus([ROOT / "data" / "annotations"], self.schema)
        self.pool, self.dev = split_corpus(corpus, load_split(ROOT / "data" / "split.json"))
        self.settings = ReadingSettings(_FOLDED)
        self.readings = {article.id: read_words(article.text, self.settings) for article in (*self.pool, *self.dev)}
        self.examples = {article.id: list(iterate_paragraphs(article, self.settings)) for article in self.pool}
        self.cache = cache

    def run(self, strategy: Strategy, seed: int, last: int) -> list[dict[str, Any]]:
        """The learning curve of one strategy and seed: articles, words and strict dev F1 at each step."""
        path = self.cache / f"{strategy.value}-{seed}.json"
        state = json.loads(path.read_text()) if path.is_file() else {"chosen": self._first(seed), "curve": []}
        by_id = {article.id: article for article in self.pool}
        while not state["curve"] or state["curve"][-1]["articles"] < last:
            labelled = [by_id[identifier] for identifier in state["chosen"]]
            with tempfile.TemporaryDirectory() as directory:
                scorer = self._fit(labelled, Path(directory) / "crf")
                point = {
                    "articles": len(labelled),
                    "words": sum(len(self.readings[article.id].words) for article in labelled),
                    "dev": [[c.correct, c.predicted, c.gold] for c in self._score(scorer)],
                }
                state["chosen"] += self._choose(scorer, labelled, strategy, seed)
            state["curve"].append(point)
            write_json(path, state)
            print(strategy.value, seed, point["articles"], point["words"], round(f1(point["dev"]), 4), flush=True)
        return list(state["curve"])

    def _first(self, seed: int) -> list[str]:
        order = np.random.default_rng(seed).permutation(len(self.pool))
        return [self.pool[index].id for index in order[:START]]

    def _fit(self, labelled: Sequence[Article], path: Path) -> CrfScorer:
        trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
        trainer.set_params({"c1": _C1, "c2": _C2, "max_iterations": _ITERATIONS})
        trainer.set("feature.possible_transitions", True)
        for article in labelled:
            for features, tags in self.examples[article.id]:
                trainer.append(features, tags)
        trainer.train(str(path))
        return CrfScorer(path, self.schema.tags)

    def _score(self, scorer: CrfScorer) -> list[Counts]:
        readings = [self.readings[article.id] for article in self.dev]
        scores = scorer.score_readings(readings)
        spans = [decode_spans(reading, rows, self.schema.tags) for reading, rows in zip(readings, scores, strict=True)]
        return [count_matches(article.spans, found) for article, found in zip(self.dev, spans, strict=True)]

    def _choose(self, scorer: CrfScorer, labelled: Sequence[Article], strategy: Strategy, seed: int) -> list[str]:
        done = {article.id for article in labelled}
        waiting = [article for article in self.pool if article.id not in done]
        readings = [self.readings[article.id] for article in waiting]
        needs_scores = strategy in (Strategy.BOTH, Strategy.UNCERTAINTY)
        scores = scorer.score_readings(readings) if needs_scores else [np.zeros((0, 1))] * len(waiting)
        candidates = [
            Candidate(article.id, article.text, len(reading.words), measure_uncertainty(rows))
            for article, reading, rows in zip(waiting, readings, scores, strict=True)
        ]
        queue = order_queue(
            candidates, [article.text for article in labelled], strategy, seed * 1000 + len(labelled), STEP
        )
        return [queued.article for queued in queue]


def f1(dev: Sequence[Sequence[int]]) -> float:
    """Micro F1 of rows (correct, predicted, gold)."""
    return total(Counts(*row) for row in dev).f1


def area_between(curve: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]], axis: str) -> float:
    """Mean height of one curve above the other, in F1 points, over the stretch that both cover."""
    x, y = [p[axis] for p in curve], [100 * f1(p["dev"]) for p in curve]
    ox, oy = [p[axis] for p in other], [100 * f1(p["dev"]) for p in other]
    grid = np.linspace(max(x[0], ox[0]), min(x[-1], ox[-1]), 200)
    return float(np.mean(np.interp(grid, x, y) - np.interp(grid, ox, oy)))


def bootstrap_area(
    pairs: Sequence[tuple[list[dict[str, Any]], list[dict[str, Any]]]], axis: str
) -> tuple[float, float, float]:
    """Mean area over seeds, and its 95 % interval with seeds and dev articles resampled together."""
    generator = np.random.default_rng(0)
    dev = len(pairs[0][0][0]["dev"])
    values = []
    for _ in range(_RESAMPLES // 4):
        rows = generator.integers(dev, size=dev)
        seeds = generator.integers(len(pairs), size=len(pairs))
        drawn = [[[{**p, "dev": [p["dev"][row] for row in rows]} for p in c] for c in pairs[seed]] for seed in seeds]
        values.append(np.mean([area_between(curve, other, axis) for curve, other in drawn]))
    low, high = np.quantile(values, [0.025, 0.975])
    return float(np.mean([area_between(curve, other, axis) for curve, other in pairs])), float(low), float(high)


def plot(curves: dict[str, list[list[dict[str, Any]]]], path: Path) -> None:
    """Mean curve of each strategy with the range over seeds, by articles and by words."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), sharey=True)
    for panel, axis in zip(axes, ("articles", "words"), strict=True):
        for name, runs in curves.items():
            x = np.mean([[p[axis] for p in run] for run in runs], axis=0)
            y = np.array([[100 * f1(p["dev"]) for p in run] for run in runs])
            panel.plot(x, y.mean(axis=0), marker="o", markersize=3, label=name)
            panel.fill_between(x, y.min(axis=0), y.max(axis=0), alpha=0.12)
        panel.set_xlabel(f"{axis} annotated")
        panel.grid(alpha=0.3)
    axes[0].set_ylabel("dev strict F1")
    axes[1].legend()
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Run what is missing, then write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--last", type=int, default=100, help="articles at which a curve ends")
    parser.add_argument("--strategies", nargs="+", default=["random", "both", "uncertainty", "diversity"])
    arguments = parser.parse_args()
    simulation = Simulation(ROOT / ".cache" / "queue-simulation")
    curves: dict[str, list[list[dict[str, Any]]]] = {name: [] for name in arguments.strategies}
    for seed in range(arguments.seeds):
        for name in arguments.strategies:
            curves[name].append(simulation.run(Strategy(name), seed, arguments.last))
    areas = {
        name: {
            axis: dict(
                zip(
                    ("mean", "low", "high"),
                    bootstrap_area(list(zip(runs, curves["random"], strict=True)), axis),
                    strict=True,
                )
            )
            for axis in ("articles", "words")
        }
        for name, runs in curves.items()
        if name != "random"
    }
    summary = {
        name: [[{"articles": p["articles"], "words": p["words"], "f1": f1(p["dev"])} for p in run] for run in runs]
        for name, runs in curves.items()
    }
    write_json(
        ROOT / "docs" / "results" / "queue.json",
        {
            "learner": {"kind": "crf", "iterations": _ITERATIONS, "c1": _C1, "c2": _C2},
            "start": START,
            "step": STEP,
            "dev_articles": len(simulation.dev),
            "area_over_random_in_f1_points": areas,
            "curves": summary,
        },
    )
    plot(curves, ROOT / "docs" / "images" / "queue.png")
    print(json.dumps(areas, indent=1))


if __name__ == "__main__":
    main()
