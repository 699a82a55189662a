"""A recorded channel as random-access gains: which window of a log an episode plays, and the gain at an instant.

A log is an array (2, n): the instants at which its values begin, from 0 on, with the length of the log at the end [s],
and the values, gains [1].  Each value holds until the next one begins.  A log of no columns is none.
"""

from __future__ import annotations

from splitgym.jit import jit
from splitgym.physics.random import WINDOW_STREAM, child, uniform


@jit
def window_begin_s(key, log, span_s):
    """Instant of the log [s] at which an episode of ``span_s`` below ``key`` begins: uniform over all that fit.

    An episode that is longer than the log begins anywhere, and plays the log in a circle.
    """
    length_s = log[0, log.shape[1] - 1]
    free_s = length_s - span_s
    return uniform(child(key, WINDOW_STREAM)) * (free_s if free_s > 0.0 else length_s)


@jit
def log_index(log, instant_s):
    """Index of the value that holds at an instant >= 0 of the log [s], which goes on in a circle."""
    low, high = 0, log.shape[1] - 1
    within_s = instant_s % log[0, high]
    while high - low > 1:
        middle = (low + high) // 2
        if log[0, middle] <= within_s:
            low = middle
        else:
            high = middle
    return low
