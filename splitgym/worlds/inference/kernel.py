"""Compiled code of the inference world: service of one task, queue, observation, masks, and the loop over rows.

One scalar ``serve`` and one loop over rows, which is the single environment's; a batch serves the slots of many tasks
side by side, see :mod:`splitgym.worlds.inference.lanes`.  References of the form (s3.4) point to sections of the ENACHI
specification, (d2) to section 2 of the design.
"""

from __future__ import annotations

import math

from splitgym.jit import jit
from splitgym.physics.codec import nothing_yet, show
from splitgym.physics.dnn import answers_part, compute_j, compute_s, cycles_s
from splitgym.physics.radio import slot_count
from splitgym.physics.uplink import answer_accuracy
from splitgym.worlds.inference.nature import fill_tasks
from splitgym.worlds.inference.slots import uplink

MAX_BACKLOG = 16
LOG_COLUMNS = 5  # of a slot: index, gain h, power [W], feature ratio, rate [bit/s]
#: A shorter wait is the rounding of a sum of times: a task released at the next arrival does not delay it [s].
INSTANT_S = 1e-9


# ------------------------------------------------------------------ a decision's times
@jit
def effective_edge_cut(cut, edge_cut, p):
    """Edge cut in force: not before the device cut; everything on the edge where there is no cloud.  (d2)"""
    return max(cut, edge_cut) if p.cloud else p.last_cut


@jit
def device_s(cut, clock_hz, present_hz, p):
    """Reconfiguration and device blocks up to ``cut``, exit heads included [s]."""
    delay_s = p.reconfigure_s if clock_hz != present_hz else 0.0
    return delay_s + cycles_s(p.device_cycles[cut], clock_hz)


@jit
def edge_s(macs, edge_load, p):
    """Time of ``macs`` multiply-adds on the edge under the present load [s].  (s3.1, d2)"""
    return loaded_s(macs / p.edge_macs_s, edge_load)


@jit
def loaded_s(idle_s, edge_load):
    """Time on the edge under the present load of what takes ``idle_s`` on an idle one [s].  (d2)"""
    return idle_s / (1.0 - edge_load)


@jit
def tail_s(cut, edge_cut, edge_load, rtt_s, p):
    """Expected time behind the uplink [s]: edge, backhaul with mean jitter, cloud; deepest path.  (d2)"""
    time_s = loaded_s(p.edge_idle_s[cut, edge_cut], edge_load) + p.reserve_s
    if edge_cut < p.last_cut:
        time_s += p.relay_s[edge_cut] + rtt_s + p.jitter_s
        time_s += p.cloud_s[edge_cut]
    return time_s


@jit
def finishable(cut, clock_hz, busy_s, tail, remaining_s, p):
    """Whether some path to an answer fits: a device exit, everything local, or at least one uplink slot.  (d2, s3.4)

    ``busy_s`` is :func:`device_s` of cut and clock, ``tail`` the cut's :func:`tail_s` [s].
    """
    if p.n_exits > 0 and p.exit_cut[0] <= cut and busy_s - cycles_s(p.beyond_cycles[cut], clock_hz) <= remaining_s:
        return True
    if cut == p.last_cut:
        return busy_s <= remaining_s
    _, count = slot_count(busy_s, remaining_s - tail, p.slot_s)
    return count >= 1


# ------------------------------------------------------------------ service of one task
@jit
def clear_outcome(o, s):
    """Empty outcome of the present task."""
    o.task = s.task
    o.exit = -1
    o.on_time, o.correct, o.stopped_early = False, False, False
    o.accuracy, o.feature_ratio, o.bits, o.capacity_bits = 0.0, 0.0, 0.0, 0.0
    o.slots_available, o.slots_used, o.missed = 0, 0, 0
    o.energy_compute_j, o.energy_radio_j, o.energy_edge_j, o.energy_cloud_j, o.energy_j = 0.0, 0.0, 0.0, 0.0, 0.0
    o.latency_wait_s, o.latency_device_s, o.latency_uplink_s = s.wait_s, 0.0, 0.0
    o.latency_edge_s, o.latency_backhaul_s, o.latency_cloud_s, o.latency_s = 0.0, 0.0, 0.0, 0.0
    o.cost_j, o.reward_answer, o.reward_debt, o.reward = 0.0, 0.0, 0.0, 0.0


@jit
def fail(o):
    """No answer in time: none that is correct, none of an exit, and nothing to expect of it."""
    o.on_time, o.correct, o.exit, o.accuracy = False, False, -1, 0.0


@jit
def device_stage(s, x, cut, clock_hz, o, p):
    """Run the device blocks and exits; returns the time taken [s] and whether features are to be sent.  (s3.1, s3.6)"""
    delay_s = p.reconfigure_s if clock_hz != s.clock_hz else 0.0
    macs = p.device_macs[cut]
    for e in range(p.n_exits):
        if p.exit_cut[e] <= cut and x.complexity <= p.exit_share[e] * p.accuracy_full:
            macs = p.exit_macs[e]
            o.exit = e
            break
    time_s = delay_s + compute_s(macs, clock_hz, p.macs_per_cycle)
    send = False
    if time_s > s.remaining_s:  # aborted at the deadline
        time_s = s.remaining_s
        macs = max(time_s - delay_s, 0.0) * clock_hz * p.macs_per_cycle
    elif o.exit >= 0:
        o.on_time = True
        o.accuracy = p.exit_share[o.exit] * p.accuracy_full
    elif cut == p.last_cut:
        o.on_time = True
        o.accuracy = p.accuracy_full
    else:
        send = True
    o.energy_compute_j = compute_j(macs, clock_hz, p.macs_per_cycle, p.kappa_f)
    o.latency_device_s = time_s
    return time_s, send


@jit
def tail_stage(s, x, cut, edge_cut, o, p):
    """Edge blocks and exits, backhaul, cloud for what arrived; fills accuracy, times and energies.  (d2)"""
    o.accuracy = answer_accuracy(o.feature_ratio, cut, p)
    macs, relayed = p.edge_macs[cut, edge_cut], edge_cut < p.last_cut
    for e in range(p.n_exits):
        if cut < p.exit_cut[e] <= edge_cut and x.complexity <= p.exit_share[e] * o.accuracy:
            macs, relayed = p.edge_macs[cut, p.exit_cut[e]], False
            o.exit = e
            o.accuracy = p.exit_share[e] * o.accuracy
            break
    o.latency_edge_s = edge_s(macs, x.edge_load, p)
    o.energy_edge_j = macs * p.edge_j_per_mac
    if relayed:
        relay_bit = p.cut_bits[edge_cut] if edge_cut > cut else o.bits
        rest = p.cut_macs[p.last_cut] - p.cut_macs[edge_cut]
        o.latency_backhaul_s = relay_bit / p.backhaul_bit_s + x.rtt_s + x.jitter_s
        o.latency_cloud_s = rest / p.cloud_macs_s
        o.energy_cloud_j = rest * p.cloud_j_per_mac


@jit
def begin_service(s, d, x, o, p):
    """The device's part of a decision: whether features are to be sent, their first slot, the planned tail [s].  (d2)

    Fills the outcome up to the slots available.
    """
    clear_outcome(o, s)
    cut = min(max(int(d.cut), 0), p.last_cut)
    edge_cut = effective_edge_cut(cut, min(max(int(d.edge_cut), 0), p.last_cut), p)
    o.cut, o.edge_cut, o.clock_hz, o.power_w = cut, edge_cut, d.clock_hz, d.power_w
    busy_s, send = device_stage(s, x, cut, d.clock_hz, o, p)
    if not send:
        return False, 0, 0.0
    planned_s = tail_s(cut, edge_cut, x.edge_load, x.rtt_s, p)
    first, o.slots_available = slot_count(busy_s, s.remaining_s - planned_s, p.slot_s)
    return True, first, planned_s


@jit
def received(s, x, first, planned_s, o, p):
    """Tail of a task whose slots have been sent; returns when the radio is free [s]."""
    begin_s, cut = o.latency_device_s, o.cut
    end_s = (first + o.slots_used) * p.slot_s if o.slots_used > 0 else begin_s
    o.bits = min(o.capacity_bits, p.cut_bits[cut])
    o.latency_uplink_s = end_s - begin_s
    partial = s.progressive and answers_part(cut, p)
    if o.slots_available < 1 or not (partial or o.feature_ratio >= 1.0):
        return end_s
    tail_stage(s, x, cut, o.edge_cut, o, p)
    real_s = o.latency_edge_s + o.latency_backhaul_s + o.latency_cloud_s
    # the slots end early enough for the planned tail: only a longer one (jitter) can be late
    o.on_time = real_s <= planned_s or end_s + real_s <= s.remaining_s
    return end_s


@jit
def end_service(s, d, x, send, first, planned_s, o, p):
    """What is left of a decision once the slots are sent: the answer, the latency; moves clock and release time."""
    busy_s = received(s, x, first, planned_s, o, p) if send else o.latency_device_s
    o.correct = o.on_time and x.complexity <= o.accuracy
    if not o.on_time:
        fail(o)
    o.latency_s = s.wait_s + busy_s + o.latency_edge_s + o.latency_backhaul_s + o.latency_cloud_s
    s.clock_hz = d.clock_hz
    s.free_s = x.arrival_s + s.wait_s + busy_s


@jit
def serve(s, d, x, bandwidth_hz, fading, noise, log, o, p):
    """Serve the present task by decision ``d``: fills the outcome, moves clock and release time.  (d2)

    ``bandwidth_hz`` is what the device may use of the uplink.
    """
    send, first, planned_s = begin_service(s, d, x, o, p)
    if send:
        uplink(s, x, bandwidth_hz, first, fading, noise, log, o, p)
    end_service(s, d, x, send, first, planned_s, o, p)


# ------------------------------------------------------------------ energy queue, reward, what comes next
@jit
def queue_after_j(queue_j, energy_j, budget_j):
    """Q' = max(Q + E - Ebar, 0) [J].  (s6.1)"""
    return max(queue_j + energy_j - budget_j, 0.0)


@jit
def settle(s, o, p):
    """Charge the energy of a served task to battery and queue."""
    device_j = o.energy_compute_j + o.energy_radio_j
    if device_j >= s.battery_j:  # a hard battery runs empty within the task: no answer
        s.depleted = True
        fail(o)
    s.battery_j = max(s.battery_j - device_j, 0.0)
    o.energy_j = device_j + p.infrastructure_weight * (o.energy_edge_j + o.energy_cloud_j)
    o.cost_j = max(o.energy_j - p.budget_j, 0.0)
    s.queue_j = queue_after_j(s.queue_j, o.energy_j, p.budget_j)


@jit
def pay(o, before_j, after_j, p):
    """Reward of a served task: its answer, less the price of what the energy queue has grown by.  (s6.1)"""
    o.reward_answer = 1.0 if o.correct else 0.0
    o.reward_debt = 0.0 - p.debt_price * ((after_j - before_j) / p.budget_j)  # no price is 0, not -0
    o.reward = o.reward_answer + o.reward_debt


@jit
def any_finishable(s, x, p):
    """Whether at least one decision can still answer the task in the time left."""
    for cut in range(p.last_cut + 1):
        tail = math.inf
        for edge_cut in range(cut, p.last_cut + 1):
            if p.cloud or edge_cut == p.last_cut:
                tail = min(tail, tail_s(cut, edge_cut, x.edge_load, x.rtt_s, p))
        for j in range(p.n_clocks):
            busy_s = device_s(cut, p.clocks_hz[j], s.clock_hz, p)
            if finishable(cut, p.clocks_hz[j], busy_s, tail, s.remaining_s, p):
                return True
    return False


@jit
def next_task(s, tasks, p):
    """Move to the next task that can be served; returns how many were missed on the way.  (d2)

    A task is missed when waiting has left it too little time for any decision: it scores 0 and costs 0 J, and the
    queue is served by one budget.  A task that did not wait is always offered.
    """
    missed = 0
    while s.task < p.n_tasks:
        x = tasks[s.task]
        s.wait_s = s.free_s - x.arrival_s
        if s.wait_s < INSTANT_S:
            s.wait_s = 0.0
        s.remaining_s = x.deadline_s - s.wait_s
        if s.wait_s <= 0.0 or (s.remaining_s > 0.0 and any_finishable(s, x, p)):
            break
        s.queue_j = queue_after_j(s.queue_j, 0.0, p.budget_j)
        missed += 1
        s.task += 1
    s.missed += missed
    s.finished = s.task >= p.n_tasks
    return missed


@jit
def begin(s, key, tasks, p):
    """Put a row at the start of an episode; its tasks are already drawn."""
    s.key = key
    s.task, s.missed = 0, 0
    s.queue_j, s.free_s, s.wait_s = 0.0, 0.0, 0.0
    s.clock_hz = p.clocks_hz[p.n_clocks - 1]
    s.battery_j = p.battery_j
    s.finished, s.depleted = False, False
    next_task(s, tasks, p)


@jit
def step_one(s, d, tasks, fading, noise, log, o, p):
    """One decision: serve the task, settle energy, skip missed tasks, reward.  (d2, s6.1)"""
    serve(s, d, tasks[s.task], p.bandwidth_hz, fading, noise, log, o, p)
    end_step(s, tasks, o, p)


@jit
def end_step(s, tasks, o, p):
    """What follows the service of a task: energy, the tasks missed, the reward."""
    before_j = s.queue_j
    settle(s, o, p)
    s.task += 1
    o.missed = next_task(s, tasks, p)
    o.missed_total = s.missed
    o.queue_j = s.queue_j
    pay(o, before_j, s.queue_j, p)


# ------------------------------------------------------------------ what is seen
@jit
def observe(s, tasks, values, out, p):
    """Observation of a row into ``out`` (n_fields,) float32; ``values`` takes the SI values, see :func:`show`."""
    k = min(s.task, p.n_tasks - 1)  # after the last task: the last one, with no time left
    x = tasks[k]
    now_s = x.arrival_s + s.wait_s
    behind = k + 1
    while behind < p.n_tasks and behind - k <= MAX_BACKLOG and tasks[behind].arrival_s <= now_s:
        behind += 1
    at = p.at
    values[at.queue_j] = s.queue_j
    values[at.backlog] = behind - k - 1
    values[at.remaining_s] = max(s.remaining_s, 0.0)
    values[at.gain] = x.gain
    values[at.gain_trend] = x.gain / tasks[max(k - 1, 0)].gain
    values[at.hint] = x.hint
    values[at.edge_load] = x.edge_load
    values[at.rtt_s] = x.rtt_s
    values[at.clock_hz] = s.clock_hz
    values[at.next_arrival_s] = 0.0
    if p.next_arrival_known:
        values[at.next_arrival_s] = max(tasks[k + 1].arrival_s - now_s, 0.0) if k + 1 < p.n_tasks else 1e6
    values[at.battery] = 1.0 if math.isinf(p.battery_j) else s.battery_j / p.battery_j
    return show(values, out, p)


@jit
def longest_tail_s(edge_load, rtt_s, p):
    """No :func:`tail_s` is longer [s]: all blocks on the edge, the slowest transfer, all blocks in the cloud."""
    time_s = loaded_s(p.edge_idle_s[0, p.last_cut], edge_load) + p.reserve_s
    if p.cloud:
        time_s += p.relay_most_s + rtt_s + p.jitter_s
        time_s += p.cloud_s[0]
    return time_s


@jit
def surely_finishable(s, x, p):
    """Whether every value of every axis is part of a decision that is :func:`finishable` whatever the tail.

    So it is with most tasks, and found without a look at every decision.
    """
    tail, fastest_hz = longest_tail_s(x.edge_load, x.rtt_s, p), p.clocks_hz[p.n_clocks - 1]
    for cut in range(p.last_cut, 0, -1):
        busy_s = device_s(cut, fastest_hz, s.clock_hz, p)
        if not finishable(cut, fastest_hz, busy_s, tail, s.remaining_s, p):
            return False
    for j in range(p.n_clocks):  # with the input cut, every edge cut
        busy_s = device_s(0, p.clocks_hz[j], s.clock_hz, p)
        if not finishable(0, p.clocks_hz[j], busy_s, tail, s.remaining_s, p):
            return False
    return True


@jit
def mask_axes(s, tasks, out, p):
    """Per-axis masks side by side into ``out``: device cut, edge cut, clock, power; False: cannot finish in time.

    A value is allowed if some values of the other axes make the decision :func:`finishable`; everything is allowed
    where nothing is.  Decisions that could allow nothing new are not looked at.
    """
    cuts = p.last_cut + 1
    clocks = cuts + (cuts if p.cloud else 1)
    x = tasks[min(s.task, p.n_tasks - 1)]
    found = surely_finishable(s, x, p)
    out[:] = found
    if found:
        return
    for cut in range(cuts):
        for edge_cut in range(cut if p.cloud else p.last_cut, cuts):
            beside = cuts + (edge_cut if p.cloud else 0)
            known = out[cut] and out[beside] and (edge_cut > cut or out[cuts])
            tail = math.inf
            for j in range(p.n_clocks - 1, -1, -1):  # the fastest first: it opens most
                if known and out[clocks + j]:
                    continue
                if tail == math.inf:
                    tail = tail_s(cut, edge_cut, x.edge_load, x.rtt_s, p)
                busy_s = device_s(cut, p.clocks_hz[j], s.clock_hz, p)
                if finishable(cut, p.clocks_hz[j], busy_s, tail, s.remaining_s, p):
                    known, found = True, True
                    out[cut], out[beside], out[clocks + j] = True, True, True
                    if edge_cut == cut:  # a smaller edge cut means the device cut
                        out[cuts:beside] = True
    if not found:
        out[:] = True
    out[clocks + p.n_clocks :] = True


@jit
def mask_table(s, tasks, table, out, p):
    """Mask of a table of decisions (n_actions,) DECISION whose power varies fastest, into ``out`` (n_actions,)."""
    x = tasks[min(s.task, p.n_tasks - 1)]
    found, good = False, False
    for a in range(table.shape[0]):
        d = table[a]
        if (
            a == 0
            or d.cut != table[a - 1].cut
            or d.edge_cut != table[a - 1].edge_cut
            or d.clock_hz != table[a - 1].clock_hz
        ):
            cut = int(d.cut)
            tail = tail_s(cut, effective_edge_cut(cut, int(d.edge_cut), p), x.edge_load, x.rtt_s, p)
            busy_s = device_s(cut, d.clock_hz, s.clock_hz, p)
            good = finishable(cut, d.clock_hz, busy_s, tail, s.remaining_s, p)
        out[a] = good
        found = found or good
    if not found:
        out[:] = True


# ------------------------------------------------------------------ the loop over rows
@jit
def refresh(row, tasks, recorded_s, log, scratch, out, mask, table, p):
    """Begin the episode of a fresh row; what is seen of a row that has moved, or what :func:`show` found, else -1."""
    s = row.state
    if row.fresh:
        if not s.recorded:
            fill_tasks(row.key, tasks, recorded_s, log, p)
        begin(s, row.key, tasks, p)
        clear_outcome(row.outcome, s)  # no exit has answered yet, which is not exit 0
    if not (row.live or row.fresh):
        return -1
    wrong = observe(s, tasks, scratch, out, p)
    if wrong < 0:
        if table.shape[0] > 0:
            mask_table(s, tasks, table, mask, p)
        else:
            mask_axes(s, tasks, mask, p)
    return wrong


@jit
def turn_rows(low, high, rows, observations, masks, logs, table, params, all_tasks, fading, noise, recorded_s, channel):
    """One turn of rows low..high, one after the other.

    ``rows`` (n,) of ``row_dtype``: live ones take a step by their decision, fresh ones begin the episode of
    their key (recorded rows keep the tasks they were given); both are then observed.  ``logs`` (n, n_slots or 0,
    LOG_COLUMNS) takes the slots of the last task; ``table`` is empty for per-axis masks, ``params`` (1,) is the PARAMS
    record; then :class:`splitgym.worlds.inference.layout.Nature`.  Returns -1, or what :func:`show` found.
    """
    p = params[0]
    scratch = nothing_yet(p.n_fields)
    for i in range(low, high):
        row, tasks = rows[i], all_tasks[i]
        if row.live:
            j = i if row.state.recorded else 0  # the slot arrays may be empty when nothing is recorded
            step_one(row.state, row.decision, tasks, fading[j], noise[j], logs[i], row.outcome, p)
        wrong = refresh(row, tasks, recorded_s, channel[0], scratch, observations[i], masks[i], table, p)
        if wrong >= 0:
            return wrong
    return -1
