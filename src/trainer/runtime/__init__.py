"""Checkpoints and extraction without torch."""
