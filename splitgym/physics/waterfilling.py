"""Clairvoyant water-filling: the least energy that carries bits over slots whose gains are all known.

For any level mu >= 0 the Lagrangian sum_t (p_t - mu log(1 + p_t g_t / N)) + mu c, with c the nats to be carried and
each p_t in [0, p_max] chosen to minimise it, is at most the least energy (weak duality).  The level is searched, the
Lagrangian is what is returned: a search that stops early gives a lower bound, never a value too high.
"""

from __future__ import annotations

import math

from splitgym.jit import jit
from splitgym.physics.radio import LOG2

_STEPS = 60  # of the search for the level; it needs about eight
_CLOSE = 1e-9  # relative error of the nats at which the level is good enough
SLACK = 1e-9  # relative allowance for the rounding of sums over slots
_LOOKS = 6  # levels at which a rough Lagrangian is looked at
_NEAR = 1e-3  # relative error of the nats at which a rough one is good enough
_ROUGH = 1e-6  # relative error that it, and the search's own, may have
_RIGHT = 1e-11  # relative error of a rough sum of nats
_LONG = 1e100  # a product of as much goes into the sum of logarithms
_NO_GAIN = 1e-300  # stands for none: nothing is sent, and nothing divided by 0
_FULL_W = 1e100  # a level at which every slot has all its power


@jit
def _filled(level_w, gains, first, count, noise_w, power_max_w):
    """Nats per slot length, power [W] and slots between the limits at a water level, summed over the slots."""
    nats, power_w, active = 0.0, 0.0, 0
    for t in range(first, first + count):
        if gains[t] <= 0.0:
            continue
        floor_w = noise_w / gains[t]
        p_w = min(max(level_w - floor_w, 0.0), power_max_w)
        if p_w > 0.0:
            nats += math.log1p(p_w / floor_w)
            power_w += p_w
            active += 1 if p_w < power_max_w else 0
    return nats, power_w, active


@jit
def _roughly_filled(level_w, gains, first, count, noise_w, power_max_w):
    """As :func:`_filled`, with one logarithm for many slots: right to ``_RIGHT``, and inf beyond what a float holds."""
    nats, power_w, active, product = 0.0, 0.0, 0, 1.0
    level_snr, most_snr = level_w / noise_w, power_max_w / noise_w
    for t in range(first, first + count):  # no branch but the last, which processors guess: gains are random
        gain = max(gains[t], _NO_GAIN)
        snr = max(min(level_snr * gain - 1.0, most_snr * gain), 0.0)
        product *= 1.0 + snr
        power_w += snr / gain
        active += 1 if (snr > 0.0) & (snr < most_snr * gain) else 0
        if product > _LONG:
            nats, product = nats + math.log(product), 1.0
    return nats + math.log(product), power_w * noise_w, active


@jit
def _quickly_filled(level_w, gains, first, count, noise_w, power_max_w):
    """As :func:`_filled`, right to ``_RIGHT`` whatever the level."""
    nats, power_w, active = _roughly_filled(level_w, gains, first, count, noise_w, power_max_w)
    if nats < math.inf:
        return nats, power_w, active
    return _filled(level_w, gains, first, count, noise_w, power_max_w)


@jit
def least_energy_j(wanted_bit, slow_gain, gains, first, count, bandwidth_hz, noise_w_hz, slot_s, power_max_w):
    """A lower bound, tight to about 1e-9, on the energy [J] of any powers that carry ``wanted_bit`` in the slots.

    ``gains`` [1] are the fading gains by slot; slots first .. first + count - 1 may be used, each with at most
    ``power_max_w``.  Returns inf where even full power in all of them does not carry so much.
    """
    if wanted_bit <= 0.0:
        return 0.0
    if count <= 0:
        return math.inf
    noise_w = noise_w_hz * bandwidth_hz / slow_gain  # over the slow gain, so that gains are those of the fading
    wanted = wanted_bit * LOG2 / (bandwidth_hz * slot_s) * (1.0 - SLACK)
    most, spent_w, _ = _quickly_filled(_FULL_W, gains, first, count, noise_w, power_max_w)
    if most < wanted * (1.0 + _CLOSE):  # it is close, or too much
        most, spent_w, _ = _filled(math.inf, gains, first, count, noise_w, power_max_w)
    if most < wanted:
        return math.inf
    low_w, high_w = 0.0, math.inf
    level_w = spent_w / count + noise_w
    for _ in range(_STEPS):
        nats, _, active = _quickly_filled(level_w, gains, first, count, noise_w, power_max_w)
        if abs(nats - wanted) <= _CLOSE * wanted:
            break
        if nats < wanted:
            low_w = level_w
        else:
            high_w = level_w
        # Newton in the logarithm of the level: each slot between the limits gains one nat for a factor e
        step_w = level_w * math.exp(min(max((wanted - nats) / active, -3.0), 3.0)) if active > 0 else -1.0
        if low_w < step_w < high_w:
            level_w = step_w
        else:
            level_w = 2.0 * level_w if high_w == math.inf else 0.5 * (low_w + high_w)
    nats, power_w, _ = _filled(level_w, gains, first, count, noise_w, power_max_w)
    bound_w = power_w + level_w * (wanted - nats)
    return max(bound_w, 0.0) * slot_s * (1.0 - SLACK)


# ------------------------------------------------------------------ which search is worth its while?
@jit
def rough_energy_j(wanted_bit, slow_gain, gains, first, count, bandwidth_hz, noise_w_hz, slot_s, power_max_w, enough_j):
    """A lower bound on :func:`least_energy_j` of the same arguments, often tight to a millionth, in less time.

    Any level's Lagrangian is a lower bound; of a few rough ones the greatest, a hair lower, is returned, or the first
    that is above ``enough_j``.  Where not even full power carries the bits it may be any energy.
    """
    if wanted_bit <= 0.0:
        return 0.0
    if count <= 0:
        return math.inf
    noise_w = noise_w_hz * bandwidth_hz / slow_gain
    wanted = wanted_bit * LOG2 / (bandwidth_hz * slot_s) * (1.0 - SLACK)
    best_w, enough_w, level_w = 0.0, enough_j / slot_s, noise_w * math.exp(min(wanted / count, 600.0))
    for _ in range(_LOOKS):
        nats, power_w, active = _roughly_filled(level_w, gains, first, count, noise_w, power_max_w)
        if not nats < math.inf:
            break
        best_w = max(best_w, power_w + level_w * (wanted - nats * (1.0 + _RIGHT)))
        if best_w > enough_w or abs(wanted - nats) <= _NEAR * wanted:
            break
        level_w *= math.exp(min(max((wanted - nats) / max(active, 1), -3.0), 3.0))
    return best_w * slot_s * (1.0 - _ROUGH)
