"""Gates: numbers that a run must reach before anyone relies on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from trainer.core.errors import ConfigError

GATES = Path(__file__).with_name("gates.yaml")


@dataclass(frozen=True, slots=True)
class Gate:
    """One bound on one metric, or on each metric that a path with ``*`` names."""

    name: str
    metric: str
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One metric held against its gate."""

    gate: Gate
    metric: str
    value: float

    @property
    def passed(self) -> bool:
        """Whether the value lies within the bounds."""
        above = self.gate.least is None or self.value >= self.gate.least
        return above and (self.gate.most is None or self.value <= self.gate.most)

    def describe(self) -> str:
        """One line."""
        wanted = f"at least {self.gate.least:g}" if self.gate.least is not None else f"at most {self.gate.most:g}"
        return f"{self.gate.name}: {self.metric} is {self.value:.4f}, wanted {wanted}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        bounds = {"least": self.gate.least, "most": self.gate.most}
        return {"gate": self.gate.name, "metric": self.metric, "value": self.value, **bounds, "passed": self.passed}


def load_gates(path: Path = GATES) -> tuple[Gate, ...]:
    """Read ``gates.yaml``.

    Raises:
        ConfigError: It is not such a file, or a gate bounds nothing.
    """
    try:
        listed = yaml.safe_load(path.read_text(encoding="utf-8"))
        gates = tuple(
            Gate(
                str(x["name"]),
                str(x["metric"]),
                *(None if x.get(k) is None else float(x[k]) for k in ("least", "most")),
            )
            for x in listed
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"not a list of gates: {error!r}", file=path, remedy="see the comment at its head") from error
    for gate in gates:
        if gate.least is None and gate.most is None:
            raise ConfigError("a gate without least or most", file=path, record=gate.name, remedy="give it a bound")
    return gates


def hold_gates(metrics: Mapping[str, Any], gates: Sequence[Gate]) -> tuple[Verdict, ...]:
    """A verdict for every metric that a gate names and the metrics hold."""
    return tuple(
        Verdict(gate, path, float(value)) for gate in gates for path, value in _find(metrics, gate.metric.split("."))
    )


def _find(value: Any, keys: Sequence[str], path: str = "") -> Iterator[tuple[str, float]]:
    if not keys:
        if isinstance(value, (int, float)):
            yield path, value
        return
    if isinstance(value, Mapping):
        for name in value if keys[0] == "*" else [keys[0]]:
            if name in value:
                yield from _find(value[name], keys[1:], f"{path}.{name}" if path else name)
