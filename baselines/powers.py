"""The transmit power of the published fixed benchmarks (arXiv 2601.08135)."""

from __future__ import annotations

POWER_W = 0.1


def usual_power_w(most_w: float) -> float:
    """The published power [W], or the most that the scenario allows where that is less."""
    return min(POWER_W, float(most_w))
