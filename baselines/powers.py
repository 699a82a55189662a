"""The transmit power of the published fixed benchmarks (arXiv 2601.08135)."""

from __future__ import annotations

from splitgym.ranges import POWER_LEVEL

POWER_W = 0.1


def usual_power_w(most_w: float) -> float:
    """The published power [W], or the most that the scenario allows where that is less."""
    return min(POWER_W, float(most_w))


def fixed_power_w(given_w: float | None, most_w: float) -> float:
    """The power [W] of a policy that always sends with the same: what is given, or the usual one.

    Raises ``ValueError`` for anything but a number >= 0 that the scenario allows.
    """
    return POWER_LEVEL.check("power_w", usual_power_w(most_w) if given_w is None else given_w, high=float(most_w))
