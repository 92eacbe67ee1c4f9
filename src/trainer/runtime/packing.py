"""Files of a run in xz, as the slim form keeps them: a third of the size, read as if they were not."""

from __future__ import annotations

import lzma
from pathlib import Path

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
