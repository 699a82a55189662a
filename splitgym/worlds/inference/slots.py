"""Compiled code of the inference world: the slots of one task, a block after the other.

References of the form (s3.5) point to sections of the ENACHI specification.
"""

from __future__ import annotations

import math

import numpy as np

from splitgym.jit import jit
from splitgym.physics.dnn import answers_part
from splitgym.physics.fading import BLOCK, GAUSSIAN, fading_block, fading_enter
from splitgym.physics.logarithm import log_1p
from splitgym.physics.radio import (
    LEAST_NOISE_W,
    band_noise_w,
    nat_bit_s,
    signal_ratio,
    tracking_queue_w,
    tracking_weight,
    water_level_w2,
)
from splitgym.physics.random import NORMAL_MAX, child
from splitgym.physics.steady import add_up
from splitgym.physics.uplink import (
    confident_ratio,
    predictor_error,
    received_ratio,
    server_stops,
    slot_bit,
    slot_power_w,
)
from splitgym.worlds.inference.nature import fading_key_of, slot_noise


@jit
def stop_rule(s, x, cut, p):
    """From how many bits on the server may stop a transmission (inf: it never may), and theta.  (s5.2, s5.3)

    With fewer bits no drawable error stops it, which saves the draw; errors that are recorded may be larger.
    """
    if not (s.early_stop and s.progressive and answers_part(cut, p)):
        return math.inf, 0.0
    theta = confident_ratio(x.complexity, cut, p)
    if s.recorded:
        return 0.0, theta
    return p.cut_bits[cut] * theta * math.exp(p.stop_log_margin - predictor_error(x.persistent, NORMAL_MAX, p)), theta


@jit
def stops_at(sent_bit, wanted_bit, channels, theta, persistent, error, p):
    """Whether the server asks to stop when so many bits have arrived; ``error`` is the slot's.  (s3.5, s5.3)"""
    ratio = received_ratio(sent_bit, wanted_bit, channels)
    return server_stops(ratio, theta, predictor_error(persistent, error, p), p)


@jit
def report_uplink(o, sent_bit, sent_w, used, stopped, wanted_bit, channels, p):
    """What the slots of a task have done; a stop that came too late saves nothing."""
    o.capacity_bits, o.energy_radio_j, o.slots_used = sent_bit, sent_w * p.slot_s, used
    o.feature_ratio = received_ratio(sent_bit, wanted_bit, channels)
    o.stopped_early = stopped and used < o.slots_available and sent_bit < wanted_bit


@jit
def can_send(o, bandwidth_hz):
    """Whether there is a slot, power and bandwidth for the features of a task."""
    return o.power_w > 0.0 and o.slots_available > 0 and bandwidth_hz > 0.0


@jit
def uplink(s, x, bandwidth_hz, first, fading, noise, log, o, p):
    """Send the features of the cut in the slots available from slot ``first`` on.  (s3.5, s3.6, s5.3, s7)

    ``fading`` and ``noise`` (n_tasks, n_slots) are read when the row is recorded; ``log`` (any, 5) takes slot index,
    gain, power [W], feature ratio and rate [bit/s] of each slot.
    """
    if not can_send(o, bandwidth_hz):
        return
    cut, power_w, count = o.cut, o.power_w, o.slots_available
    sent_bit, sent_w, queue_w = 0.0, 0.0, 0.0
    used, stop_after, stopped = 0, count, False
    wanted_bit, channels = p.cut_bits[cut], p.cut_channels[cut]
    least_bit, theta = stop_rule(s, x, cut, p)
    static = p.fading.kind == GAUSSIAN and p.fading.scatter == 0.0
    if static and log.shape[0] == 0 and not (least_bit < math.inf or s.tracking or s.recorded):  # all slots are alike
        gain = p.fading.line_of_sight * p.fading.line_of_sight
        used, sent_bit = add_up(0.0, slot_bit(power_w, x.gain * gain, bandwidth_hz, p), count, wanted_bit)
        _, sent_w = add_up(0.0, power_w, used, math.inf)
        report_uplink(o, sent_bit, sent_w, used, stopped, wanted_bit, channels, p)
        return
    level_w2 = water_level_w2(tracking_weight(power_w, count, x.gain, bandwidth_hz, p.noise_w_hz, p.tolerance))
    noise_w, nat_s = band_noise_w(bandwidth_hz, p.noise_w_hz), nat_bit_s(bandwidth_hz)
    task_key = child(s.key, s.task)
    fading_key = fading_key_of(task_key)
    gains, pairs = np.empty(BLOCK), np.empty((2, BLOCK))
    powers, ratios = np.empty(BLOCK), np.zeros(BLOCK)
    re, im = 0.0, 0.0
    tracking, recorded, slow = s.tracking, s.recorded, x.gain
    if not recorded:
        re, im = fading_enter(fading_key, first // BLOCK, p.fading)
    while used < stop_after and sent_bit < wanted_bit:  # a block of slots
        here = (first + used) % BLOCK
        begin, end = first + used - here, min(here + stop_after - used, BLOCK)
        if recorded:  # the one place where drawn and recorded gains differ
            for ahead in range(min(BLOCK, fading.shape[1] - begin)):  # a slice would compile far longer
                gains[ahead] = fading[s.task, begin + ahead]
        else:
            re, im = fading_block(fading_key, begin // BLOCK, re, im, p.fading, gains, pairs)
        for j in range(here, end):
            gain = slow * gains[j]
            powers[j] = slot_power_w(tracking, queue_w, gain, power_w, level_w2, noise_w, p.power_max_w)
            queue_w = tracking_queue_w(queue_w, powers[j], power_w)
            ratios[j] = signal_ratio(powers[j], gain, noise_w) if noise_w >= LEAST_NOISE_W else 0.0
        for j in range(BLOCK):  # all of them: a loop that a compiler can vectorise
            ratios[j] = log_1p(ratios[j])
        while here < end and used < stop_after and sent_bit < wanted_bit:
            carried_bit = ratios[here] * nat_s * p.slot_s
            sent_w += powers[here]
            sent_bit += carried_bit
            if used < log.shape[0]:
                log[used, 0], log[used, 1], log[used, 2] = begin + here, gains[here], powers[here]
                log[used, 3], log[used, 4] = received_ratio(sent_bit, wanted_bit, channels), carried_bit / p.slot_s
            used += 1
            if least_bit <= sent_bit < wanted_bit and not stopped:
                error = noise[s.task, begin + here] if recorded else slot_noise(task_key, begin + here)
                if stops_at(sent_bit, wanted_bit, channels, theta, x.persistent, error, p):
                    stopped = True
                    stop_after = min(count, used + p.feedback_slots)
            here += 1
    report_uplink(o, sent_bit, sent_w, used, stopped, wanted_bit, channels, p)
