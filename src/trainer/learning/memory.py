"""Memory of a training process on Linux: freed blocks are kept, and large ones lie on huge pages.

Each update allocates and frees the same gigabytes of activations. By default the C library gives
them back to the system, which then clears every page again.
"""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of <malloc.h>
_NEVER = 2**31 - 1
_LARGE = 2**30


def keep_freed_memory() -> None:
    """Ask for both; call it before the first tensor is made. Does nothing on other systems."""
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # torch asks for huge pages
    if not sys.platform.startswith("linux"):
        return
    try:
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _LARGE)
        library.mallopt(_TRIM_THRESHOLD, _NEVER)
    except (OSError, AttributeError):  # another C library
        return
