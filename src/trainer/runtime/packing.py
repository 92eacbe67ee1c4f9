"""Files of a run: packed in xz, as the slim form keeps some, and tensors that give the same bytes each time."""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors.numpy import save

from trainer.core.errors import ArtifactError
from trainer.core.files import write_bytes

PACKED = ".xz"


def pack_file(source: Path, folder: Path) -> None:
    """Write a file, packed, into a folder; its name gets the ending `PACKED`."""
    write_bytes(folder / f"{source.name}{PACKED}", lzma.compress(source.read_bytes()))


def find_file(path: Path) -> Path | None:
    """The file itself, or else its packed form; None where there is neither."""
    candidates = (path, path.with_name(f"{path.name}{PACKED}"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def read_file(path: Path) -> bytes:
    """Content of a file, packed or not.

    Raises:
        ArtifactError: A packed one is damaged.
    """
    content = path.read_bytes()
    if path.suffix != PACKED:
        return content
    try:
        return lzma.decompress(content)
    except lzma.LZMAError as error:
        raise ArtifactError(
            f"cannot be unpacked: {error}", file=path, remedy="restore the file or train again"
        ) from error


def render_tensors(weights: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """A safetensors file of which the same tensors and metadata give the same bytes.

    The library writes metadata in an order of chance, and a run is known by the hashes of its files. The layout is that
    of the format's specification: the header's size in eight bytes, the header in JSON, the tensors.
    """
    content: bytes = save(dict(weights))
    size = int.from_bytes(content[:8], "little")
    header = {"__metadata__": dict(sorted(metadata.items())), **json.loads(content[8 : 8 + size])}
    encoded = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)  # tensors begin at a multiple of eight bytes
    return len(encoded).to_bytes(8, "little") + encoded + content[8 + size :]
