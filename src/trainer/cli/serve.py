"""``serve``: options on the command line become `ServeSettings`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainer.core.paths import repository_directory
from trainer.core.threads import keep_one_blas_thread


def serve(
    model: Annotated[Path, typer.Option(help="Run directory.")] = Path("models/default"),
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes; each holds the model.")] = 1,
    runtime: Annotated[str, typer.Option(help="auto, onnx, openvino or torch.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, int8 or float32.")] = "auto",
    api_key_file: Annotated[Path | None, typer.Option(help="File of API keys, one a line.")] = None,
    basic_auth_file: Annotated[Path | None, typer.Option(help="File of user:password lines.")] = None,
    reload_seconds: Annotated[float, typer.Option(min=0, help="Between looks for a new checkpoint; 0 never.")] = 1.0,
    grace_seconds: Annotated[int, typer.Option(min=1, help="For requests in work at shutdown.")] = 30,
    body_bytes: Annotated[int, typer.Option(min=1, help="Most bytes of a request.")] = 4 * 2**20,
    article_characters: Annotated[int, typer.Option(min=1, help="Most characters of an article.")] = 200_000,
    request_articles: Annotated[int, typer.Option(min=1, help="Most articles of a request.")] = 256,
    queue_articles: Annotated[int, typer.Option(min=1, help="Most articles that wait.")] = 1024,
    queue_characters: Annotated[int, typer.Option(min=1, help="Most characters that wait.")] = 2_000_000,
    batch_characters: Annotated[int, typer.Option(min=1, help="Characters that are read together.")] = 3_000,
    seconds: Annotated[float, typer.Option(min=0.1, help="Time for one request, waiting included.")] = 90.0,
    train_above: Annotated[
        int, typer.Option(min=0, help="Train in the background after so many new annotations; 0 never.")
    ] = 0,
    train_experiment: Annotated[str, typer.Option(help="Experiment of background training.")] = "compact",
    train_pull: Annotated[bool, typer.Option(help="Fetch annotations from Label Studio before training.")] = True,
    state: Annotated[Path | None, typer.Option(help="Directory for counts and logs of background training.")] = None,
) -> None:
    """Serve a checkpoint: extraction API, Label Studio ML backend and demo page."""
    keep_one_blas_thread()
    from trainer.serving.background_training import TrainingPlan
    from trainer.serving.limits import Limits
    from trainer.serving.server import serve as run_server
    from trainer.serving.settings import ServeSettings

    if host not in ("127.0.0.1", "localhost", "::1") and api_key_file is None and basic_auth_file is None:
        typer.echo(f"note: anyone who can reach {host}:{port} may use this service (see --api-key-file)", err=True)
    models = repository_directory() / "models"
    run_server(
        ServeSettings(
            model=model,
            host=host,
            port=port,
            workers=workers,
            runtime=runtime,
            precision=precision,
            api_keys=api_key_file,
            basic_users=basic_auth_file,
            reload_seconds=reload_seconds,
            grace_seconds=grace_seconds,
            limits=Limits(
                body_bytes=body_bytes,
                article_characters=article_characters,
                request_articles=request_articles,
                queue_articles=queue_articles,
                queue_characters=queue_characters,
                batch_characters=batch_characters,
                seconds=seconds,
            ),
            training=TrainingPlan(train_above, train_experiment, models, train_pull),
            state=state or models / ".background",
        )
    )
