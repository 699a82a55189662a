"""Compiled code of the multi-user world: one frame of all devices, observation, masks, and the loop over rows.

A device's task is served by the inference world's own functions, with its part of the band.  References of the form
(s3.2) point to sections of the ENACHI specification.
"""

from __future__ import annotations

import numpy as np

from splitgym.jit import jit
from splitgym.physics.codec import nothing_yet, put, show
from splitgym.worlds.inference.kernel import (
    begin_service,
    clear_outcome,
    device_s,
    end_service,
    fail,
    finishable,
    pay,
    settle,
    tail_s,
)
from splitgym.worlds.inference.slots import uplink
from splitgym.worlds.multiuser.nature import device_key, fill_frames


# ------------------------------------------------------------------ sharing the band and the edge
@jit
def total_weight(present, frame, decided):
    """Sum of the weights of the devices with a task, and their number."""
    total, active = 0.0, 0
    for n in range(present.shape[0]):
        if present[n, frame]:
            total += decided[n].share
            active += 1
    return total, active


@jit
def part_of(whole, weight, total, active):
    """Part of ``whole`` that a weight gets: in proportion to the sum of all, equal parts where that is zero."""
    return whole * weight / total if total > 0.0 else whole / active


@jit
def next_at_edge(results, served):
    """Device whose features reached the edge first among those not served; -1: none.  Ties go to the smaller index.

    Where not a bit arrived there is nothing to queue: the guess needs no worker.
    """
    first, best_s = -1, np.inf
    for n in range(results.shape[0]):
        r = results[n]
        at_s = r.latency_device_s + r.latency_uplink_s
        if r.bits > 0.0 and r.latency_edge_s > 0.0 and not served[n] and at_s < best_s:
            first, best_s = n, at_s
    return first


@jit
def congest(results, devices, workers):
    """Tails wait for one of ``workers`` in order of arrival; one that would end too late is not begun.

    Modelled: the published system serves every tail at once.
    """
    served, free_s = np.zeros(results.shape[0], np.bool_), np.zeros(workers)
    while True:
        n = next_at_edge(results, served)
        if n < 0:
            return
        served[n] = True
        r, worker = results[n], np.argmin(free_s)
        at_s = r.latency_device_s + r.latency_uplink_s
        begin_s = max(at_s, free_s[worker])
        r.edge_wait_s = begin_s - at_s
        r.latency_s += r.edge_wait_s
        if begin_s == at_s or begin_s + r.latency_edge_s <= devices[n].remaining_s:
            free_s[worker] = begin_s + r.latency_edge_s
        else:
            fail(r)
            r.energy_edge_j, r.latency_edge_s = 0.0, 0.0
            r.edge_wait_s = max(devices[n].remaining_s - at_s, 0.0)  # it waited until its deadline
            r.latency_s = at_s + r.edge_wait_s


# ------------------------------------------------------------------ one frame
@jit
def clear_result(r, e):
    """Empty result of a device in the present frame."""
    clear_outcome(r, e)
    r.cut, r.edge_cut, r.clock_hz, r.power_w = 0, 0, e.clock_hz, 0.0
    r.present, r.share, r.bandwidth_hz, r.edge_wait_s = False, 0.0, 0.0, 0.0
    r.queue_j, r.missed_total = e.queue_j, 0


@jit
def begin_device(e, r, x, d, frame, here, total, active, p):
    """A device's part of a frame, up to its slots: what :func:`begin_service` says; nothing is sent without a task."""
    e.task = frame
    clear_result(r, e)
    if not here:
        return False, 0, 0.0
    e.remaining_s = x.deadline_s
    r.present = True
    r.share = part_of(1.0, d.share, total, active)
    r.bandwidth_hz = part_of(p.bandwidth_hz, d.share, total, active)
    return begin_service(e, d, x, r, p)


@jit
def serve_frame(s, devices, results, tasks, present, decided, fading, noise, log, p):
    """Serve the present task of every device by what is ``decided`` (N,) for it."""
    users, slots = devices.shape[0], log.shape[0] // devices.shape[0]
    total, active = total_weight(present, s.frame, decided)
    for n in range(users):
        e, r, x, d = devices[n], results[n], tasks[n, s.frame], decided[n]
        send, first, planned_s = begin_device(e, r, x, d, s.frame, present[n, s.frame], total, active, p)
        if send:
            uplink(e, x, r.bandwidth_hz, first, fading[n], noise[n], log[n * slots : (n + 1) * slots], r, p)
        if r.present:
            end_service(e, d, x, send, first, planned_s, r, p)


@jit
def step_one(s, devices, results, tasks, present, decided, fading, noise, log, o, params):
    """One frame: serve, then :func:`end_frame`."""
    serve_frame(s, devices, results, tasks, present, decided, fading, noise, log, params.one)
    end_frame(s, devices, results, o, params)


@jit
def end_frame(s, devices, results, o, params):
    """The queue at the edge, the energy of every device, the sums of the frame.  (s6.1)"""
    p = params.one
    if params.workers > 0:
        congest(results, devices, params.workers)
    clear_frame(o, s)
    for n in range(devices.shape[0]):
        e, r = devices[n], results[n]
        before_j = e.queue_j
        if r.present:  # a budget belongs to a task: without one the queue stays
            settle(e, r, p)
        r.queue_j = e.queue_j
        pay(r, before_j, e.queue_j, p)
        o.tasks += 1 if r.present else 0
        o.on_time += 1 if r.on_time else 0
        o.correct += 1 if r.correct else 0
        o.energy_j += r.energy_j
        o.cost_j += r.cost_j
        o.bandwidth_hz += r.bandwidth_hz
        o.edge_wait_s += r.edge_wait_s
        o.queue_j += r.queue_j
        o.queue_max_j = max(o.queue_max_j, r.queue_j)
        o.reward_answer += r.reward_answer
        o.reward_debt += r.reward_debt
        o.reward += r.reward
    s.frame += 1
    s.finished = s.frame >= p.n_tasks


@jit
def clear_frame(o, s):
    """Empty outcome of the present frame."""
    o.frame = s.frame
    o.tasks, o.on_time, o.correct = 0, 0, 0
    o.energy_j, o.cost_j, o.bandwidth_hz, o.edge_wait_s = 0.0, 0.0, 0.0, 0.0
    o.queue_j, o.queue_max_j = 0.0, 0.0
    o.reward_answer, o.reward_debt, o.reward = 0.0, 0.0, 0.0


@jit
def begin(s, key, devices, results, o, params):
    """Put a row at the start of an episode; its tasks are already drawn."""
    p = params.one
    s.key, s.frame, s.finished, s.depleted = key, 0, False, False
    for n in range(devices.shape[0]):
        e = devices[n]
        e.key = device_key(key, n)
        e.task, e.missed = 0, 0
        e.queue_j, e.free_s, e.wait_s = 0.0, 0.0, 0.0
        e.clock_hz = p.clocks_hz[p.n_clocks - 1]
        e.battery_j = p.battery_j
        e.finished, e.depleted = False, False
        e.tracking, e.early_stop, e.progressive, e.recorded = s.tracking, s.early_stop, s.progressive, s.recorded
        clear_result(results[n], e)
    clear_frame(o, s)


# ------------------------------------------------------------------ what is seen
@jit
def observe(s, devices, tasks, present, values, out, params):
    """Observation of a row into ``out`` (n_fields,) float32; ``values`` takes the SI values, see :func:`show`."""
    users, last = devices.shape[0], params.one.n_tasks - 1
    m = min(s.frame, last)  # after the last frame: the last one, without tasks
    at = params.at
    for n in range(users):
        x, here = tasks[n, m], present[n, m] and not s.finished
        put(values, at.queue_j, n, devices[n].queue_j)
        put(values, at.present, n, 1.0 if here else 0.0)
        put(values, at.remaining_s, n, x.deadline_s if here else 0.0)
        put(values, at.gain, n, x.gain)
        put(values, at.gain_trend, n, x.gain / tasks[n, max(m - 1, 0)].gain)
        put(values, at.hint, n, x.hint if here else 0.0)
        put(values, at.clock_hz, n, devices[n].clock_hz)
    values[at.edge_load] = tasks[0, m].edge_load
    return show(values, out, params)


@jit
def can_finish(e, x, cut, clock_hz, params):
    """Whether a cut and a clock can answer the task of a device in time."""
    p = params.one
    busy_s = device_s(cut, clock_hz, e.clock_hz, p)
    tail = tail_s(cut, p.last_cut, x.edge_load, x.rtt_s, p)
    return finishable(cut, clock_hz, busy_s, tail, x.deadline_s, p)


@jit
def mask_axes(s, devices, tasks, present, out, params):
    """Masks side by side: cuts of every device, clocks of every device, then powers and weights, all allowed.

    False: the device cannot finish in time with any value of the other axis.  Everything is allowed where nothing is,
    and where there is no task.
    """
    p, users = params.one, devices.shape[0]
    cuts, m = p.last_cut + 1, min(s.frame, p.n_tasks - 1)
    out[:] = False
    out[users * (cuts + p.n_clocks) :] = True
    for n in range(users):
        found, clocks = False, users * cuts + n * p.n_clocks
        if present[n, m]:
            for cut in range(cuts):
                for j in range(p.n_clocks):
                    if can_finish(devices[n], tasks[n, m], cut, p.clocks_hz[j], params):
                        out[n * cuts + cut], out[clocks + j], found = True, True, True
        if not found:
            out[n * cuts : (n + 1) * cuts] = True
            out[clocks : clocks + p.n_clocks] = True


@jit
def mask_table(s, devices, tasks, present, table, out, params):
    """Mask of a table of decisions (n_actions, N) that are one for all: some device can finish in time by it."""
    p, found, users = params.one, False, devices.shape[0]
    m = min(s.frame, p.n_tasks - 1)
    for a in range(out.shape[0]):
        out[a] = False
        for n in range(users):
            d = table[a, n]
            if present[n, m] and can_finish(devices[n], tasks[n, m], int(d.cut), d.clock_hz, params):
                out[a], found = True, True
                break
    if not found:
        out[:] = True


# ------------------------------------------------------------------ the loop over rows
@jit
def refresh(row, devices, results, tasks, present, factors, nothing, channel, scratch, out, mask, table, params):
    """Begin the episode of a fresh row; what is seen of a row that has moved, or what :func:`show` found, else -1."""
    s = row.state
    if row.fresh:
        if not s.recorded:
            fill_frames(row.key, tasks, present, factors, nothing, channel, params)
        begin(s, row.key, devices, results, row.outcome, params)
    if not (row.live or row.fresh):
        return -1
    wrong = observe(s, devices, tasks, present, scratch, out, params)
    if wrong < 0:
        if table.shape[0] > 0:
            mask_table(s, devices, tasks, present, table, mask, params)
        else:
            mask_axes(s, devices, tasks, present, mask, params)
    return wrong


@jit
def turn_rows(
    low, high, rows, observations, masks, logs, table, params, all_devices, all_results, all_tasks,
    all_present, all_decided, fading, noise, factors, channel,
):  # fmt: skip
    """One turn of rows low..high, one after the other.

    As the inference world's, see :func:`splitgym.worlds.inference.kernel.turn_rows`; live rows take a step by what is
    decided for each device, ``logs`` (n, N * n_slots or 0, LOG_COLUMNS) takes their slots one device after the other;
    then :class:`splitgym.worlds.multiuser.layout.Nature`.
    """
    p = params[0]
    scratch, nothing = nothing_yet(p.n_fields), np.empty(0)
    for i in range(low, high):
        row, devices, results, tasks = rows[i], all_devices[i], all_results[i], all_tasks[i]
        s, o, present = row.state, row.outcome, all_present[i]
        if row.live:
            j = i if s.recorded else 0  # the slot arrays may be empty when nothing is recorded
            step_one(s, devices, results, tasks, present, all_decided[i], fading[j], noise[j], logs[i], o, p)
        wrong = refresh(
            row, devices, results, tasks, present, factors, nothing, channel, scratch, observations[i], masks[i],
            table, p,
        )  # fmt: skip
        if wrong >= 0:
            return wrong
    return -1
