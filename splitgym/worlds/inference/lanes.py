"""The batch of the inference world: transmissions of many tasks side by side, in lanes.

A lane works at one task.  All lanes go through a block of slots together, one loop over them after the other, so that a
compiler can put several into one SIMD register and a processor works at many at once: normals, gains, powers, rates,
sums.  At the end of a block a lane that is done takes the next task.  The formulas are those of the single environment,
in the same order, so that results are the same to the last bit; the stop of a server is looked for task by task, in
blocks in which it can come.
"""

from __future__ import annotations

import math

import numpy as np

from splitgym.jit import jit
from splitgym.physics.codec import nothing_yet
from splitgym.physics.fading import BLOCK, GAUSSIAN, fading_enter, fill_words, gaussian_blocks
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
from splitgym.physics.random import child, fill_normals
from splitgym.physics.sizes import LANES
from splitgym.physics.uplink import slot_power_w
from splitgym.worlds.inference.kernel import begin_service, end_service, end_step, refresh
from splitgym.worlds.inference.nature import fading_key_of, slot_noise
from splitgym.worlds.inference.slots import can_send, report_uplink, stop_rule, stops_at, uplink

# ------------------------------------------------------------------ what a lane knows
# Columns of a job, and of the lane that works at it: column c of lane i is state[c * LANES + i].
GAIN, POWER_W, LEVEL_W2, TRACKING, NOISE_W, NAT_BIT_S, WANTED_BIT, LEAST_BIT, FIRST, END = range(10)
GIVEN = 10  # columns so far: a lane takes them over
# of a job alone
CHANNELS, THETA, PERSISTENT = range(10, 13)
SENT_BIT, SENT_W, USED, STOPPED = range(13, 17)  # its results
JOB_COLUMNS = 17
# of a lane alone; those that end in _0 are as at the beginning of the block
_AT, _QUEUE_W, _SENT_BIT, _SENT_W, _USED, _SENT_BIT_0, _SENT_W_0, _USED_0 = (c * LANES for c in range(10, 18))
_LANE_COLUMNS = 18
_GAIN, _POWER_W, _LEVEL_W2, _TRACKING, _NOISE_W, _NAT_BIT_S, _WANTED_BIT, _LEAST_BIT, _FIRST, _END = (
    c * LANES for c in range(10)
)


@jit
def suits_lanes(s, bandwidth_hz, log, o, p):
    """Whether a transmission can go through the lanes: one that draws its gains and keeps no log."""
    drawn = p.fading.kind == GAUSSIAN and p.fading.scatter > 0.0 and not s.recorded and log.shape[0] == 0
    return drawn and can_send(o, bandwidth_hz) and band_noise_w(bandwidth_hz, p.noise_w_hz) >= LEAST_NOISE_W


@jit
def write_job(job, keys, s, x, bandwidth_hz, first, o, p):
    """A transmission as a job (JOB_COLUMNS,), and its ``keys`` (2,): of the task, of its fading path."""
    job[GAIN], job[POWER_W], job[TRACKING] = x.gain, o.power_w, 1.0 if s.tracking else 0.0
    weight = tracking_weight(o.power_w, o.slots_available, x.gain, bandwidth_hz, p.noise_w_hz, p.tolerance)
    job[LEVEL_W2], job[NOISE_W] = water_level_w2(weight), band_noise_w(bandwidth_hz, p.noise_w_hz)
    job[NAT_BIT_S], job[WANTED_BIT] = nat_bit_s(bandwidth_hz), p.cut_bits[o.cut]
    job[LEAST_BIT], job[THETA] = stop_rule(s, x, o.cut, p)
    job[FIRST], job[END] = first, first + o.slots_available
    job[CHANNELS], job[PERSISTENT], job[STOPPED] = p.cut_channels[o.cut], x.persistent, 0.0
    keys[0] = child(s.key, s.task)
    keys[1] = fading_key_of(keys[0])


@jit
def report_job(job, o, p):
    """Results of a job that has been sent, into the outcome of its task."""
    stopped, used = job[STOPPED] > 0.0, int(job[USED])
    report_uplink(o, job[SENT_BIT], job[SENT_W], used, stopped, job[WANTED_BIT], job[CHANNELS], p)


# ------------------------------------------------------------------ a block of slots in all lanes
# Numbers of a block lie slot by slot, as in physics/fading.py: that of slot j of a lane is number j * width + lane.
@jit
def send_power(state, width, gains, power_max_w, powers, ratios):
    """Powers [W] and signal-to-noise ratios of a block from its fading gains; moves the power queues."""
    for here in range(BLOCK):
        at = here * width
        for lane in range(width):
            power_w, noise_w, queue_w = state[_POWER_W + lane], state[_NOISE_W + lane], state[_QUEUE_W + lane]
            gain = state[_GAIN + lane] * gains[at + lane]
            slot_w = slot_power_w(
                state[_TRACKING + lane] > 0.0, queue_w, gain, power_w, state[_LEVEL_W2 + lane], noise_w, power_max_w
            )
            after_w = tracking_queue_w(queue_w, slot_w, power_w)
            state[_QUEUE_W + lane] = after_w if state[_AT + lane] + here >= state[_FIRST + lane] else queue_w
            powers[at + lane] = slot_w
            ratios[at + lane] = signal_ratio(slot_w, gain, noise_w)


@jit
def take_logarithms(ratios, count, nats):
    """log(1 + snr) of the first ``count`` signal-to-noise ratios."""
    for j in range(count):
        nats[j] = log_1p(ratios[j])


@jit
def add_block(state, width, powers, nats, slot_s):
    """Sums over the slots of a block that are sent, stops of the server left out."""
    for lane in range(width):
        state[_SENT_BIT_0 + lane], state[_SENT_W_0 + lane] = state[_SENT_BIT + lane], state[_SENT_W + lane]
        state[_USED_0 + lane] = state[_USED + lane]
    for here in range(BLOCK):
        at = here * width
        for lane in range(width):
            slot = state[_AT + lane] + here
            sent_bit, sent_w, used = state[_SENT_BIT + lane], state[_SENT_W + lane], state[_USED + lane]
            live = (slot >= state[_FIRST + lane]) & (slot < state[_END + lane]) & (sent_bit < state[_WANTED_BIT + lane])
            carried_bit = nats[at + lane] * state[_NAT_BIT_S + lane] * slot_s
            state[_SENT_BIT + lane] = sent_bit + carried_bit if live else sent_bit
            state[_SENT_W + lane] = sent_w + powers[at + lane] if live else sent_w
            state[_USED + lane] = used + 1.0 if live else used


@jit
def add_with_stops(state, lane, width, powers, nats, job, task_key, p):
    """The sums of one lane again, with the server's stop looked for after each slot.  (s5.3)"""
    sent_bit, sent_w, used = state[_SENT_BIT_0 + lane], state[_SENT_W_0 + lane], state[_USED_0 + lane]
    wanted_bit, at = state[_WANTED_BIT + lane], state[_AT + lane]
    for here in range(BLOCK):
        slot = at + here
        if slot < state[_FIRST + lane]:
            continue
        if slot >= state[_END + lane] or sent_bit >= wanted_bit:
            break
        sent_bit += nats[here * width + lane] * state[_NAT_BIT_S + lane] * p.slot_s
        sent_w += powers[here * width + lane]
        used += 1.0
        if state[_LEAST_BIT + lane] <= sent_bit < wanted_bit:
            error = slot_noise(task_key, int(slot))
            if stops_at(sent_bit, wanted_bit, job[CHANNELS], job[THETA], job[PERSISTENT], error, p):
                job[STOPPED], state[_LEAST_BIT + lane] = 1.0, math.inf
                state[_END + lane] = min(state[_END + lane], state[_FIRST + lane] + used + p.feedback_slots)
    state[_SENT_BIT + lane], state[_SENT_W + lane], state[_USED + lane] = sent_bit, sent_w, used


# ------------------------------------------------------------------ lanes and refill
@jit
def load(state, lane, job, key, path, p):
    """Begin a job in a lane; returns the first slot of its first block."""
    for c in range(GIVEN):
        state[c * LANES + lane] = job[c]
    block = int(job[FIRST]) // BLOCK
    path[0, lane], path[1, lane] = fading_enter(key, block, p.fading)
    state[_AT + lane] = block * BLOCK
    state[_QUEUE_W + lane], state[_SENT_BIT + lane], state[_SENT_W + lane], state[_USED + lane] = 0.0, 0.0, 0.0, 0.0
    return block * BLOCK


@jit
def move(state, lane, last, path, keys, slots, at_job):
    """The job of lane ``last`` goes on in lane ``lane``."""
    for c in range(_LANE_COLUMNS):
        state[c * LANES + lane] = state[c * LANES + last]
    path[0, lane], path[1, lane] = path[0, last], path[1, last]
    keys[lane], slots[lane], at_job[lane] = keys[last], slots[last], at_job[last]


@jit
def is_done(state, lane):
    """Whether the block was the last one of a lane's job."""
    return state[_AT + lane] + BLOCK >= state[_END + lane] or state[_SENT_BIT + lane] >= state[_WANTED_BIT + lane]


@jit
def send_jobs(jobs, job_keys, count, p):
    """Send the first ``count`` of the jobs (n, JOB_COLUMNS), whose keys are (n, 2): fills in their results."""
    state, path = np.zeros(_LANE_COLUMNS * LANES), np.empty((2, LANES))
    keys, slots, at_job = np.empty(LANES, np.uint64), np.empty(LANES, np.int64), np.empty(LANES, np.int64)
    size = (BLOCK + 1) * LANES
    words, even, odd = np.empty(size, np.uint64), np.empty(size), np.empty(size)
    gains, powers, nats = np.empty(size), np.empty(size), np.empty(size)
    width = min(count, LANES)
    for lane in range(width):
        keys[lane], at_job[lane] = job_keys[lane, 1], lane
        slots[lane] = load(state, lane, jobs[lane], keys[lane], path, p)
    begun = width
    while width > 0:
        fill_words(keys, slots, width, words)
        fill_normals(words, (BLOCK + 1) * width, even, odd)
        gaussian_blocks(path, width, p.fading, even, odd, gains)
        send_power(state, width, gains, p.power_max_w, powers, even)
        take_logarithms(even, BLOCK * width, nats)
        add_block(state, width, powers, nats, p.slot_s)
        together = width
        for lane in range(width - 1, -1, -1):
            j = at_job[lane]
            if state[_SENT_BIT + lane] >= state[_LEAST_BIT + lane]:
                add_with_stops(state, lane, together, powers, nats, jobs[j], job_keys[j, 0], p)
            if not is_done(state, lane):
                state[_AT + lane] += BLOCK
                slots[lane] += BLOCK
                continue
            for c in range(3):  # what has been sent, and in how many slots
                jobs[j, SENT_BIT + c] = state[_SENT_BIT + c * LANES + lane]
            if begun < count:
                keys[lane], at_job[lane] = job_keys[begun, 1], begun
                slots[lane] = load(state, lane, jobs[begun], keys[lane], path, p)
                begun += 1
            else:
                width -= 1
                move(state, lane, width, path, keys, slots, at_job)


# ------------------------------------------------------------------ the loop over rows
NOTHING, ALONE, IN_LANES = 0, 1, 2  # how the features of a row were sent


@jit
def turn_many(low, high, rows, observations, masks, logs, table, params, all_tasks, fading, noise, recorded_s, channel):
    """One turn of rows low..high, as :func:`splitgym.worlds.inference.kernel.turn_rows`, with the same results."""
    p = params[0]
    n = high - low
    sent, first, planned_s = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
    jobs, keys, count = np.empty((n, JOB_COLUMNS)), np.empty((n, 2), np.uint64), 0
    for i in range(low, high):
        row, k = rows[i], i - low
        sent[k] = NOTHING
        if row.live:
            s, o, x = row.state, row.outcome, all_tasks[i][row.state.task]
            send, first[k], planned_s[k] = begin_service(s, row.decision, x, o, p)
            if send and suits_lanes(s, p.bandwidth_hz, logs[i], o, p):
                write_job(jobs[count], keys[count], s, x, p.bandwidth_hz, first[k], o, p)
                sent[k], count = IN_LANES, count + 1
            elif send:
                j = i if s.recorded else 0  # the slot arrays may be empty when nothing is recorded
                uplink(s, x, p.bandwidth_hz, first[k], fading[j], noise[j], logs[i], o, p)
                sent[k] = ALONE
    send_jobs(jobs, keys, count, p)
    scratch, count = nothing_yet(p.n_fields), 0
    for i in range(low, high):
        row, tasks, k = rows[i], all_tasks[i], i - low
        if row.live:
            s, o = row.state, row.outcome
            if sent[k] == IN_LANES:
                report_job(jobs[count], o, p)
                count += 1
            end_service(s, row.decision, tasks[s.task], sent[k] != NOTHING, first[k], planned_s[k], o, p)
            end_step(s, tasks, o, p)
        wrong = refresh(row, tasks, recorded_s, channel[0], scratch, observations[i], masks[i], table, p)
        if wrong >= 0:
            return wrong
    return -1
