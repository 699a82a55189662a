"""The logarithm of rates: log(1 + x) by additions, multiplications and one division, the same bits on every machine.

That of a C library differs from machine to machine in the last bit, and no compiler works at several calls of it at
once.  This one has no branch and no table, so that a loop over it runs in SIMD lanes.
"""

from __future__ import annotations

import numpy as np

from splitgym.jit import jit

_ROOT_HALF = np.uint64(0x3FE6A09E667F3BCD)  # bits of sqrt(1/2)
_EXPONENT = np.uint64(52)  # where the exponent of a float64 begins
_ONE = np.uint64(1023)  # exponent of 1
_INTEGER = np.uint64(
    0x4330000000000000
)  # bits of 2^52: with a small integer in the last places, 2^52 plus that integer
_INTEGER_AT = 2.0**52
_LOG2_HIGH = 6.93147180369123816490e-01  # log 2, so many bits that its multiples are exact
_LOG2_LOW = 1.90821492927058770002e-10  # and the rest
# Minimax coefficients of (log((1 + s) / (1 - s)) - 2 s) / s in powers of s^2, error below 2^-58 (FDLIBM, e_log.c).
_C1, _C2, _C3 = 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01
_C4, _C5, _C6 = 2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01
_C7 = 1.479819860511658591e-01


@jit
def small_float(word):
    """A uint64 below 2^52 as a float64, by instructions that every processor has for whole SIMD registers."""
    return np.uint64(word | _INTEGER).view(np.float64) - _INTEGER_AT


@jit
def log_1p(x):
    """log(1 + x) for 0 <= x <= 1e300, to within one unit in the last place.

    1 + x = 2^k (1 + f) with 1 + f between the roots of 1/2 and 2; what 1 + x has rounded away is added to first order.
    """
    whole = 1.0 + x
    lost = x - (whole - 1.0)
    bits = np.float64(whole).view(np.uint64)
    k = (bits - _ROOT_HALF) >> _EXPONENT
    f = np.uint64(bits - (k << _EXPONENT)).view(np.float64) - 1.0
    power = small_float(k)
    scale = np.uint64((_ONE - k) << _EXPONENT).view(np.float64)
    lost = lost * scale * (1.0 - f * (1.0 - f))
    half = 0.5 * f * f
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    series = z * (_C1 + w * (_C3 + w * (_C5 + w * _C7))) + w * (_C2 + w * (_C4 + w * _C6))
    return power * _LOG2_HIGH - ((half - (s * (half + series) + (power * _LOG2_LOW + lost))) - f)
