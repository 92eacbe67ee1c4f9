"""Masked-language-model pretraining of compact encoders, and adaptation of larger ones, on raw text."""
