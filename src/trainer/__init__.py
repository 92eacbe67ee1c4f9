"""Arabic event extraction: annotated news in, exact spans and events out."""

__version__ = "0.1.0"
