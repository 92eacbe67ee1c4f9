"""Behaviour under perturbation: gold texts changed in ways that must not change what is found."""
