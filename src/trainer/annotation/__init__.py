"""Annotated articles: Label Studio exports, CoNLL, corpus, split, leakage (no torch)."""
