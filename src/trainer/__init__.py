"""Arabic event extraction: annotated news in, exact spans and events out.

>>> from trainer import load  # doctest: +SKIP
>>> load("models/default")("قصف الجيش مدينة الموصل.")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.runtime.model import load_model as load

__all__ = ["__version__", "load"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Lazily: `import trainer` must stay instant and free of numpy, onnxruntime and torch.
    if name == "load":
        from trainer.runtime.model import load_model

        return load_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
