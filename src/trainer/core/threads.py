"""Threads of numpy's matrix library, settled before numpy is loaded."""

from __future__ import annotations

import os


def keep_one_blas_thread() -> None:
    """One thread for numpy's products, unless the environment says otherwise.

    The event head multiplies many small matrices beside an encoder that uses every core. More threads of numpy's would
    spend their time waiting for each other, and take it from the encoder. It is settled when numpy is first imported.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
