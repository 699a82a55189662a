"""Drift-plus-penalty at task level: value of transmitting with a power and a bandwidth (ENACHI specification, s6).

Everything here is for one fixed split: ``window_s`` = T_s [s], ``wanted_bit`` = L_s, ``curve`` = A_s, ``weight_j2``
= V [J^2], ``queue_j`` = Q [J], ``gain`` = G.
"""

from __future__ import annotations

import math

from splitgym.jit import jit
from splitgym.physics.dnn import accuracy, accuracy_slope, first_from
from splitgym.physics.radio import GEOMETRIC_MEAN_GAIN, LOG2, power_for_rate_w, rate_bit_s

_CORNER = 1e-9  # difference of two ratios that is rounding


@jit
def delivered_ratio(power_w, gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit):
    """beta = min(1, T R(w, p, G) / L) [1] under the mean gain.  (section 6.1)"""
    return min(window_s * rate_bit_s(power_w, gain, bandwidth_hz, noise_w_hz) / wanted_bit, 1.0)


@jit
def table_power_w(weight_j2, queue_j, gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit, curve, top_w):
    """p* [W] of :func:`best_power_w` for a table: the best of the pieces' best, each in closed form.

    On a piece of slope c, 1 + p a = V c w a / (L log 2 Q) with a = G / (N0 w), clipped to the piece.
    """
    per_w = gain / (noise_w_hz * bandwidth_hz)
    best, best_w, end_w = weight_j2 * curve.chance, 0.0, 0.0
    for i in range(1, curve.points):
        begin_w = end_w
        if begin_w >= top_w:
            break
        need = curve.shares[i] * wanted_bit / (window_s * bandwidth_hz)
        end_w = min(power_for_rate_w(need, gain, bandwidth_hz, noise_w_hz), top_w)
        slope = accuracy_slope(curve.shares[i - 1], curve)
        level = weight_j2 * slope * bandwidth_hz * per_w / (wanted_bit * LOG2 * queue_j)
        power_w = min(max((level - 1.0) / per_w, begin_w), end_w)
        value = transmit_value_j2(
            weight_j2, queue_j, power_w, gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit, curve
        )
        if value > best:
            best, best_w = value, power_w
    return best_w


@jit
def best_power_w(weight_j2, queue_j, gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit, curve, power_max_w):
    """p* [W] maximising V A(beta(p)) - Q p T for a fixed split and bandwidth, in closed form.  (section 6.2)"""
    per_w = gain / (noise_w_hz * bandwidth_hz)
    top_w = min(power_max_w, power_for_rate_w(wanted_bit / (window_s * bandwidth_hz), gain, bandwidth_hz, noise_w_hz))
    if queue_j <= 0.0:
        return top_w
    if curve.points > 0:
        return table_power_w(weight_j2, queue_j, gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit, curve, top_w)
    nu = curve.steepness * window_s * bandwidth_hz / (wanted_bit * LOG2)
    slope = weight_j2 * accuracy_slope(0.0, curve) * bandwidth_hz * per_w / (wanted_bit * LOG2 * queue_j)
    return min(max(math.expm1(math.log(slope) / (nu + 1.0)) / per_w, 0.0), top_w)


@jit
def transmit_value_j2(weight_j2, queue_j, power_w, gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit, curve):
    """V A(beta(p)) - Q p T [J^2]: value of a power, without the device's own energy.  (section 6.1)"""
    ratio = delivered_ratio(power_w, gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit)
    return weight_j2 * accuracy(ratio, curve) - queue_j * power_w * window_s


@jit
def at_corner(ratio, curve):
    """Whether a ratio is that of a table's corner, but for rounding."""
    i = first_from(curve.shares, curve.points, ratio - _CORNER)
    return i < curve.points and curve.shares[i] <= ratio + _CORNER


@jit
def bandwidth_price_j2_hz(weight_j2, queue_j, power_w, gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit, curve):
    """v'(w) [J^2/Hz]: marginal value of bandwidth at the optimal power.  (section 6.3)

    Where everything arrives, and at a table's corner, the ratio stays and the power falls.
    """
    need = wanted_bit / (window_s * bandwidth_hz)
    full_w = power_for_rate_w(need, gain, bandwidth_hz, noise_w_hz)
    if power_w < full_w:
        snr = power_w * gain / (noise_w_hz * bandwidth_hz)
        ratio = delivered_ratio(power_w, gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit)
        if not at_corner(ratio, curve):
            slope = accuracy_slope(ratio, curve)
            return weight_j2 * slope * (window_s / wanted_bit) * (math.log1p(snr) - snr / (1.0 + snr)) / LOG2
        need *= ratio
    exponent = min(need * LOG2, 600.0)
    bracket = math.expm1(exponent) - exponent * math.exp(exponent)
    return -queue_j * window_s * (noise_w_hz / gain) * bracket


@jit
def complete_power_w(gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit):
    """Power [W] sized to deliver everything in time: geometric-mean gain, 10 % back-off in rate.  (section 8)"""
    need = 1.1 * wanted_bit / (window_s * bandwidth_hz)
    return power_for_rate_w(need, GEOMETRIC_MEAN_GAIN * gain, bandwidth_hz, noise_w_hz)
