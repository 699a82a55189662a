"""Intervals over episodes: few lines around scipy."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit


def mean_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Mean and half-width of its Student interval over the finite entries of ``values`` (n,).

    The half-width is NaN for fewer than two entries, and both are NaN for none.
    """
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    if len(finite) == 0:
        return float("nan"), float("nan")
    if len(finite) == 1:
        return float(finite[0]), float("nan")
    quantile = float(stdtrit(len(finite) - 1, 0.5 + 0.5 * level))
    return float(finite.mean()), quantile * float(finite.std(ddof=1)) / float(np.sqrt(len(finite)))
