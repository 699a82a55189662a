"""Compiled decisions of the baselines for the transmission world: observed SI values in, power and stop out.

Every function reads a VIEW record ``v`` (what the policy observed) and the PARAMS record ``p`` (the scenario).  Some
of them know the law of the fading, as a table :class:`Law`; powers at fading gain h then depend on the noise over the
slow gain, N0 w / G.  (s...) points to the ENACHI specification.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from splitgym.jit import jit
from splitgym.physics.dnn import first_from
from splitgym.physics.radio import band_noise_w, tracking_weight, water_level_w2
from splitgym.physics.uplink import slot_power_w

CONSTANT, TRACKING, INVERSION, WATERFILLING = 0, 1, 2, 3
_CUTOFFS = 32  # gains of a law that are tried as a cutoff, evenly spaced in probability
_HALVINGS = 50  # of an interval, to the last bits


# ------------------------------------------------------------------ known statistics
class Law(NamedTuple):
    """The law of the fading gain: m gains in ascending order with their probabilities, and sums over their tails."""

    gains: np.ndarray  # (m,) h > 0 [1]
    shares: np.ndarray  # (m,) probabilities
    above: np.ndarray  # (m+1,) probability of gain j and those after it
    inverse: np.ndarray  # (m+1,) sum of probability / gain over them


@jit
def filling_mean_w(level_w, noise_w, law, power_max_w):
    """Mean power [W] of water-filling under the law; ``noise_w`` is N0 w / G [W]."""
    if level_w <= 0.0:
        return 0.0
    wet, full = first_from(law.gains, law.gains.shape[0], noise_w / level_w), law.gains.shape[0]
    if level_w > power_max_w:
        full = first_from(law.gains, law.gains.shape[0], noise_w / (level_w - power_max_w))
    between = level_w * (law.above[wet] - law.above[full]) - noise_w * (law.inverse[wet] - law.inverse[full])
    return between + power_max_w * law.above[full]


@jit
def filling_level_w(mean_w, noise_w, law, power_max_w):
    """Water level mu [W] at which the mean power under the law is ``mean_w``, or as near below as the limit lets it.

    The mean power does not fall with the level, so the interval is halved.
    """
    low, high = 0.0, power_max_w + noise_w / law.gains[0]
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if filling_mean_w(middle, noise_w, law, power_max_w) <= mean_w:
            low = middle
        else:
            high = middle
    return low


@jit
def inversion_scale_w(mean_w, first, law, power_max_w):
    """Power at gain 1 [W] at which inversion from gain ``first`` of the law on spends ``mean_w`` on average.

    The weakest gains are sent to with ``power_max_w``; the scale grows with their number, until all are.
    """
    free, count = first, law.gains.shape[0]  # gains from ``free`` on are below the limit
    while free < count:
        scale_w = (mean_w - power_max_w * (law.above[first] - law.above[free])) / law.inverse[free]
        if scale_w <= power_max_w * law.gains[free]:
            return scale_w
        free += 1
    return power_max_w * law.gains[count - 1]


@jit
def inversion_rate(scale_w, first, noise_w, law, power_max_w):
    """Mean spectral efficiency of inversion from gain ``first`` of the law on [nat/s/Hz]."""
    free = max(first_from(law.gains, law.gains.shape[0], scale_w / power_max_w), first)
    rate = law.above[free] * math.log1p(scale_w / noise_w)
    for j in range(first, free):
        rate += law.shares[j] * math.log1p(power_max_w * law.gains[j] / noise_w)
    return rate


@jit
def inversion_plan(mean_w, noise_w, law, power_max_w):
    """Cutoff [1] and power at gain 1 [W] of the truncated inversion with the highest mean rate."""
    best, cutoff, scale_w = -1.0, 0.0, 0.0
    for k in range(_CUTOFFS):
        first = k * law.gains.shape[0] // _CUTOFFS
        if k > 0 and power_max_w * law.above[first] < mean_w:
            break  # so few gains cannot use up the mean power
        tried_w = inversion_scale_w(mean_w, first, law, power_max_w)
        rate = inversion_rate(tried_w, first, noise_w, law, power_max_w)
        if rate > best:
            best, scale_w = rate, tried_w
            cutoff = 0.5 * (law.gains[first - 1] + law.gains[first]) if first > 0 else 0.0
    return cutoff, scale_w


# ------------------------------------------------------------------ one decision
@jit
def power_one(v, rule, constant_w, law, p):
    """Power of the coming slot [W] by a rule; ``constant_w`` < 0 stands for the reference.  (s7.2, s8)"""
    gain, noise_w, weight = v.slot_gain / v.gain, p.noise_w_hz * p.bandwidth_hz / v.gain, 0.0
    if rule == WATERFILLING:
        level_w = filling_level_w(v.reference_w, noise_w, law, p.power_max_w)
        return min(max(level_w - noise_w / gain, 0.0), p.power_max_w)
    if rule == INVERSION:
        cutoff, scale_w = inversion_plan(v.reference_w, noise_w, law, p.power_max_w)
        return min(scale_w / gain, p.power_max_w) if gain >= cutoff else 0.0
    if rule == TRACKING:
        count = round(v.slots_total)
        weight = tracking_weight(v.reference_w, count, v.gain, p.bandwidth_hz, p.noise_w_hz, p.tolerance)
    asked_w = v.reference_w if constant_w < 0.0 else constant_w
    level_w2, band_w = water_level_w2(weight), band_noise_w(p.bandwidth_hz, p.noise_w_hz)
    return slot_power_w(rule == TRACKING, v.power_queue_w, v.slot_gain, asked_w, level_w2, band_w, p.power_max_w)


@jit
def decide_rows(views, decisions, rule, stop_at, constant_w, law, params):
    """Decisions of all rows: stop where the uncertainty is at most ``stop_at`` (below 0: never), else send."""
    p = params[0]
    for i in range(views.shape[0]):
        v, d = views[i], decisions[i]
        d.power_w, d.stop = 0.0, 1.0
        if v.uncertainty > stop_at:
            d.power_w, d.stop = power_one(v, rule, constant_w, law, p), 0.0
