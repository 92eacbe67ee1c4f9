"""A dev side that mirrors the whole: chosen once, by features of the articles, with repetitions kept together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from trainer.annotation.corpus import load_corpus
from trainer.annotation.leakage import find_duplicates
from trainer.annotation.split import DEV_SHARE, Split, stable_fraction
from trainer.core.errors import AnnotationError
from trainer.core.schema import EventSchema
from trainer.core.types import Article

_FEATURES = ("style", "country", "topic")


def propose_split(paths: Sequence[Path], schema: EventSchema, dev_share: float = DEV_SHARE) -> Split:
    """A split of annotated articles by file, style, country and topic, repetitions on one side.

    Raises:
        AnnotationError: A file has a fault.
    """
    articles: list[Article] = []
    features: dict[str, tuple[str, ...]] = {}
    for path in paths:
        for article in load_corpus([path], schema).articles:
            if article.id in features:
                raise AnnotationError("two articles share one id", file=path, record=f"article {article.id}")
            values = (f"{key}={article.meta[key]}" for key in _FEATURES if article.meta.get(key) is not None)
            features[article.id] = (f"file={path.stem}", *values)
            articles.append(article)
    duplicates = [(match.article, match.other) for match in find_duplicates(articles, articles)]
    return choose_dev(features, duplicates, dev_share)


def choose_dev(
    features: Mapping[str, Sequence[str]], duplicates: Iterable[Collection[str]] = (), dev_share: float = DEV_SHARE
) -> Split:
    """A split whose dev side mirrors the whole in every feature, as far as its size allows.

    Groups of articles are moved to dev one at a time; each time the group is taken that brings
    the counts of all features nearest to their share. Ties are broken by a hash of the id, so
    the outcome depends on the articles alone.

    Args:
        features: For each article id its features (source file, style, country, …).
        duplicates: Groups of near-duplicate articles, which stay on one side.
        dev_share: Share of articles for dev.
    """
    groups = _join_groups(features, duplicates)
    targets = Counter({key: dev_share * n for key, n in Counter(k for keys in features.values() for k in keys).items()})
    wanted = round(dev_share * len(features))
    counts: Counter[str] = Counter()
    dev: list[str] = []
    candidates = sorted(groups, key=lambda group: stable_fraction(group[0]))
    while len(dev) < wanted:
        fitting = [group for group in candidates if len(dev) + len(group) <= wanted]
        if not fitting:
            break
        best = min(fitting, key=lambda group: _cost(group, features, counts, targets))
        candidates.remove(best)
        dev += best
        counts.update(key for name in best for key in features[name])
    return Split(tuple(sorted(set(features) - set(dev))), tuple(sorted(dev)), dev_share)


def _cost(
    group: Sequence[str], features: Mapping[str, Sequence[str]], counts: Mapping[str, int], targets: Mapping[str, float]
) -> float:
    """Change of the summed squared distance to the targets, relative to each target."""
    added = Counter(key for name in group for key in features[name])
    return sum(
        ((counts.get(key, 0) + n - targets[key]) ** 2 - (counts.get(key, 0) - targets[key]) ** 2) / targets[key]
        for key, n in added.items()
    ) / len(group)


def _join_groups(features: Mapping[str, Sequence[str]], duplicates: Iterable[Collection[str]]) -> list[tuple[str, ...]]:
    """Every article in exactly one group; groups that share an article become one."""
    group_of = {name: {name} for name in features}
    for together in duplicates:
        known = [name for name in together if name in group_of]
        joined = set().union(*(group_of[name] for name in known)) if known else set()
        for name in joined:
            group_of[name] = joined
    return sorted({tuple(sorted(group)) for group in group_of.values()})
