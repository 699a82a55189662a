"""Quantities as short words for viewers and reports; SI in, at most three or four digits out."""

from __future__ import annotations


def brief(name: str, longest: int = 12) -> str:
    """A name that fits."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def milliseconds(time_s: float) -> str:
    """Time in ms with three digits at most."""
    return f"{1e3 * time_s:.{0 if time_s >= 0.01 else 1 if time_s >= 1e-3 else 2}f} ms"


def millijoules(energy_j: float) -> str:
    """Energy in mJ."""
    return f"{1e3 * energy_j:.2f} mJ" if energy_j < 0.01 else f"{1e3 * energy_j:.{1 if energy_j < 0.1 else 0}f} mJ"


def megabits(bits: float) -> str:
    """Amount of data in kbit or Mbit."""
    return f"{bits / 1e6:.2f} Mbit" if bits >= 1e6 else f"{bits / 1e3:.0f} kbit"


def percent(share: float) -> str:
    """A share in per cent, small ones with a decimal so that little is not shown as nothing."""
    return f"{share:.{1 if 0.0 < share < 0.01 else 0}%}"
