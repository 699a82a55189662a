"""Compiled code of the hardware world: time and energy of one request, queue, observation, masks, the loop over rows.

References of the form (s8) point to sections of the DynaSplit specification.  A configuration is (clock level,
accelerator mode 0 off / 1 std / 2 max, split layer, server GPU 0 / 1); "edge" is the edge *device*, as in the paper.
``runs`` are those of a measured table (``layout.RUN``), without any where the hardware is a fitted profile.
"""

from __future__ import annotations

import math

from splitgym.jit import jit
from splitgym.physics.codec import nearest_level, nothing_yet, show
from splitgym.worlds.hardware.nature import calm, fill_requests

MAX_BACKLOG = 16
RECENT = 3  # latencies that are observed
#: A shorter wait is the rounding of a sum of times: a request issued at the next arrival does not delay it [s].
INSTANT_S = 1e-9


# ------------------------------------------------------------------ one configuration
@jit
def allowed_mode(mode, split, p):
    """Accelerator mode in force: off where nothing runs on the edge, or where there is no accelerator.  (s1)"""
    return mode if split > 0 and p.accelerated else 0


@jit
def allowed_gpu(gpu, split, p):
    """Server GPU in force: not used where nothing runs on the server.  (s1)"""
    return gpu if split < p.last_split else 0


@jit
def in_force(level, mode, split, gpu, runs, p):
    """The configuration that a choice means: accelerator and GPU off where they do nothing; of a table the nearest."""
    mode, gpu = allowed_mode(mode, split, p), allowed_gpu(gpu, split, p)
    if p.measured:
        run = runs[p.entry[level, mode, split, gpu]]
        return run.level, run.accelerator, run.split, run.gpu
    return level, mode, split, gpu


@jit
def decided(d, runs, p):
    """The configuration that a decision means."""
    level = nearest_level(d.clock_hz, p.clocks_hz, p.n_clocks)
    return in_force(level, int(d.accelerator), int(d.split), int(d.gpu), runs, p)


@jit
def possible(level, mode, split, gpu, p):
    """Whether a configuration is one by itself: valid, and measured where the hardware is a table."""
    return p.nominal_s[level, mode, split, gpu] < math.inf


@jit
def head_s(level, mode, split, p):
    """T_edge [s]: pipeline, and the head on the CPU or on the accelerator.  (s8)"""
    clock_hz = p.clocks_hz[level]
    time_s = p.pipeline_s + p.pipeline_cycles / clock_hz
    if split == 0:
        return time_s
    if mode == 0:
        return time_s + p.cpu_s[split] + p.cpu_cycles[split] / clock_hz
    fetch = p.accelerator_cycles + p.accelerator_cycles_per_bit * p.cut_bits[split]
    return time_s + fetch / clock_hz + p.accelerator_s[mode - 1, split]


@jit
def stalled_s(time_s, p):
    """Edge time [s] rounded up to the lattice of stalled runs.  (s7.2)"""
    for j in range(p.n_lattice):
        if time_s <= p.stall_lattice_s[j]:
            return p.stall_lattice_s[j]
    last_s = p.stall_lattice_s[p.n_lattice - 1]
    return last_s + math.ceil((time_s - last_s) / p.stall_step_s) * p.stall_step_s


@jit
def transfer_s(split, x, p):
    """T_transfer [s].  (s8)"""
    if split == p.last_split:
        return 0.0
    bits = p.cut_bits[split]
    time_s = (p.link_fixed_s + p.link_s_per_bit * bits) * x.link_factor
    share = p.link_tail_large_share if bits > p.link_large_bits else p.link_tail_share
    return time_s + (x.link_tail_s if x.link_tail_draw < share else 0.0)


@jit
def cloud_s(split, gpu, x, p):
    """T_cloud [s].  (s8)"""
    return 0.0 if split == p.last_split else p.cloud_s[gpu, split] * x.cloud_factor


@jit
def wait_w(level, mode, p):
    """Power of the edge device while it waits [W].  (s8)"""
    return p.wait_w[mode] + p.wait_j_per_cycle[mode] * p.clocks_hz[level]


@jit
def node_j(gpu, time_s, x, p):
    """Energy of the whole server [J] while it works on a tail for ``time_s`` [s].  (s8)"""
    if time_s <= 0.0:
        return 0.0
    busy = 1.0 - p.node_idle_s / max(time_s, p.node_idle_s)
    return (p.node_w[gpu] + p.node_load_w[gpu] * busy) * x.node_factor * time_s


@jit
def measured_run(level, mode, split, gpu, x, runs, p):
    """What was measured of a configuration: one of its runs, by the request's draw, or the mean of all."""
    at = p.entry[level, mode, split, gpu]
    if x.link_tail_draw < 1.0:
        at = runs[at].first + min(int(x.link_tail_draw * runs[at].count), runs[at].count - 1)
    run = runs[at]
    return run.edge_s, run.transfer_s, run.cloud_s, run.edge_j, run.cloud_j, run.accuracy


@jit
def service(level, mode, split, gpu, x, runs, p):
    """T_edge, T_transfer, T_cloud [s], E_edge, E_cloud [J], accuracy of a configuration in force; ``x``: noise.  (s8)

    The one formula of this world.  What a stall adds to T_edge is charged at waiting power.
    """
    if p.measured:
        return measured_run(level, mode, split, gpu, x, runs, p)
    computing_s = head_s(level, mode, split, p)
    edge_s = stalled_s(computing_s, p) if x.stalled > 0.0 else computing_s
    sent_s, tail_s = transfer_s(split, x, p), cloud_s(split, gpu, x, p)
    total_s = edge_s + sent_s + tail_s
    edge_j = p.head_w[mode, level] * computing_s + wait_w(level, mode, p) * (total_s - computing_s)
    edge_j = max(edge_j + x.edge_offset_w * total_s, 0.0)
    return edge_s, sent_s, tail_s, edge_j, node_j(gpu, tail_s, x, p), p.accuracy[mode, split]


@jit
def nominal_rows(decisions, scratch, out, runs, params):
    """What decisions (n,) DECISION give without noise: latency [s], charged energy [J], accuracy into ``out`` (n, 3).

    Other decisions are taken as the configurations that they mean.  ``scratch`` (1,) REQUEST is overwritten.
    """
    p, x = params[0], scratch[0]
    calm(x)
    for i in range(decisions.shape[0]):
        d = decisions[i]
        level, mode, split, gpu = decided(d, runs, p)
        edge_s, sent_s, tail_s, edge_j, tail_j, accuracy = service(level, mode, split, gpu, x, runs, p)
        out[i, 0] = edge_s + sent_s + tail_s
        out[i, 1] = edge_j + p.infrastructure_weight * tail_j
        out[i, 2] = accuracy


# ------------------------------------------------------------------ service of one request
@jit
def clear_outcome(o, s):
    """Empty outcome of the present request."""
    o.request, o.clock_hz, o.accelerator, o.split, o.gpu = s.request, s.clock_hz, s.accelerator, s.split, s.gpu > 0
    o.threshold_s, o.on_time, o.switched, o.stalled, o.accuracy = 0.0, False, False, False, 0.0
    o.latency_wait_s, o.latency_reconfigure_s = s.wait_s, 0.0
    o.latency_edge_s, o.latency_transfer_s, o.latency_cloud_s, o.latency_s = 0.0, 0.0, 0.0, 0.0
    o.energy_reconfigure_j, o.energy_edge_j, o.energy_cloud_j, o.energy_j, o.saved_j = 0.0, 0.0, 0.0, 0.0, 0.0
    o.cost_s, o.reward_saved, o.reward_violation, o.reward = 0.0, 0.0, 0.0, 0.0


@jit
def reconfigure_s(level, mode, s, p):
    """Delay [s] if clock or accelerator are not those in force.  (s6; that it counts against the threshold is ours)"""
    return 0.0 if p.clocks_hz[level] == s.clock_hz and mode == s.accelerator else p.reconfigure_s


@jit
def settle(o, p):
    """Charged energy and reward: energy saved against cloud-only in time, else the penalty."""
    o.energy_j = o.energy_reconfigure_j + o.energy_edge_j + p.infrastructure_weight * o.energy_cloud_j
    o.saved_j = p.reference_j - o.energy_j
    o.reward_saved = o.saved_j / p.reference_j if o.on_time else 0.0
    o.reward_violation = 0.0 if o.on_time else -p.violation_penalty
    o.reward = o.reward_saved + o.reward_violation


@jit
def serve(s, d, x, o, runs, p):
    """Serve the present request by decision ``d``: fills the outcome, moves configuration and release time."""
    clear_outcome(o, s)
    level, mode, split, gpu = decided(d, runs, p)
    delay_s = reconfigure_s(level, mode, s, p)
    edge_s, sent_s, tail_s, edge_j, tail_j, o.accuracy = service(level, mode, split, gpu, x, runs, p)
    busy_s = delay_s + (edge_s + sent_s + tail_s)
    o.clock_hz, o.accelerator, o.split, o.gpu = p.clocks_hz[level], mode, split, gpu > 0
    o.threshold_s = x.threshold_s
    o.switched, o.stalled = o.clock_hz != s.clock_hz or mode != s.accelerator, x.stalled > 0.0
    o.latency_reconfigure_s, o.latency_edge_s, o.latency_transfer_s, o.latency_cloud_s = delay_s, edge_s, sent_s, tail_s
    o.latency_s = s.wait_s + busy_s
    o.on_time = busy_s <= s.remaining_s
    o.cost_s = 0.0 if o.on_time else busy_s - s.remaining_s
    o.energy_reconfigure_j, o.energy_edge_j, o.energy_cloud_j = wait_w(level, mode, p) * delay_s, edge_j, tail_j
    s.clock_hz, s.accelerator, s.split, s.gpu = o.clock_hz, mode, split, gpu
    for j in range(RECENT - 1, 0, -1):
        s.recent_s[j] = s.recent_s[j - 1]
    s.recent_s[0] = o.latency_s
    start_s = x.arrival_s + s.wait_s if p.queueing else s.free_s
    s.free_s = start_s + busy_s


@jit
def next_request(s, requests, p):
    """Look at the next request: how long it has waited, and what is left of its threshold."""
    s.finished = s.request >= p.n_requests
    s.wait_s, s.remaining_s = 0.0, 0.0
    if s.finished:
        return
    x = requests[s.request]
    if p.queueing and s.free_s - x.arrival_s >= INSTANT_S:
        s.wait_s = s.free_s - x.arrival_s
    s.remaining_s = x.threshold_s - s.wait_s


@jit
def begin(s, key, requests, runs, p):
    """Put a row at the start of an episode, configured as cloud-only; its requests are already drawn."""
    s.key, s.request, s.free_s = key, 0, 0.0
    level, s.accelerator, s.split, s.gpu = in_force(p.n_clocks - 1, 0, 0, 1, runs, p)
    s.clock_hz = p.clocks_hz[level]
    s.recent_s[:] = 0.0
    s.depleted = False
    next_request(s, requests, p)


@jit
def step_one(s, d, requests, o, runs, p):
    """One decision: serve the request, reward, move on."""
    serve(s, d, requests[s.request], o, runs, p)
    settle(o, p)
    s.request += 1
    next_request(s, requests, p)


# ------------------------------------------------------------------ what is seen
@jit
def backlog(s, requests, p):
    """Requests that have arrived and wait behind the present one, counted up to ``MAX_BACKLOG``."""
    if not p.queueing or s.finished:
        return 0
    now_s = requests[s.request].arrival_s + s.wait_s
    behind = 0
    while behind < MAX_BACKLOG and s.request + behind + 1 < p.n_requests:
        if requests[s.request + behind + 1].arrival_s > now_s:
            break
        behind += 1
    return behind


@jit
def observe(s, requests, values, out, p):
    """Observation of a row into ``out`` (n_fields,) float32; ``values`` takes the SI values, see :func:`show`."""
    at = p.at
    values[at.remaining_s] = max(s.remaining_s, 0.0)
    values[at.clock_hz] = s.clock_hz
    values[at.accelerator] = s.accelerator
    values[at.split] = s.split
    values[at.gpu] = s.gpu
    values[at.latency_1_s], values[at.latency_2_s], values[at.latency_3_s] = s.recent_s[0], s.recent_s[1], s.recent_s[2]
    values[at.backlog] = backlog(s, requests, p)
    return show(values, out, p)


@jit
def in_time(level, mode, split, gpu, s, p):
    """Whether a configuration is valid and nominally meets what is left of the threshold."""
    return reconfigure_s(level, mode, s, p) + p.nominal_s[level, mode, split, gpu] <= s.remaining_s


@jit
def mask_axes(s, out, p):
    """Per-axis masks side by side into ``out``: clock, accelerator, split layer, server GPU.

    A value is allowed if, with some values of the other axes, it is a configuration that nominally meets the
    threshold; where nothing does, if it is part of some configuration.  The fastest configuration with each value
    decides, and the fastest of those that keep clock and accelerator: adding a delay keeps the order.
    """
    least_s, delay_s, left_s = p.least_s, p.reconfigure_s, s.remaining_s
    kept_s = p.kept_s[nearest_level(s.clock_hz, p.clocks_hz, p.n_clocks), s.accelerator]
    found = False
    for j in range(out.shape[0]):
        out[j] = (delay_s + least_s[j] <= left_s) | (kept_s[j] <= left_s)
        found |= out[j]
    for j in range(0 if found else out.shape[0]):
        out[j] = least_s[j] < math.inf


@jit
def mask_table(s, table, out, p):
    """Mask of a table of valid decisions (n_actions,) DECISION into ``out`` (n_actions,)."""
    found, level, clock_hz = False, -1, math.nan
    for a in range(table.shape[0]):
        d = table[a]
        if d.clock_hz != clock_hz:  # decisions of one clock stand together
            level, clock_hz = nearest_level(d.clock_hz, p.clocks_hz, p.n_clocks), d.clock_hz
        out[a] = in_time(level, int(d.accelerator), int(d.split), int(d.gpu), s, p)
        found = found or out[a]
    if not found:
        out[:] = True


# ------------------------------------------------------------------ the loop over rows
@jit
def turn_rows(low, high, rows, observations, masks, logs, table, params, all_requests, recorded_s, arrival_s, runs):
    """One turn of rows low..high: the only stepping loop of the world.

    ``rows`` (n,) of ``row_dtype``: live ones take a step by their decision, fresh ones begin the episode of their
    key (recorded rows keep the requests they were given); both are then observed.  ``logs`` is not used, ``table`` is
    empty for per-axis masks, ``params`` (1,) is the PARAMS record; then the fields of
    :class:`splitgym.worlds.hardware.layout.Nature`.  Returns -1, or what :func:`show` found.
    """
    p = params[0]
    scratch = nothing_yet(p.n_fields)
    for i in range(low, high):
        row, requests = rows[i], all_requests[i]
        s, d = row.state, row.decision
        if row.live:
            step_one(s, d, requests, row.outcome, runs, p)
        if row.fresh:
            if not s.recorded:
                fill_requests(row.key, requests, recorded_s, arrival_s, p)
            begin(s, row.key, requests, runs, p)
            clear_outcome(row.outcome, s)
        if row.live or row.fresh:
            wrong = observe(s, requests, scratch, observations[i], p)
            if wrong >= 0:
                return wrong
            if table.shape[0] > 0:
                mask_table(s, table, masks[i], p)
            else:
                mask_axes(s, masks[i], p)
    return -1
