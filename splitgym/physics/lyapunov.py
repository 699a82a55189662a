"""Drift-plus-penalty at task level: value of transmitting with a power and a bandwidth (ENACHI specification, s6).

Everything here is for one fixed split: ``window_s`` = T_s [s], ``wanted_bit`` = L_s, ``steepness`` = k_s, ``weight_j2``
= V [J^2], ``queue_j`` = Q [J], ``gain`` = G.
"""

from __future__ import annotations

import math

from splitgym.jit import jit
from splitgym.physics.dnn import accuracy
from splitgym.physics.radio import GEOMETRIC_MEAN_GAIN, LOG2, power_for_rate_w, rate_bit_s


@jit
def accuracy_slope(steepness, full, chance):
    """alpha_s = (A_f - A_0) k / (1 - e^-k): slope of the accuracy curve at 0 [1].  (section 4)"""
    return (full - chance) * steepness / -math.expm1(-steepness)


@jit
def delivered_ratio(power_w, gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit):
    """beta = min(1, T R(w, p, G) / L) [1] under the mean gain.  (section 6.1)"""
    return min(window_s * rate_bit_s(power_w, gain, bandwidth_hz, noise_w_hz) / wanted_bit, 1.0)


@jit
def best_power_w(
    weight_j2, queue_j, gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit, steepness, full, chance, power_max_w
):  # fmt: skip
    """p* [W] maximising V A(beta(p)) - Q p T for a fixed split and bandwidth, in closed form.  (section 6.2)"""
    per_w = gain / (noise_w_hz * bandwidth_hz)
    top_w = min(power_max_w, power_for_rate_w(wanted_bit / (window_s * bandwidth_hz), gain, bandwidth_hz, noise_w_hz))
    if queue_j <= 0.0:
        return top_w
    nu = steepness * window_s * bandwidth_hz / (wanted_bit * LOG2)
    slope = weight_j2 * accuracy_slope(steepness, full, chance) * bandwidth_hz * per_w / (wanted_bit * LOG2 * queue_j)
    return min(max(math.expm1(math.log(slope) / (nu + 1.0)) / per_w, 0.0), top_w)


@jit
def transmit_value_j2(
    weight_j2, queue_j, power_w, gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit, steepness, full, chance
):  # fmt: skip
    """V A(beta(p)) - Q p T [J^2]: value of a power, without the device's own energy.  (section 6.1)"""
    ratio = delivered_ratio(power_w, gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit)
    return weight_j2 * accuracy(ratio, steepness, full, chance) - queue_j * power_w * window_s


@jit
def bandwidth_price_j2_hz(
    weight_j2, queue_j, power_w, gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit, steepness, full, chance
):  # fmt: skip
    """v'(w) [J^2/Hz]: marginal value of bandwidth at the optimal power.  (section 6.3)"""
    need = wanted_bit / (window_s * bandwidth_hz)
    full_w = power_for_rate_w(need, gain, bandwidth_hz, noise_w_hz)
    if power_w < full_w:
        snr = power_w * gain / (noise_w_hz * bandwidth_hz)
        ratio = delivered_ratio(power_w, gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit)
        slope = accuracy_slope(steepness, full, chance) * math.exp(-steepness * ratio)
        return weight_j2 * slope * (window_s / wanted_bit) * (math.log1p(snr) - snr / (1.0 + snr)) / LOG2
    exponent = min(need * LOG2, 600.0)
    bracket = math.expm1(exponent) - exponent * math.exp(exponent)
    return -queue_j * window_s * (noise_w_hz / gain) * bracket


@jit
def complete_power_w(gain, bandwidth_hz, noise_w_hz, window_s, wanted_bit):
    """Power [W] sized to deliver everything in time: geometric-mean gain, 10 % back-off in rate.  (section 8)"""
    need = 1.1 * wanted_bit / (window_s * bandwidth_hz)
    return power_for_rate_w(need, GEOMETRIC_MEAN_GAIN * gain, bandwidth_hz, noise_w_hz)
