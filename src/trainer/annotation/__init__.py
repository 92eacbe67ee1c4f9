"""Annotated articles: Label Studio, CoNLL, corpus, split, leakage. No torch."""
