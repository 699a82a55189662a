"""Least absolute deviations: a linear fit that the outliers of measured runs do not move."""

from __future__ import annotations

import numpy as np


def least_absolute(design: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Coefficients >= 0 (k,) whose sum of relative deviations from ``target`` is least.

    Args:
        design: (n, k), what one unit of each coefficient adds to each row.
        target: (n,) > 0.

    Solved as a linear programme, exactly: rows that the model describes are met to the last digits, whatever the rest
    is.  A column of zeros gets 0.
    """
    from scipy import optimize, sparse  # takes a while to import

    scale = np.asarray(design.max(axis=0, initial=0.0))
    used = scale > 0.0
    found = np.zeros(design.shape[1])
    if not used.any():
        return found
    rows = sparse.csr_array(design[:, used] / scale[used] / target[:, None])
    n, k = len(target), int(used.sum())
    ones = sparse.eye_array(n, format="csr")
    done = optimize.linprog(
        np.concatenate([np.zeros(k), np.ones(2 * n)]),
        A_eq=sparse.hstack([rows, ones, -ones], format="csr"),
        b_eq=np.ones(n),
        bounds=(0.0, None),
        method="highs",
    )
    if done.x is None:
        raise ValueError(f"the runs cannot be fitted: {done.message}")
    found[used] = done.x[:k] / scale[used]
    return found


def robust_spread(deviations: np.ndarray) -> float:
    """Standard deviation of what is normal among ``deviations`` (n,), by their median size; 0 of none."""
    return 1.4826 * float(np.median(np.abs(deviations))) if deviations.size else 0.0


def filled_in(values: np.ndarray) -> np.ndarray:
    """``values`` (n,) with its NaNs on straight lines between their neighbours, and level beyond the ends."""
    known = np.flatnonzero(~np.isnan(values))
    return np.interp(np.arange(len(values)), known, values[known])
