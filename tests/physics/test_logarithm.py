"""The logarithm of rates against the decimal module's, which is exact to any number of digits."""

from __future__ import annotations

import decimal
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitgym.physics.logarithm import log_1p

EDGES = (
    5e-324,
    1e-300,
    1e-17,
    2.0**-53,
    2.0**-52,
    1e-8,
    math.sqrt(0.5),
    math.sqrt(2.0) - 1.0,
    1.0,
    3.0,
    2.0**53,
    1e300,
)


def ulps(x: float) -> float:
    """Error of ``log_1p`` in units in the last place of the true value."""
    with decimal.localcontext(prec=60):
        true = (1 + Decimal(x)).ln()
        return float((Decimal(float(log_1p(np.float64(x)))) - true) / Decimal(math.ulp(float(true))))


def test_edges() -> None:
    assert log_1p(np.float64(0.0)) == 0.0
    assert log_1p(np.float64(1.0)) == math.log(2.0)
    for x in EDGES:
        if x > 1e-20:  # below, x itself is the answer
            assert abs(ulps(x)) < 1.0, x
        for near in (math.nextafter(x, 0.0), x, math.nextafter(x, math.inf)):
            assert log_1p(np.float64(near)) == pytest.approx(math.log1p(near), rel=4e-16, abs=0.0)


@given(st.one_of(st.floats(0.0, 2.0), st.floats(1e-14, 1e9), st.floats(-14.0, 12.0).map(lambda e: 10.0**e)))
def test_within_one_unit_in_the_last_place(x: float) -> None:
    assert abs(ulps(x)) < 1.0 if x > 1e-15 else log_1p(np.float64(x)) == x


def test_it_does_not_fall() -> None:
    """Neither inside the range of a power of two nor from one to the next."""
    x = np.concatenate([np.linspace(0.0, 4.0, 20001), np.sqrt(2.0) * 2.0 ** np.arange(1, 40) - 1.0])
    steps = np.sort(np.concatenate([x, np.nextafter(x, np.inf), np.nextafter(x, 0.0)[1:]]))
    found = np.array([log_1p(value) for value in steps])
    exact = np.log1p(steps)
    assert (np.diff(found) >= -2e-16 * np.maximum(exact[1:], 1e-300)).all()
