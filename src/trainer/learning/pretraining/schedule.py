"""How far a run is, and the learning rate there.

Progress is a share of the time or token budget, not a number of steps: a slow machine ends in time with its
rate at zero, and raising the budget of a stopped run lifts its rate again and goes on.
"""

from __future__ import annotations


def measure_progress(seconds: float, tokens: int, minutes: float, token_budget: int | None) -> float:
    """Share of the budget that is spent, at most 1: of time or tokens, whichever is further."""
    share = seconds / (60 * minutes)
    if token_budget is not None:
        share = max(share, tokens / token_budget)
    return min(share, 1.0)


def scale_rate(progress: float, warm_up: float, decay_from: float) -> float:
    """Multiple of the peak rate: rises to 1, stays, falls to 0 at the end."""
    if progress < warm_up:
        return max(progress / warm_up, 0.02)
    if progress <= decay_from:
        return 1.0
    return max(0.0, (1.0 - progress) / (1.0 - decay_from))
