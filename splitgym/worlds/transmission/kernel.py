"""Compiled code of the transmission world: one slot, its end, observation, and the loop over rows.

A slot is made of the functions of :mod:`splitgym.physics.uplink`, as it is inside a task of the inference world.
References of the form (s3.4) point to sections of the ENACHI specification.
"""

from __future__ import annotations

import math

import numpy as np

from splitgym.jit import jit
from splitgym.physics.codec import nothing_yet, show
from splitgym.physics.dnn import answers_part
from splitgym.physics.fading import BLOCK, fading_block, fading_enter
from splitgym.physics.radio import slot_count, tracking_queue_w
from splitgym.physics.uplink import (
    answer_accuracy,
    confident_ratio,
    predicted_uncertainty,
    predictor_error,
    received_ratio,
    slot_bit,
)
from splitgym.worlds.inference.kernel import device_s, tail_s
from splitgym.worlds.inference.nature import fading_key_of, slot_noise
from splitgym.worlds.transmission.nature import fill_episode, task_key_of

LOG_COLUMNS = 7  # of a slot: index, gain h, power [W], feature ratio, rate [bit/s], predicted uncertainty, queue [W]
#: A dead channel is observed as this gain, which is below every range.
LEAST_GAIN = 1e-300


# ------------------------------------------------------------------ what is known before a slot
@jit
def window(deadline_s, edge_load, p):
    """First slot and number of slots of a task: between the device's blocks and the edge's.  (s3.4)"""
    busy_s = device_s(p.cut, p.cut_clock_hz, p.cut_clock_hz, p)
    return slot_count(busy_s, deadline_s - tail_s(p.cut, p.last_cut, edge_load, 0.0, p), p.slot_s)


@jit
def come_to_slot(s, fading, gains, pairs, p):
    """Make the gain of the coming slot known; ``fading`` (n_slots,) is read when the row is recorded."""
    slot = s.first + s.used
    if s.recorded:
        s.fading = fading[slot]
        return
    here = slot % BLOCK
    if here == 0 or s.used == 0:
        key = fading_key_of(task_key_of(s.key))
        if s.used == 0:
            s.re, s.im = fading_enter(key, slot // BLOCK, p.fading)
        s.re, s.im = fading_block(key, slot // BLOCK, s.re, s.im, p.fading, gains, pairs)
        for ahead in range(BLOCK):
            s.block[ahead] = gains[ahead]
    s.fading = s.block[here]


@jit
def seen_uncertainty(s, predicted, p):
    """Newest prediction of the server that has reached the device; 1 before the first.  (s5.3)

    The prediction after a slot lets ``feedback_slots`` more slots be decided before it is known.
    """
    newest = s.used - 1 - p.feedback_slots
    return predicted[newest] if newest >= 0 else 1.0


# ------------------------------------------------------------------ one slot
@jit
def send_slot(s, power_w, x, noise, predicted, log, o, p):
    """Send one slot: bits, whole channels, the tracking queue, the server's prediction.  (s3.2, s3.5, s5.3, s7.1)"""
    slot, wanted_bit, slot_gain = s.first + s.used, p.cut_bits[p.cut], x.gain * s.fading
    carried_bit = slot_bit(power_w, slot_gain, p.bandwidth_hz, p)
    s.power_queue_w = tracking_queue_w(s.power_queue_w, power_w, x.reference_w)
    s.sent_w += power_w
    s.sent_bit += carried_bit
    ratio = received_ratio(s.sent_bit, wanted_bit, p.cut_channels[p.cut])
    error = noise[slot] if s.recorded else slot_noise(task_key_of(s.key), slot)
    believed = predicted_uncertainty(ratio, s.theta, predictor_error(x.persistent, error, p), p)
    predicted[s.used] = believed
    o.power_w, o.slot_bits = power_w, carried_bit
    if s.used < log.shape[0]:
        row = log[s.used]
        row[0], row[1], row[2], row[3] = slot, s.fading, power_w, ratio
        row[4], row[5], row[6] = carried_bit / p.slot_s, believed, s.power_queue_w
    s.used += 1


@jit
def clear_outcome(s, o):
    """Empty outcome of the coming slot."""
    o.slot, o.power_w, o.slot_bits, o.stopped, o.correct = s.used, 0.0, 0.0, False, False
    o.energy_slot_j, o.cost_j, o.reward_answer, o.reward_energy, o.reward = 0.0, 0.0, 0.0, 0.0, 0.0


@jit
def answered(o, p):
    """Whether there is an answer to what has arrived: all or nothing, there is none without everything."""
    return answers_part(p.cut, p) or o.feature_ratio >= 1.0


@jit
def tell_state(s, x, predicted, o, p):
    """What has been reached, and what the coming slot is like."""
    wanted_bit = p.cut_bits[p.cut]
    o.done = s.depleted
    o.bits, o.capacity_bits = min(s.sent_bit, wanted_bit), s.sent_bit
    o.feature_ratio = received_ratio(s.sent_bit, wanted_bit, p.cut_channels[p.cut])
    o.server_uncertainty = predicted[s.used - 1] if s.used > 0 else 1.0
    o.slots_used, o.slots_available = s.used, s.count
    o.energy_radio_j = s.sent_w * p.slot_s
    o.reference_w, o.power_queue_w = x.reference_w, s.power_queue_w
    o.gain, o.next_slot_gain = x.gain, x.gain * s.fading
    o.seen_uncertainty = seen_uncertainty(s, predicted, p)
    o.accuracy = answer_accuracy(o.feature_ratio, p.cut, p) if answered(o, p) else 0.0


@jit
def step_one(s, d, x, fading, noise, predicted, log, gains, pairs, o, p):
    """One decision: send the slot or stop; at the end the answer.  (s3.6, s5.1)

    The transmission ends when the agent stops, when everything is in, or after the last slot.
    """
    clear_outcome(s, o)
    allowed_j = x.reference_w * s.count * p.slot_s
    over_j = max(s.sent_w * p.slot_s - allowed_j, 0.0)
    o.slot_gain, o.stopped = x.gain * s.fading, d.stop >= 0.5
    if not o.stopped:
        send_slot(s, d.power_w, x, noise, predicted, log, o, p)
    s.depleted = o.stopped or s.sent_bit >= p.cut_bits[p.cut] or s.used >= s.count
    if not s.depleted:
        come_to_slot(s, fading, gains, pairs, p)
    tell_state(s, x, predicted, o, p)
    o.energy_slot_j = o.power_w * p.slot_s
    o.cost_j = max(o.energy_radio_j - allowed_j, 0.0) - over_j
    o.correct = s.depleted and answered(o, p) and x.complexity <= o.accuracy
    o.reward_answer = 1.0 if o.correct else 0.0
    o.reward_energy = 0.0 - p.energy_price * (o.energy_slot_j / p.budget_j)  # no price is 0, not -0
    o.reward = o.reward_answer + o.reward_energy


@jit
def begin(s, key, x, fading, gains, pairs, p):
    """Put a row at the start of an episode; its task is already drawn.  (s3.4)"""
    s.key = key
    s.used, s.sent_bit, s.sent_w, s.power_queue_w = 0, 0.0, 0.0, 0.0
    s.finished, s.depleted = False, False
    s.first, s.count = window(x.deadline_s, x.edge_load, p)
    s.theta = confident_ratio(x.complexity, p.cut, p) if answers_part(p.cut, p) else math.inf
    come_to_slot(s, fading, gains, pairs, p)


# ------------------------------------------------------------------ what is seen
@jit
def observe(s, x, predicted, values, out, p):
    """Observation of a row into ``out`` (n_fields,) float32; ``values`` takes the SI values, see :func:`show`."""
    at = p.at
    values[at.gain] = x.gain
    values[at.slot_gain] = max(x.gain * s.fading, LEAST_GAIN)
    values[at.slots_left] = 0.0 if s.depleted else s.count - s.used
    values[at.slots_total] = s.count
    values[at.feature_ratio] = received_ratio(s.sent_bit, p.cut_bits[p.cut], p.cut_channels[p.cut])
    values[at.uncertainty] = seen_uncertainty(s, predicted, p)
    values[at.reference_w] = x.reference_w
    values[at.power_queue_w] = s.power_queue_w
    values[at.spent_j] = s.sent_w * p.slot_s
    values[at.hint] = x.hint
    return show(values, out, p)


# ------------------------------------------------------------------ the loop over rows
@jit
def turn_rows(
    low, high, rows, observations, masks, logs, table, params, all_tasks, fading, noise, predicted, recorded_s, channel
):
    """One turn of rows low..high: the only stepping loop of the world.

    ``rows`` (n,) of ``row_dtype``: live ones take a slot by their decision, fresh ones begin the episode of their
    key (recorded rows keep the task they were given); both are then observed.  ``logs`` (n, n_slots or 0,
    LOG_COLUMNS) takes the slots of the episode.  Every action is allowed, so ``table`` is not used and all masks are
    True.  ``params`` (1,) is the PARAMS record; then :class:`splitgym.worlds.transmission.layout.Nature`.
    Returns -1, or what :func:`show` found.
    """
    p = params[0]
    scratch, gains, pairs = nothing_yet(p.n_fields), np.empty(BLOCK), np.empty((2, BLOCK))
    for i in range(low, high):
        row, x = rows[i], all_tasks[i, 0]
        s, d, o = row.state, row.decision, row.outcome
        j = i if s.recorded else 0  # the slot arrays may be empty when nothing is recorded
        if row.live:
            step_one(s, d, x, fading[j], noise[j], predicted[i], logs[i], gains, pairs, o, p)
        if row.fresh:
            if not s.recorded:
                fill_episode(row.key, all_tasks[i], recorded_s, channel[0], p)
            begin(s, row.key, x, fading[j], gains, pairs, p)
            clear_outcome(s, o)
            o.slot, o.slot_gain = -1, 0.0
            tell_state(s, x, predicted[i], o, p)
        if row.live or row.fresh:
            wrong = observe(s, x, predicted[i], scratch, observations[i], p)
            if wrong >= 0:
                return wrong
            masks[i][:] = True
    return -1
