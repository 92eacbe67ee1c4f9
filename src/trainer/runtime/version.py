"""The version of a checkpoint: a name that changes whenever its predictions may."""

from __future__ import annotations

import hashlib
import json

from trainer.runtime.checkpoint import Checkpoint
from trainer.runtime.graphs import is_exported, read_parity

_DIGITS = 12


def model_version(checkpoint: Checkpoint, precision: str = "") -> str:
    """Name and hash of a verified run: its files, its exported graphs, and the precision in use.

    Label Studio keeps predictions by this version and asks again only when it differs.

    Raises:
        ArtifactError: The parity report of its export is damaged.
    """
    graphs = read_parity(checkpoint.directory).get("graphs") if is_exported(checkpoint.directory) else None
    parts = json.dumps([checkpoint.kind, checkpoint.provenance.get("files"), graphs, precision], sort_keys=True)
    return f"{checkpoint.name}-{hashlib.sha256(parts.encode()).hexdigest()[:_DIGITS]}"
