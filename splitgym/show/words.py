"""Quantities as short words for viewers and reports; SI in, at most three or four digits out."""

from __future__ import annotations


def brief(name: str, longest: int = 12) -> str:
    """A name that fits."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def milliseconds(time_s: float) -> str:
    """Time in ms with three digits at most."""
    return f"{1e3 * time_s:.{0 if time_s >= 0.01 else 1 if time_s >= 1e-3 else 2}f} ms"


def millijoules(energy_j: float) -> str:
    """Energy in mJ, in µJ where that would show nothing of it."""
    if 0.0 < energy_j < 1e-4:
        return short_energy(energy_j)
    return f"{1e3 * energy_j:.2f} mJ" if energy_j < 0.01 else f"{1e3 * energy_j:.{1 if energy_j < 0.1 else 0}f} mJ"


def short_energy(energy_j: float) -> str:
    """Energy with three digits, in mJ or µJ."""
    return f"{1e3 * energy_j:.3g} mJ" if energy_j >= 1e-4 else f"{1e6 * energy_j:.3g} µJ"


def megabits(bits: float) -> str:
    """Amount of data in Mbit, kbit or bit."""
    if bits >= 1e6:
        return f"{bits / 1e6:.2f} Mbit"
    return f"{bits / 1e3:.{0 if bits >= 1e4 else 1}f} kbit" if bits >= 1e3 else f"{bits:.0f} bit"


def percent(share: float) -> str:
    """A share in per cent, small ones with a decimal so that little is not shown as nothing."""
    return f"{share:.{1 if 0.0 < share < 0.01 else 0}%}"
