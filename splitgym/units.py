"""The only home of unit conversions: SI inside, dB and friends at the border."""

from __future__ import annotations

import math


def db_to_ratio(value_db: float) -> float:
    """dB -> power ratio [1].  ``db_to_ratio(30.0) == 1000.0``"""
    return 10.0 ** (value_db / 10.0)


def ratio_to_db(ratio: float) -> float:
    """Power ratio [1] -> dB.  Raises ``ValueError`` for a ratio <= 0."""
    if not ratio > 0.0:
        raise ValueError(f"a power ratio must be > 0 to be expressed in dB, got {ratio!r}")
    return 10.0 * math.log10(ratio)


def dbm_to_w(power_dbm: float) -> float:
    """dBm -> W.  ``dbm_to_w(30.0) == 1.0``"""
    return 10.0 ** ((power_dbm - 30.0) / 10.0)
