"""Computing time and energy, accuracy curves, per-sample uncertainty (ENACHI specification, sections 3.1, 4, 5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from splitgym.jit import jit


class Curve(NamedTuple):
    """Accuracy of a cut's answers against the share of its features: an exponential, or a table.

    One of ``steepness`` and ``points`` is above 0; if neither is, the cut answers to all of its features or not at
    all.  A table is read by linear interpolation; it begins with the share 0 and the accuracy of guessing and ends
    with the share 1 and the full accuracy, and its accuracies do not fall.
    """

    steepness: float  # k_s of the exponential; 0: no exponential
    full: float  # A_f [1]
    chance: float  # A_0 [1]
    points: int  # of the table; 0: no table
    shares: np.ndarray  # (>= points,) share of the features, ascending
    levels: np.ndarray  # (>= points,) accuracy with that share


def exponential(steepness: float, full: float, chance: float) -> Curve:
    """The curve of section 4; ``steepness`` 0: all or nothing."""
    return Curve(float(steepness), float(full), float(chance), 0, np.zeros(0), np.zeros(0))


def table(shares: Sequence[float] | np.ndarray, levels: Sequence[float] | np.ndarray) -> Curve:
    """The curve through points (n,): shares ascending from 0 to 1, accuracies that do not fall."""
    x, y = np.array(shares, np.float64), np.array(levels, np.float64)
    return Curve(0.0, float(y[-1]), float(y[0]), len(x), x, y)


@jit
def curve_of(cut, p):
    """The curve of a cut; ``p`` is a record with the accuracies and the cuts' curves, as PARAMS has them."""
    return Curve(
        p.cut_steepness[cut], p.accuracy_full, p.accuracy_chance, p.cut_points[cut], p.cut_shares[cut],
        p.cut_levels[cut],
    )  # fmt: skip


@jit
def answers_part(cut, p):
    """Whether a part of a cut's features is answered to; else all or nothing.  (section 4)"""
    return p.cut_steepness[cut] > 0.0 or p.cut_points[cut] > 0


@jit
def first_from(column, count, least):
    """Index of the first of ``count`` ascending values that is at least ``least``; ``count`` if none is."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if column[middle] >= least:
            high = middle
        else:
            low = middle + 1
    return low


@jit
def compute_s(macs, clock_hz, macs_per_cycle):
    """Time of ``macs`` multiply-adds at a clock [s].  (section 3.1)"""
    return cycles_s(macs / macs_per_cycle, clock_hz)


@jit
def cycles_s(cycles, clock_hz):
    """Time of ``cycles`` at a clock [s].  (section 3.1)"""
    return cycles / clock_hz


@jit
def compute_j(macs, clock_hz, macs_per_cycle, kappa_f):
    """Energy of ``macs`` multiply-adds at a clock [J]: kappa f^2 cycles.  (section 3.1)"""
    return kappa_f * clock_hz * clock_hz * (macs / macs_per_cycle)


@jit
def accuracy(ratio, curve):
    """A_s(beta) [1]: expected top-1 accuracy with a share ``ratio`` in [0, 1] of the features.  (section 4)

    It does not fall with the ratio.  All or nothing: that of the answer to everything.
    """
    full, chance, steepness = curve.full, curve.chance, curve.steepness
    if steepness > 0.0:
        return chance + (full - chance) * (math.expm1(-steepness * ratio) / math.expm1(-steepness))
    i = first_from(curve.shares, curve.points, ratio)
    if i == curve.points:
        return full
    high = curve.levels[i]
    if curve.shares[i] == ratio:
        return high
    low, begin = curve.levels[i - 1], curve.shares[i - 1]
    return min(low + (high - low) * ((ratio - begin) / (curve.shares[i] - begin)), high)


@jit
def accuracy_slope(ratio, curve):
    """A_s'(beta) [1]: slope of the curve at a ratio, to the right of a table's corner.  (section 4)

    At 0 it is alpha_s = (A_f - A_0) k / (1 - e^-k).
    """
    steepness = curve.steepness
    if steepness > 0.0:
        return (curve.full - curve.chance) * steepness / -math.expm1(-steepness) * math.exp(-steepness * ratio)
    i = first_from(curve.shares, curve.points, ratio)
    if i < curve.points and curve.shares[i] == ratio:
        i += 1
    if i >= curve.points:
        return 0.0
    return (curve.levels[i] - curve.levels[i - 1]) / (curve.shares[i] - curve.shares[i - 1])


@jit
def ratio_for(target, curve):
    """theta_s(a) [1]: least share of the features with which the accuracy reaches ``target`` <= A_f; 0 below chance.

    (section 4)
    """
    steepness, share = curve.steepness, (target - curve.chance) / (curve.full - curve.chance)
    if share <= 0.0:
        return 0.0
    if steepness > 0.0:
        return -math.log1p(share * math.expm1(-steepness)) / steepness
    i = first_from(curve.levels, curve.points, target)
    if i == 0 or i == curve.points:
        return 1.0
    low, begin = curve.levels[i - 1], curve.shares[i - 1]
    return begin + (curve.shares[i] - begin) * ((target - low) / (curve.levels[i] - low))


@jit
def seen_ratio(complexity, curve, confidently_wrong):
    """theta_seen [1]: ratio at which the server becomes confident of a sample; inf if it never does.  (section 5.2)"""
    full = curve.full
    if complexity <= full:
        return ratio_for(complexity, curve)
    beyond = (complexity - full) / (1.0 - full)
    if beyond < confidently_wrong:
        return ratio_for(full * beyond / confidently_wrong, curve)
    return math.inf


@jit
def predicts_stop(ratio, theta_seen, noise, log_margin):
    """Early-stop test: log(beta / theta_seen) + noise >= log c.  (section 5.3)"""
    if ratio <= 0.0 or math.isinf(theta_seen):
        return False
    if theta_seen <= 0.0:
        return True
    return math.log(ratio / theta_seen) + noise >= log_margin


@jit
def uncertainty(ratio, theta_seen, noise, exponent):
    """H = 1 / (1 + exp(gamma (log(beta / theta_seen) + noise))) in [0, 1]; 1 as long as nothing has arrived.

    Without ``noise`` this is the uncertainty itself, with the predictor's error what the server believes.  It falls
    to a threshold exactly where :func:`predicts_stop` with that threshold's margin says so.  (sections 5.2, 5.3)
    """
    if ratio <= 0.0 or math.isinf(theta_seen):
        return 1.0
    if theta_seen <= 0.0:
        return 0.0
    return 1.0 / (1.0 + math.exp(min(exponent * (math.log(ratio / theta_seen) + noise), 700.0)))
