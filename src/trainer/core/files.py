"""Files that are either whole or absent, and hashes of them."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainer.core.errors import ConfigError


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text to a temporary name beside the target, then rename it."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes to a temporary name beside the target, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file, readable and with a stable layout."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


@contextmanager
def hold_directory(directory: Path, wanted: bool = True) -> Iterator[None]:
    """Keeps a second process out of a directory; the system lets go of it when this process ends, however it ends.

    Args:
        directory: Made if it is missing; nothing is written into it.
        wanted: False does nothing (the other processes of a distributed run).

    Raises:
        ConfigError: Another process holds it.
    """
    if not wanted:
        yield
        return
    directory.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows cannot lock a directory: two runs in one are then not told of each other
        yield
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                "another run is working in this folder", file=directory, remedy="wait for it, or name another"
            ) from None
        yield
    finally:
        os.close(handle)


def replace_directory(fresh: Path, target: Path) -> None:
    """Put a directory in the place of another, which is removed.

    On Linux the two names are exchanged in one step, so ``target`` always exists; elsewhere (and on file systems that
    cannot) there is an instant without it, and a kill in that instant leaves both under hidden names.

    Args:
        fresh: On the same file system; consumed.
        target: May be missing.

    Raises:
        OSError: The target is then what it was.
    """
    if not target.exists():
        fresh.rename(target)
        return
    if _exchange(fresh, target):
        shutil.rmtree(fresh)
        return
    former = target.with_name(f".{target.name}.{os.getpid()}.old")
    target.rename(former)
    try:
        fresh.rename(target)
    except OSError:
        former.rename(target)
        raise
    shutil.rmtree(former)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two names at once; False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    call = getattr(ctypes.CDLL(None), "renameat2", None)
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return call is not None and call(here, os.fsencode(first), here, os.fsencode(second), exchange) == 0


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_texts(parts: Iterable[str]) -> str:
    """SHA-256 over texts, each closed off so that moving text between them changes the hash."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.hexdigest()
