"""``ensemble``: several finished runs as one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def ensemble(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN…", help="Finished runs of the same articles.")],
    name: Annotated[str, typer.Option(help="Of the new run.")],
    models: Annotated[Path, typer.Option("--models", help="Where the new run goes.")] = Path("models"),
) -> None:
    """Make one run of several: the mean of their tag distributions. A CRF beside an encoder gains most."""
    from trainer.core.errors import ConfigError
    from trainer.learning.ensemble import combine_runs
    from trainer.learning.progress import start_logging

    if Path(name).name != name or name.startswith("."):
        raise ConfigError(f"{name!r} is not a run's name", record="--name", remedy="letters, digits, - and _")
    start_logging(main_process=True)
    combine_runs(runs, models / name)
