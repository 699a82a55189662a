"""Compiled code of the checks: memory that compiled code will be given is filled with what it must not read."""

from __future__ import annotations

import numpy as np

from splitgym.jit import jit


@jit
def spoil(value, most):
    """Allocate arrays of 1..``most`` numbers as kernels do, fill them with ``value``, and free them again."""
    total = 0.0
    for size in range(1, most + 1):
        first, second = np.empty(size), np.empty(size)
        first[:] = value
        second[:] = value
        total += first[size - 1] + second[0]
    return total
