"""The model in service, and its replacement when the checkpoint's directory changes.

The new checkpoint is verified and loaded beside the old one; requests that were admitted with
the old one are answered by it. A checkpoint that cannot be loaded changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from trainer.core.errors import TrainerError
from trainer.runtime.checkpoint import PROVENANCE
from trainer.serving.extractor import Loader, ServedModel
from trainer.serving.metrics import Metrics
from trainer.serving.problems import ProblemError, not_ready

_log = logging.getLogger(__name__)
_WATCHED = (PROVENANCE, "onnx/parity.json", "calibration.json")

Signature = tuple[tuple[int, int, int] | None, ...]


class ModelHolder:
    """Holds the model in service and watches its directory.

    Args:
        directory: The run directory; it may be replaced as a whole, or be a symbolic link.
        load: Turns the directory into a model.
        metrics: Where reloads are counted.
        interval: Seconds between looks; 0 never looks.
    """

    def __init__(self, directory: Path, load: Loader, metrics: Metrics, interval: float = 1.0) -> None:
        self._directory = directory
        self._load = load
        self._metrics = metrics
        self._interval = interval
        self._model: ServedModel | None = None
        self._loaded: Signature = ()
        self._task: asyncio.Task[None] | None = None
        self.last_error: str | None = None

    @property
    def model(self) -> ServedModel:
        """The model in service.

        Raises:
            ProblemError: 503 while there is none.
        """
        if self._model is None:
            raise ProblemError(not_ready("No model is loaded."))
        return self._model

    def load(self) -> None:
        """Load the checkpoint and put it in service.

        Raises:
            ArtifactError: The checkpoint is missing, incomplete or altered.
        """
        signature = read_signature(self._directory)
        model = self._load(self._directory)
        previous = self._model.version if self._model else None
        self._loaded = signature
        self.last_error = None  # before the model is seen to have changed
        self._model = model
        self._metrics.show_model(model.version, previous)

    def start(self) -> None:
        """Begin to watch (inside a running event loop)."""
        if self._interval > 0:
            self._task = asyncio.get_running_loop().create_task(self._watch(), name="reload")

    async def stop(self) -> None:
        """End the watch."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        seen = self._loaded
        while True:
            await asyncio.sleep(self._interval)
            signature = await asyncio.to_thread(read_signature, self._directory)
            settled, seen = signature == seen, signature
            if settled and signature != self._loaded and signature[0] is not None:
                await self._replace(signature)

    async def _replace(self, signature: Signature) -> None:
        try:
            await asyncio.to_thread(self.load)
        except (TrainerError, OSError) as error:
            self._fail(error.message if isinstance(error, TrainerError) else type(error).__name__)
            self._loaded = signature  # look again when it changes again
            _log.error("the changed checkpoint was not loaded, the old one stays in service: %s", error)
        except Exception as error:  # the watch must outlive whatever a damaged file provokes
            self._fail(type(error).__name__)
            self._loaded = signature
            _log.exception("the changed checkpoint was not loaded, the old one stays in service")
        else:
            self._metrics.reloads.labels("ok").inc()
            _log.info("now serving %s", self.model.version)

    def _fail(self, reason: str) -> None:
        self.last_error = reason
        self._metrics.reloads.labels("failed").inc()


def read_signature(directory: Path) -> Signature:
    """Inode, time and size of the files that change with a checkpoint; None for one that is absent."""
    return tuple(_stat(directory / name) for name in _WATCHED)


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
