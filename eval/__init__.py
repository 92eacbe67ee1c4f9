"""The judge: held-out gold, scores, slices, behaviour under perturbation, gates and reports.

It imports ``trainer``; ``trainer`` never imports it and never reads the gold.
"""
