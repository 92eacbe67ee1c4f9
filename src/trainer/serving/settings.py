"""Everything that can be set about serving; travels to worker processes as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from trainer.core.errors import ConfigError
from trainer.serving.background_training import TrainingPlan
from trainer.serving.limits import Limits


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """Settings of the service.

    Attributes:
        model: Run directory.
        host: Address to listen on.
        port: TCP port.
        workers: Processes; each holds its own copy of the model.
        runtime: See `trainer.runtime.model.load_model`.
        precision: See `trainer.runtime.model.load_model`.
        api_keys: File of API keys.
        basic_users: File of ``user:password`` lines.
        reload_seconds: Between looks at the run directory; 0 never reloads.
        grace_seconds: Time for requests in work at shutdown.
        limits: See `Limits`.
        training: See `TrainingPlan`.
        state: Directory where background training keeps counts and logs.
    """

    model: Path
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    runtime: str = "auto"
    precision: str = "auto"
    api_keys: Path | None = None
    basic_users: Path | None = None
    reload_seconds: float = 1.0
    grace_seconds: int = 30
    limits: Limits = field(default_factory=Limits)
    training: TrainingPlan = field(default_factory=TrainingPlan)
    state: Path = Path("models/.background")

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ConfigError(f"{self.workers} workers", remedy="give 1 or more")
        if not 0 <= self.port < 65536:
            raise ConfigError(f"port {self.port}", remedy="give a port from 0 (any that is free) to 65535")

    def to_json(self) -> str:
        """For `from_json` in another process."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> ServeSettings:
        """The settings of `to_json`."""
        value: dict[str, Any] = json.loads(text)
        for key in ("model", "api_keys", "basic_users", "state"):
            value[key] = None if value[key] is None else Path(value[key])
        training = value["training"]
        training["models"] = Path(training["models"])
        return cls(**{**value, "limits": Limits(**value["limits"]), "training": TrainingPlan(**training)})
