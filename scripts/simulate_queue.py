r"""Does the labelling queue beat random order? A simulation on the articles that ship (see docs/queue.md).

A learner starts from 20 random training articles; more are added at a time, chosen by a strategy
with the model just fitted; after each step it is scored on the fixed dev articles. The gold is
not read. Writes docs/results/queue*.json and docs/images/queue*.png; finished fits are kept in
.cache/, so that the same command goes on where it stopped.

    nice python scripts/simulate_queue.py
    nice python scripts/simulate_queue.py --learner compact --seeds 3 --sizes 20 60 100 \
        --strategies random both both/articles --processes 2

A strategy may name what annotating costs (``annotations queue --effort``): ``both/articles``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from queue_learners import CrfLearner, EncoderLearner, Fitted, Learner

from trainer.annotation.corpus import load_corpus
from trainer.annotation.queue import Candidate, measure_uncertainty, order_queue
from trainer.annotation.split import load_split, split_corpus
from trainer.annotation.strategy import Effort, Strategy
from trainer.core.files import write_json
from trainer.core.metrics import Counts, count_matches, total
from trainer.core.paths import default_schema_path, repository_directory
from trainer.core.schema import load_schema
from trainer.core.types import Article
from trainer.core.words import split_words
from trainer.runtime.tagging import Floats

ROOT = repository_directory()
Curve = list[dict[str, Any]]
_RESAMPLES = 500


@dataclass(frozen=True, slots=True)
class Order:
    """What chooses the next articles.

    Attributes:
        name: As on the command line: ``strategy`` or ``strategy/effort``.
    """

    name: str

    @property
    def strategy(self) -> Strategy:
        """What it heeds."""
        return Strategy(self.name.partition("/")[0])

    @property
    def effort(self) -> Effort:
        """What it takes annotating to cost."""
        return Effort(self.name.partition("/")[2] or Effort.WORDS.value)


class Simulation:
    """One learner on the pool of training articles, scored on dev; finished points are kept and not computed again."""

    def __init__(self, learner: str, sizes: Sequence[int], cache: Path) -> None:
        schema = load_schema(default_schema_path())
        corpus = load_corpus([ROOT / "data" / "annotations"], schema)
        self.pool, self.dev = split_corpus(corpus, load_split(ROOT / "data" / "split.json"))
        self.words = {article.id: len(split_words(article.text)) for article in self.pool}
        self.learner: Learner = (
            CrfLearner(schema, self.pool, self.dev) if learner == "crf" else EncoderLearner(schema, self.dev)
        )
        self.data = corpus.hash
        self._first_fits: dict[int, Fitted] = {}
        self.sizes = tuple(sizes)
        learner += f"-{self.learner.fingerprint}" if self.learner.fingerprint else ""
        self.cache = cache / f"{learner}-{corpus.hash[:12]}-{'-'.join(map(str, self.sizes))}"

    def run(self, order: Order, seed: int) -> Curve:
        """The learning curve of an order: articles, words and dev counts at each size.

        Args:
            order: What chooses the next articles; the first are drawn at random, for every order the same.
            seed: Of the first articles, of random order and of the fit.
        """
        sizes, path = self.sizes, self.cache / f"{order.name.replace('/', '-')}-{seed}.json"
        state: dict[str, Any] = {"chosen": self._first(seed, sizes[0]), "curve": []}
        if path.is_file():
            state = json.loads(path.read_text())
        by_id = {article.id: article for article in self.pool}
        while len(state["curve"]) < len(sizes):
            place = len(state["curve"])
            labelled = [by_id[identifier] for identifier in state["chosen"]]
            fitted = self._fit(labelled, seed)
            found = fitted.predict(self.dev)
            counts = [count_matches(article.spans, spans) for article, spans in zip(self.dev, found, strict=True)]
            point: dict[str, Any] = {
                "articles": len(labelled),
                "words": sum(self.words[article.id] for article in labelled),
                "dev": [[c.correct, c.predicted, c.gold] for c in counts],
            }
            if place + 1 < len(sizes):
                state["chosen"] += self._choose(fitted, labelled, order, seed, sizes[place + 1] - len(labelled))
            state["curve"].append(point)
            write_json(path, state)
            print(order.name, seed, point["articles"], point["words"], round(f1(point["dev"]), 4), flush=True)
        return list(state["curve"])

    def _fit(self, labelled: Sequence[Article], seed: int) -> Fitted:
        """All orders start from the same articles, which are learnt once."""
        if len(labelled) > self.sizes[0]:
            return self.learner.fit(labelled, seed)
        if seed not in self._first_fits:
            self._first_fits = {seed: self.learner.fit(labelled, seed)}
        return self._first_fits[seed]

    def _first(self, seed: int, size: int) -> list[str]:
        order = np.random.default_rng(seed).permutation(len(self.pool))
        return [self.pool[index].id for index in order[:size]]

    def _choose(self, fitted: Fitted, labelled: Sequence[Article], order: Order, seed: int, count: int) -> list[str]:
        done = {article.id for article in labelled}
        waiting = [article for article in self.pool if article.id not in done]
        needs_scores = order.strategy in (Strategy.BOTH, Strategy.UNCERTAINTY)
        nothing = np.zeros((0, 1), dtype=np.float32)
        scores: Sequence[Floats] = fitted.score(waiting) if needs_scores else [nothing] * len(waiting)
        candidates = [
            Candidate(article.id, article.text, self.words[article.id], measure_uncertainty(rows))
            for article, rows in zip(waiting, scores, strict=True)
        ]
        texts = [article.text for article in labelled]
        queue = order_queue(candidates, texts, order.strategy, seed * 1000 + len(labelled), count, order.effort)
        return [queued.article for queued in queue]


def f1(dev: Sequence[Sequence[int]]) -> float:
    """Micro F1 of rows (correct, predicted, gold)."""
    return total(Counts(*row) for row in dev).f1


def area_between(curve: Curve, other: Curve, axis: str) -> float:
    """Mean height of one curve above the other, in F1 points, over the stretch that both cover."""
    x, y = [p[axis] for p in curve], [100 * f1(p["dev"]) for p in curve]
    ox, oy = [p[axis] for p in other], [100 * f1(p["dev"]) for p in other]
    grid = np.linspace(max(x[0], ox[0]), min(x[-1], ox[-1]), 200)
    return float(np.mean(np.interp(grid, x, y) - np.interp(grid, ox, oy)))


def bootstrap_area(pairs: Sequence[tuple[Curve, Curve]], axis: str) -> dict[str, float]:
    """Mean area over seeds, and its 95 % interval with seeds and dev articles resampled together."""
    generator = np.random.default_rng(0)
    dev = len(pairs[0][0][0]["dev"])
    values = []
    for _ in range(_RESAMPLES):
        rows = generator.integers(dev, size=dev)
        seeds = generator.integers(len(pairs), size=len(pairs))
        drawn = [[[{**p, "dev": [p["dev"][row] for row in rows]} for p in c] for c in pairs[seed]] for seed in seeds]
        values.append(np.mean([area_between(curve, other, axis) for curve, other in drawn]))
    low, high = np.quantile(values, [0.025, 0.975])
    mean = np.mean([area_between(curve, other, axis) for curve, other in pairs])
    return {"mean": float(mean), "low": float(low), "high": float(high)}


def plot(curves: dict[str, list[Curve]], path: Path) -> None:
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


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learner", choices=("crf", "compact"), default="crf")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(range(20, 101, 10)), help="annotated articles")
    parser.add_argument(
        "--strategies", nargs="+", default=["random", "both", "both/articles", "uncertainty", "diversity"]
    )
    parser.add_argument("--processes", type=int, default=1, help="seeds computed side by side")
    return parser.parse_args()


def run_seed(arguments: argparse.Namespace, seed: int) -> list[Curve]:
    """The curves of all orders, in a process of its own."""
    simulation = Simulation(arguments.learner, arguments.sizes, ROOT / ".cache" / "queue-simulation")
    return [simulation.run(Order(name), seed) for name in arguments.strategies]


def main() -> None:
    """Run what is missing, then write the figures."""
    arguments = parse_arguments()
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
        finished = list(pool.map(run_seed, repeat(arguments), range(arguments.seeds)))
    curves = dict(zip(arguments.strategies, map(list, zip(*finished, strict=True)), strict=True))
    simulation = Simulation(arguments.learner, arguments.sizes, Path())
    areas: dict[str, dict[str, dict[str, float]]] = {}
    for name, runs in curves.items():
        pairs = list(zip(runs, curves["random"], strict=True))
        if name != "random":
            areas[name] = {axis: bootstrap_area(pairs, axis) for axis in ("articles", "words")}
    summary = {
        name: [[{"articles": p["articles"], "words": p["words"], "f1": f1(p["dev"])} for p in run] for run in runs]
        for name, runs in curves.items()
    }
    suffix = "" if arguments.learner == "crf" else f"-{arguments.learner}"
    write_json(
        ROOT / "docs" / "results" / f"queue{suffix}.json",
        {
            "learner": simulation.learner.settings,
            "data": simulation.data,
            "dev_articles": len(simulation.dev),
            "area_over_random_in_f1_points": areas,
            "curves": summary,
        },
    )
    plot(curves, ROOT / "docs" / "images" / f"queue{suffix}.png")
    print(json.dumps(areas, indent=1))


if __name__ == "__main__":
    main()
