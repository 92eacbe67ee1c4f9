"""Comparison and promotion of runs: renders and tests numbers that the judge wrote, reads no gold."""
