"""One slot of a progressive transmission: power, bits, channels received, the server's stop (ENACHI specification).

Every world that sends features slot by slot is made of these functions.  ``p`` is a record with the fields of the
radio and of the stop rule, as :data:`splitgym.worlds.inference.layout.PARAMS` has them.
"""

from __future__ import annotations

import math

from splitgym.jit import jit
from splitgym.physics.dnn import accuracy, curve_of, predicts_stop, seen_ratio, uncertainty
from splitgym.physics.radio import filled_power_w, rate_bit_s


@jit
def slot_power_w(tracking, power_queue_w, slot_gain, reference_w, level_w2, noise_w, power_max_w):
    """Power of a slot [W]: water-filling that tracks the reference, or the reference itself.  (s7.2, s8)"""
    if tracking:
        return filled_power_w(level_w2, power_queue_w, slot_gain, noise_w, power_max_w)
    return reference_w


@jit
def slot_bit(power_w, slot_gain, bandwidth_hz, p):
    """Bits that a slot carries.  (s3.2)"""
    return rate_bit_s(power_w, slot_gain, bandwidth_hz, p.noise_w_hz) * p.slot_s


@jit
def received_ratio(sent_bit, wanted_bit, channels):
    """beta [1]: whole channels received over all channels; 1 when everything is in.  (s3.5)"""
    if sent_bit >= wanted_bit:
        return 1.0
    return math.floor(channels * sent_bit / wanted_bit) / channels


@jit
def confident_ratio(complexity, cut, p):
    """theta_seen [1]: feature ratio at which the server becomes confident of the sample; inf if never.  (s5.2)"""
    return seen_ratio(complexity, curve_of(cut, p), p.confidently_wrong)


@jit
def predictor_error(persistent, error, p):
    """Error of the predicted log ratio [1] from its persistent and per-slot parts, both N(0, 1).  (s5.3)"""
    return p.stop_noise_persistent * persistent + p.stop_noise_slot * error


@jit
def server_stops(ratio, theta, error, p):
    """Whether the server, with this predictor error, asks to stop at a feature ratio.  (s5.3)"""
    return predicts_stop(ratio, theta, error, p.stop_log_margin)


@jit
def predicted_uncertainty(ratio, theta, error, p):
    """What the server believes its uncertainty to be at a feature ratio, with this predictor error [1].  (s5.3)"""
    return uncertainty(ratio, theta, error, p.stop_exponent)


@jit
def answer_accuracy(ratio, cut, p):
    """Accuracy of the server's answer to a share of a cut's features [1].  (s4)"""
    return accuracy(ratio, curve_of(cut, p))
