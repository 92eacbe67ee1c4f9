"""Groups of runs that differ in their seed alone, and the settings in which groups differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.errors import ConfigError
from trainer.reporting.runs import JudgedRun

_NOT_COMPARED = ("name", "seed", "overwrite", "directory")


@dataclass(frozen=True, slots=True)
class Group:
    """Runs of one experiment; a single run is a group of one."""

    name: str
    runs: tuple[JudgedRun, ...]

    def counts(self, label: str | None = None) -> NDArray[np.float64]:
        """``(runs, articles, 3)`` correct, predicted and gold spans."""
        return np.stack([run.counts(label) for run in self.runs])

    def scores(self, read: str) -> list[float]:
        """A number of each run's strict scores: ``f1``, ``precision`` or ``recall``."""
        return [float(run.judged["strict"][read]) for run in self.runs]


def group_runs(runs: Sequence[JudgedRun], by: str | None = None) -> tuple[Group, ...]:
    """Group runs.

    Args:
        runs: In the order wanted.
        by: None leaves every run alone; ``exp`` joins runs whose settings differ in the seed alone; any
            other value is a setting (``training.learning_rate``) whose equal values join runs.

    Raises:
        ConfigError: Two runs have the same name, or no run has that setting.
    """
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise ConfigError(f"a run is named twice: {', '.join(sorted(n for n in set(names) if names.count(n) > 1))}")
    if by is None:
        return tuple(Group(run.name, (run,)) for run in runs)
    if by != "exp" and not any(by in flatten_settings(run) for run in runs):
        raise ConfigError(f"no run has a setting {by!r}", remedy="use exp, or a key such as training.learning_rate")
    joined: dict[str, list[JudgedRun]] = {}
    for run in runs:
        settings = flatten_settings(run)
        key = json.dumps(settings, sort_keys=True) if by == "exp" else f"{by}={settings.get(by)}"
        joined.setdefault(key, []).append(run)
    groups = [(_name(members) if by == "exp" else key, members) for key, members in joined.items()]
    taken = [name for name, _ in groups]
    return tuple(Group(name if taken.count(name) == 1 else members[0].name, tuple(members)) for name, members in groups)


def flatten_settings(run: JudgedRun) -> dict[str, Any]:
    """All settings of a run by dotted key, its name and seed left out."""
    flat: dict[str, Any] = {}

    def walk(value: Any, key: str) -> None:
        if isinstance(value, Mapping):
            for name, inner in value.items():
                walk(inner, f"{key}.{name}" if key else str(name))
        elif key not in _NOT_COMPARED:
            flat[key] = value

    walk(run.provenance.get("configuration") or {}, "")
    flat["data.hash"] = (run.provenance.get("data") or {}).get("hash")
    return flat


def differing_settings(groups: Sequence[Group]) -> dict[str, dict[str, Any]]:
    """For each setting that is not the same everywhere its value in each group (that of its first run)."""
    settings = {group.name: flatten_settings(group.runs[0]) for group in groups}
    keys = dict.fromkeys(key for flat in settings.values() for key in flat)
    table = {key: {name: flat.get(key) for name, flat in settings.items()} for key in keys}
    return {key: row for key, row in table.items() if len({json.dumps(value) for value in row.values()}) > 1}


def _name(members: Sequence[JudgedRun]) -> str:
    """The experiment's name, else the first run's."""
    configuration = members[0].provenance.get("configuration") or {}
    return str(configuration.get("name") or members[0].name) if len(members) > 1 else members[0].name
