"""A number added over and over, without the loop: what the additions give, rounding after rounding, to the last bit.

While a sum stays between two powers of two, its last place u is the same and each addition moves it by the same
multiple of u: the addend rounded to u.  (A tie goes to the even neighbour; after one addition the sum is even, and from
then on all ties go the same way.)  So the second addition tells what all others up to the next power of two will do.
"""

from __future__ import annotations

import math

from splitgym.jit import jit


@jit
def power_above(total):
    """The least power of two above ``total`` > 0."""
    return math.ldexp(1.0, math.frexp(total)[1])


@jit
def add_up(total, step, most, goal):
    """Least number of additions of ``step`` >= 0 to ``total`` >= 0 that reach ``goal``, at most ``most``; their sum.

    The same as ``while total < goal and n < most: total += step; n += 1``, in time logarithmic in the number.
    """
    n = 0
    while total < goal and n < most:
        before, total = total, total + step
        n += 1
        if total == before:  # too small to count, now and always
            return most, total
        top = power_above(total)
        gain = total + step - total
        if before >= 0.5 * top and gain > 0.0:  # the last addition began and ended below this power of two
            times = min(int(min((min(top, goal) - total) / gain, 2.0**53)) - 2, most - n)
            if times > 0:
                total += times * gain
                n += times
    return n, total
