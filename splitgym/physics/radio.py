"""Uplink: Shannon rate and the reference-tracking power controller (ENACHI specification, sections 3.2 and 7)."""

from __future__ import annotations

import math

from splitgym.jit import jit
from splitgym.physics.logarithm import log_1p

LOG2 = math.log(2.0)
#: exp(-Euler's constant): geometric mean of a unit-mean exponential gain (specification section 8).
GEOMETRIC_MEAN_GAIN = 0.5614594835668851


#: Less noise than in any share of a band: beyond, the SNR would overflow before the band vanishes.
LEAST_NOISE_W = 1e-200


@jit
def band_noise_w(bandwidth_hz, noise_w_hz):
    """Noise in a band [W]: N0 w."""
    return noise_w_hz * bandwidth_hz


@jit
def nat_bit_s(bandwidth_hz):
    """Rate [bit/s] in a band for each nat of log(1 + snr): w / log 2."""
    return bandwidth_hz / LOG2


@jit
def signal_ratio(power_w, gain, noise_w):
    """Signal over noise [1]: p g / (N0 w)."""
    return power_w * gain / noise_w


@jit
def rate_bit_s(power_w, gain, bandwidth_hz, noise_w_hz):
    """Shannon rate of one link [bit/s]: w log2(1 + p g / (N0 w)); 0 for bandwidth 0.  (section 3.2)"""
    noise_w = band_noise_w(bandwidth_hz, noise_w_hz)
    if noise_w < LEAST_NOISE_W:
        return 0.0
    return log_1p(signal_ratio(power_w, gain, noise_w)) * nat_bit_s(bandwidth_hz)


@jit
def power_for_rate_w(rate_hz_ratio, gain, bandwidth_hz, noise_w_hz):
    """Least power [W] for a spectral efficiency [bit/s/Hz]: (2^x - 1) N0 w / g; capped exponent.  (section 6.2, 6.5)"""
    exponent = min(rate_hz_ratio * LOG2, 600.0)
    return math.expm1(exponent) * noise_w_hz * bandwidth_hz / gain


@jit
def tracking_weight(mean_power_w, n_slots, gain, bandwidth_hz, noise_w_hz, tolerance):
    """V_in = eps K pbar (pbar + N0 w / G) log 2  [W^2].  (section 7.3)"""
    return tolerance * n_slots * mean_power_w * (mean_power_w + noise_w_hz * bandwidth_hz / gain) * LOG2


@jit
def water_level_w2(weight):
    """Water level times the power queue [W^2]: V_in / log 2.  (section 7.2)"""
    return weight / LOG2


@jit
def filled_power_w(level_w2, power_queue_w, slot_gain, noise_w, power_max_w):
    """Power of a slot [W] from :func:`water_level_w2` and the noise in the band, see :func:`tracking_power_w`."""
    if power_queue_w <= 0.0:
        return power_max_w
    if slot_gain <= 0.0:
        return 0.0
    return min(max(level_w2 / power_queue_w - noise_w / slot_gain, 0.0), power_max_w)


@jit
def tracking_power_w(weight, power_queue_w, slot_gain, bandwidth_hz, noise_w_hz, power_max_w):
    """Water-filling power of a slot [W]: V_in / (q log 2) - N0 w / g in [0, p_max]; p_max for q = 0.  (section 7.2)"""
    noise_w = band_noise_w(bandwidth_hz, noise_w_hz)
    return filled_power_w(water_level_w2(weight), power_queue_w, slot_gain, noise_w, power_max_w)


@jit
def tracking_queue_w(power_queue_w, power_w, mean_power_w):
    """q' = max(q + p - pbar, 0)  [W].  (section 7.1)"""
    return max(power_queue_w + power_w - mean_power_w, 0.0)


@jit
def slot_count(begin_s, end_s, slot_s):
    """Whole slots between two instants: first = ceil(begin/slot), max(floor(end/slot) - first, 0).  (section 3.4)"""
    first = int(math.ceil(begin_s / slot_s))
    return first, max(int(math.floor(end_s / slot_s)) - first, 0)
