"""The table of commands. Nothing here imports torch: ``--help`` must be instant."""

from __future__ import annotations

import sys

import typer

from trainer.cli import annotations as annotation_commands
from trainer.cli import label_studio, labelling
from trainer.cli.agreement import agreement
from trainer.cli.clusters import cluster_words
from trainer.cli.ensemble import ensemble
from trainer.cli.export import export
from trainer.cli.extract import extract
from trainer.cli.runs import compare, promote, runs
from trainer.cli.serve import serve
from trainer.core.errors import TrainerError

USAGE_ERROR = 2
_HYDRA_ARGUMENTS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

app = typer.Typer(
    name="trainer",
    help="Arabic event extraction: annotate, train, judge, compare and serve.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
label_studio.add_commands(annotation_commands.app)
labelling.add_commands(annotation_commands.app)
annotation_commands.app.command()(agreement)
app.add_typer(annotation_commands.app, name="annotations")
app.command("cluster-words")(cluster_words)
app.command()(ensemble)
app.command()(export)
app.command()(extract)
app.command()(runs)
app.command()(compare)
app.command()(promote)
app.command()(serve)


@app.command(context_settings=_HYDRA_ARGUMENTS)
def train(context: typer.Context) -> None:
    """Train a tagger: ``train +exp=arabert key=value …``; ``-m`` sweeps; ``--help`` shows every key."""
    from trainer.cli.hydra import run_hydra
    from trainer.learning.config import TrainConfig

    def start(config: TrainConfig) -> None:
        from trainer.learning.hub import find_encoder

        find_encoder(config.model)  # before torch is loaded: an encoder that cannot be had is said at once
        from trainer.learning.train import train

        train(config)

    run_hydra("train", TrainConfig, start, context.args)


@app.command(context_settings=_HYDRA_ARGUMENTS)
def pretrain(context: typer.Context) -> None:
    """Pretrain an encoder, or adapt one to raw articles: ``pretrain +exp=compact_encoder corpus=FILE``."""
    from trainer.cli.hydra import run_hydra
    from trainer.learning.pretraining.config import PretrainConfig

    def start(config: PretrainConfig) -> None:
        from trainer.learning.pretraining.command import pretrain

        pretrain(config)

    run_hydra("pretrain", PretrainConfig, start, context.args)


def main() -> None:
    """Run the command line; errors that a user can mend end it with exit code 2 and no traceback."""
    try:
        app(standalone_mode=True)
    except TrainerError as error:
        from rich.console import Console

        Console(stderr=True, soft_wrap=True).print(f"[bold red]error:[/] {_escape(error.describe())}", highlight=False)
        sys.exit(USAGE_ERROR)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
