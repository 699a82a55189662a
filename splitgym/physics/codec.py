"""Between SI values and the bounded numbers an agent sees or emits; driven by tables, shared by every world."""

from __future__ import annotations

import math

import numpy as np

from splitgym.jit import jit

UNIT = 0  # [low, high] -> [0, 1], clipped
SIGNED = 1  # [low, high] -> [-1, 1], clipped
SQUASH = 2  # [0, inf) -> [0, 1): v / (v + scale)
DECIBEL = 3  # ratio, taken to dB, then as SIGNED

#: Where a vector stands among the numbers of an observation: its first one, how many, and the index of the field.
SPAN = np.dtype([("first", "i8"), ("count", "i8"), ("index", "i8")])

#: Largest number below 1 that survives float32, so that a squashed value can always be undone.
_ALMOST_ONE = 1.0 - 2.0**-24


@jit
def to_observation(value, kind, low, high):
    """One SI value -> the number observed (float in [-1, 1])."""
    return _scaled(_decibel(value) if kind == DECIBEL else value, kind, low, high)


@jit
def _decibel(ratio):
    return 10.0 * math.log10(ratio)


@jit
def _scaled(value, kind, low, high):
    """:func:`to_observation` of a value that is in dB already, if it is to be: without a branch, for SIMD lanes."""
    squash = kind == SQUASH
    ratio = (value if squash else value - low) / (value + high if squash else high - low)
    share = min(max(ratio, 0.0), 1.0)
    linear = share if kind == UNIT else 2.0 * share - 1.0
    return min(ratio, _ALMOST_ONE) if squash else linear


@jit
def from_observation(number, kind, low, high):
    """Inverse of :func:`to_observation` inside the field's range."""
    if kind == SQUASH:
        return high * number / (1.0 - min(number, _ALMOST_ONE))
    share = number if kind == UNIT else 0.5 * (number + 1.0)
    value = low + share * (high - low)
    return 10.0 ** (value / 10.0) if kind == DECIBEL else value


@jit
def observe_fields(values, kinds, lows, highs, out):
    """SI values (n_fields,) -> observation row ``out`` (n_fields,) float32, in place.

    Returns the index of the first number that is NaN, -1: none.
    """
    return _use_up(values.copy(), kinds, lows, highs, out)


@jit
def _use_up(values, kinds, lows, highs, out):
    """As :func:`observe_fields`, with decibels written over ``values``."""
    wrong = 0
    for j in range(out.shape[0]):
        if kinds[j] == DECIBEL:
            values[j] = _decibel(values[j])
    for j in range(out.shape[0]):
        number = _scaled(values[j], kinds[j], lows[j], highs[j])
        wrong += 1 if math.isnan(values[j]) or math.isnan(number) else 0
        out[j] = number
    for j in range(out.shape[0] if wrong > 0 else 0):
        if math.isnan(values[j]) or math.isnan(out[j]):
            return j
    return -1


@jit
def nothing_yet(n_fields):
    """Scratch for the SI values of one row, all NaN: (n_fields + 1,), the last place for what fits nowhere."""
    return np.full(n_fields + 1, math.nan)


@jit
def put(values, span, k, value):
    """Write number ``k`` of the vector at ``span`` (a SPAN); :func:`show` reports one beyond its size."""
    if 0 <= k < span.count:
        values[span.first + k] = value
    else:
        values[values.shape[0] - 1] = span.index


@jit
def fitting(values, span, count):
    """How many of ``count`` numbers the vector at ``span`` takes; :func:`show` reports the others."""
    if count > span.count:
        values[values.shape[0] - 1] = span.index
    return min(count, span.count)


@jit
def show(values, out, p):
    """SI values of a row, of :func:`nothing_yet`, -> observation ``out`` (n_fields,) float32; empties ``values`` again.

    Returns -1, or the index of a number that is NaN, or n_fields plus the index of a field that was given too many.
    """
    wrong = _use_up(values, p.field_kind, p.field_low, p.field_high, out)
    beyond = values[p.n_fields]
    values[:] = math.nan
    return wrong if math.isnan(beyond) else p.n_fields + int(beyond)


@jit
def decode_fields(observations, kinds, lows, highs, out):
    """Observations (n, n_fields) float32 -> SI values ``out`` (n, n_fields) float64, in place."""
    for i in range(observations.shape[0]):
        for j in range(observations.shape[1]):
            out[i, j] = from_observation(float(observations[i, j]), kinds[j], lows[j], highs[j])


@jit
def nearest_level(value, levels, count):
    """Index of the level nearest to ``value`` among ``levels[:count]`` (ascending); ties go down."""
    best = 0
    for j in range(1, count):
        if abs(levels[j] - value) < abs(levels[best] - value):
            best = j
    return best


@jit
def decode_levels(indices, levels, counts, out):
    """Level indices (n, n_axes) int64 -> physical values ``out`` (n, n_axes); returns -1.

    Or the first bad row; ``out`` is then as it was.
    """
    for i in range(indices.shape[0]):
        for j in range(indices.shape[1]):
            if indices[i, j] < 0 or indices[i, j] >= counts[j]:
                return i
    for i in range(indices.shape[0]):
        for j in range(indices.shape[1]):
            out[i, j] = levels[j, indices[i, j]]
    return -1


@jit
def encode_levels(values, levels, counts, out):
    """Physical values (n, n_axes) float64 -> nearest level indices ``out`` (n, n_axes) int64, in place."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            out[i, j] = nearest_level(values[i, j], levels[j], counts[j])


@jit
def decode_box(numbers, levels, counts, tops, out):
    """Numbers in [-1, 1] (n, n_axes) -> physical values; returns -1, or the first bad row and leaves ``out`` as it was.

    An axis with levels is cut into equal bins; a continuous one (``tops[j] > 0``) maps x to top ((x+1)/2)^3, so
    that small powers have resolution and 0 is reachable.
    """
    for i in range(numbers.shape[0]):
        for j in range(numbers.shape[1]):
            if not (-1.0 <= float(numbers[i, j]) <= 1.0):
                return i
    for i in range(numbers.shape[0]):
        for j in range(numbers.shape[1]):
            share = 0.5 * (float(numbers[i, j]) + 1.0)
            if tops[j] > 0.0:
                out[i, j] = tops[j] * share * share * share
            else:
                out[i, j] = levels[j, min(int(share * counts[j]), counts[j] - 1)]
    return -1


@jit
def encode_box(values, levels, counts, tops, out):
    """Inverse of :func:`decode_box`: physical values -> numbers in [-1, 1] (bin centres for levels), in place."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            if tops[j] > 0.0:
                share = (min(max(values[i, j], 0.0), tops[j]) / tops[j]) ** (1.0 / 3.0)
            else:
                share = (nearest_level(values[i, j], levels[j], counts[j]) + 0.5) / counts[j]
            out[i, j] = 2.0 * share - 1.0
