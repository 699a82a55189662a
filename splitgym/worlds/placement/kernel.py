"""Compiled code of the placement world: one move, reservations, observation, masks, the loop over rows.

References of the form (s1.3) point to sections of the FIN specification.  Blocks and exit configurations count from
0; a move is a node, an exit configuration, or a rejection, in this order of numbers.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from splitgym.jit import jit
from splitgym.physics.codec import fitting, nothing_yet, put, show
from splitgym.physics.step_cost import step_delay_s, step_energy_j, within
from splitgym.worlds.placement.nature import fast_config, fill_apps

#: The outlook at a node to which no block can go.
NOWHERE = (math.inf, math.inf, -1.0)


class System(NamedTuple):
    """Arrays shared by all rows: N nodes, A arcs, X networks; the records are those of ``system.py``."""

    nodes: np.ndarray  # (N,) NODE
    arcs: np.ndarray  # (A,) ARC
    arc_of: np.ndarray  # (N, N) int64: index of the arc from u to v, -1 where there is none
    dnns: np.ndarray  # (X,) DNN
    rest_s: np.ndarray  # (X, C, K+1, N) least latency still to come when b blocks are done and the last is at n; inf
    rest_j: np.ndarray  # (X, C, K+1, N) least energy still to come
    fast_j: np.ndarray  # (X, C, K+1, N) energy still to come on the least-latency way


class Free(NamedTuple):
    """What is free on the system of one row."""

    node: np.ndarray  # (N,) compute [op/s]
    memory: np.ndarray  # (N,) memory [bit]
    arc: np.ndarray  # (A,) link capacity [bit/s]


# ------------------------------------------------------------------ one step of a placement
@jit
def step_cost(x, c, b, u, v, system, worst):
    """Energy [J] and delay [s] of block ``b`` at node ``v`` after node ``u``; (inf, inf) without a link.  (s2)"""
    dnn, node = system.dnns[x], system.nodes[v]
    reach, work = dnn.reach[c, b], dnn.work_op[c, b]
    weight = 1.0 if worst else reach
    if u == v:
        return (
            step_energy_j(reach, work, node.energy_j_op, 0.0, 0.0),
            step_delay_s(weight, work, node.speed_op_s, 0.0, 1.0, 0.0),
        )
    a = system.arc_of[u, v]
    if a < 0:
        return math.inf, math.inf
    arc, bits = system.arcs[a], dnn.in_bit[b]
    return (
        step_energy_j(reach, work, node.energy_j_op, bits, arc.energy_j_bit),
        step_delay_s(weight, work, node.speed_op_s, bits, arc.rate_bit_s, arc.prop_s),
    )


@jit
def fill_rest(worst, system):
    """Least latency and least energy to the end, limits left out, and the energy of the least-latency way."""
    nodes, dnns = system.nodes, system.dnns
    rest_s, rest_j, fast_j = system.rest_s, system.rest_j, system.fast_j
    for x in range(dnns.shape[0]):
        for c in range(dnns[x].n_configs):
            depth = dnns[x].depth[c]
            for u in range(nodes.shape[0]):
                rest_s[x, c, depth, u], rest_j[x, c, depth, u], fast_j[x, c, depth, u] = 0.0, 0.0, 0.0
            for b in range(depth - 1, -1, -1):
                for u in range(nodes.shape[0]):
                    for v in range(nodes.shape[0]):
                        energy_j, delay_s = step_cost(x, c, b, u, v, system, worst)
                        if energy_j == math.inf:
                            continue
                        rest_j[x, c, b, u] = min(rest_j[x, c, b, u], energy_j + rest_j[x, c, b + 1, v])
                        if delay_s + rest_s[x, c, b + 1, v] < rest_s[x, c, b, u]:
                            rest_s[x, c, b, u] = delay_s + rest_s[x, c, b + 1, v]
                            fast_j[x, c, b, u] = energy_j + fast_j[x, c, b + 1, v]


@jit
def reference_j(y, system, p):
    """Energy [J] of the least-latency plan of an application on the empty system; 0 if it has none."""
    _, c = fast_config(y.source, y.dnn, y.accuracy, p.pinned, system, p.worst)
    if c < 0:
        return 0.0
    dnn, node = system.dnns[y.dnn], system.nodes[y.source]
    done, energy_j = min(p.pinned, dnn.depth[c]), 0.0
    for b in range(done):
        energy_j += step_energy_j(dnn.reach[c, b], dnn.work_op[c, b], node.energy_j_op, 0.0, 0.0)
    return energy_j + system.fast_j[y.dnn, c, done, y.source]


@jit
def room(s, y, c, v, a, system, free):
    """Whether block ``s.placed`` fits node ``v`` and link ``a`` (-1: none) beside the blocks placed so far.  (s1.3)

    A placement may come back to a node and use a link again: all its blocks there count together.
    """
    dnn, u = system.dnns[y.dnn], y.source
    load, memory, sent = 0.0, 0.0, 0.0
    for b in range(s.placed + 1):
        to = v if b == s.placed else s.path[b]
        if to == v:
            load += y.rate_hz * dnn.reach[c, b] * dnn.work_op[c, b]
            memory += dnn.memory_bit[b]
            if u == s.node:
                sent += y.rate_hz * dnn.reach[c, b] * dnn.in_bit[b]
        u = to
    if not (within(load, free.node[v]) and within(memory, free.memory[v])):
        return False
    return a < 0 or within(sent, free.arc[a])


@jit
def within_reach(s, y, v, system, p):
    """Whether the next block could go to node ``v`` at all: there is a link, and the block is not pinned elsewhere."""
    return (s.node == v or system.arc_of[s.node, v] >= 0) and (s.placed >= p.pinned or v == y.source)


@jit
def may_move(s, y, c, v, system, free, p):
    """Whether the next block may go to node ``v`` under configuration ``c``; (False, inf, inf) or with its cost."""
    b = s.placed
    if s.open[c] == 0 or system.dnns[y.dnn].depth[c] <= b or not within_reach(s, y, v, system, p):
        return False, math.inf, math.inf
    energy_j, delay_s = step_cost(y.dnn, c, b, s.node, v, system, p.worst)
    if energy_j == math.inf:
        return False, math.inf, math.inf
    if not within(s.spent_s[c] + delay_s + system.rest_s[y.dnn, c, b + 1, v], y.latency_s):
        return False, energy_j, delay_s
    a = -1 if v == s.node else system.arc_of[s.node, v]
    return room(s, y, c, v, a, system, free), energy_j, delay_s


@jit
def may_finish(s, y, c, system):
    """Whether exit configuration ``c`` may close the present application."""
    dnn = system.dnns[y.dnn]
    return c < dnn.n_configs and s.open[c] > 0 and s.placed == dnn.depth[c]


# ------------------------------------------------------------------ applications and their reservations
@jit
def clear_outcome(o, s):
    """Empty outcome of the present move."""
    o.app, o.block, o.node, o.exit_config, o.exit_asked = s.app, -1, -1, -1, -1
    o.closed, o.accepted, o.rejected = False, False, False
    o.energy_j, o.reference_j, o.latency_s, o.latency_target_s = 0.0, 0.0, 0.0, 0.0
    o.accuracy, o.power_w, o.saved, o.live = 0.0, 0.0, 0.0, s.live
    o.reward_saved, o.reward_rejection, o.reward = 0.0, 0.0, 0.0


@jit
def open_app(s, apps, system, p):
    """Begin to place the present application: nothing placed, all configurations open that are accurate enough."""
    s.finished = s.app >= p.n_apps
    s.placed = 0
    if s.finished:
        return
    y = apps[s.app]
    s.node, s.reference_j = y.source, reference_j(y, system, p)
    dnn = system.dnns[y.dnn]
    for c in range(s.open.shape[0]):
        s.open[c] = 1 if c < dnn.n_configs and dnn.accuracy[c] >= y.accuracy else 0
        s.spent_s[c], s.spent_j[c] = 0.0, 0.0


@jit
def free_capacity(s, live, system, free):
    """What the live applications leave free; summed anew, so that nothing drifts."""
    for v in range(system.nodes.shape[0]):
        free.node[v], free.memory[v] = system.nodes[v].capacity_op_s, system.nodes[v].memory_bit
    for a in range(system.arcs.shape[0]):
        free.arc[a] = system.arcs[a].capacity_bit_s
    for i in range(s.held):
        z = live[i]
        if z.until_s <= 0.0:
            continue
        dnn, u = system.dnns[z.dnn], z.source
        for b in range(dnn.depth[z.exit_config]):
            v = z.path[b]
            free.node[v] -= z.rate_hz * dnn.reach[z.exit_config, b] * dnn.work_op[z.exit_config, b]
            free.memory[v] -= dnn.memory_bit[b]
            if u != v:
                free.arc[system.arc_of[u, v]] -= z.rate_hz * dnn.reach[z.exit_config, b] * dnn.in_bit[b]
            u = v
    for v in range(system.nodes.shape[0]):  # a capacity that is used up to the tolerance
        free.node[v], free.memory[v] = max(free.node[v], 0.0), max(free.memory[v], 0.0)
    for a in range(system.arcs.shape[0]):
        free.arc[a] = max(free.arc[a], 0.0)


@jit
def depart(s, live, now_s):
    """Release the applications whose time is over; returns whether there were any."""
    before, held = s.live, s.held
    s.live, s.held = 0, 0
    for i in range(held):
        if 0.0 < live[i].until_s <= now_s:
            live[i].until_s = 0.0
        if live[i].until_s > 0.0:
            s.live, s.held = s.live + 1, i + 1
    return s.live != before


@jit
def reserve(s, y, c, live):
    """Keep what the present application needs until it leaves, in the first place that is free."""
    at = 0
    while at < s.held and live[at].until_s > 0.0:
        at += 1
    z = live[at]
    z.until_s = y.arrival_s + y.holding_s
    z.source, z.dnn, z.exit_config, z.rate_hz = y.source, y.dnn, c, y.rate_hz
    for b in range(s.placed):
        z.path[b] = s.path[b]
    s.live, s.held = s.live + 1, max(s.held, at + 1)


@jit
def close_app(s, o, y, c, apps, live, system, free, p):
    """Accept with configuration ``c`` or reject (-1), reward, and turn to the next application."""
    o.closed = True
    o.reference_j, o.latency_target_s = s.reference_j, y.latency_s
    if c >= 0:
        o.accepted, o.exit_config, o.accuracy = True, c, system.dnns[y.dnn].accuracy[c]
        o.energy_j, o.latency_s, o.power_w = s.spent_j[c], s.spent_s[c], y.rate_hz * s.spent_j[c]
        o.saved = 1.0 - o.energy_j / o.reference_j if o.reference_j > 0.0 else 0.0
        o.reward_saved = o.saved
        reserve(s, y, c, live)
    else:
        o.rejected, o.reward_rejection = True, -p.rejection_penalty
    o.reward = o.reward_saved + o.reward_rejection
    s.app += 1
    open_app(s, apps, system, p)
    left = depart(s, live, apps[s.app].arrival_s if s.app < p.n_apps else y.arrival_s)
    o.live = s.live
    if left or c >= 0:
        free_capacity(s, live, system, free)


@jit
def place_block(s, o, y, v, system, free, p):
    """Put the next block on node ``v``; returns whether some configuration allows it."""
    possible = False
    for c in range(system.dnns[y.dnn].n_configs):
        good, energy_j, delay_s = may_move(s, y, c, v, system, free, p)
        s.spent_j[c] += energy_j
        s.spent_s[c] += delay_s
        s.open[c] = 1 if good else 0
        possible = possible or good
    o.block, o.node = s.placed, v
    s.path[s.placed] = v
    s.placed += 1
    s.node = v
    return possible


@jit
def step_one(s, d, o, apps, live, system, free, p):
    """One move.  A move that no exit configuration allows rejects the application."""
    clear_outcome(o, s)
    y, move = apps[s.app], int(d.move)
    n_nodes = system.nodes.shape[0]
    c, closed = -1, True
    if move < n_nodes:
        closed = not place_block(s, o, y, move, system, free, p)
    elif move < n_nodes + p.n_configs:
        o.exit_asked = move - n_nodes
        c = o.exit_asked if may_finish(s, y, o.exit_asked, system) else -1
    if closed:
        close_app(s, o, y, c, apps, live, system, free, p)


@jit
def begin(s, key, apps, live, system, free, p):
    """Put a row at the start of an episode; its applications are already drawn."""
    s.key, s.app, s.live, s.held = key, 0, 0, 0
    s.depleted = False
    for i in range(live.shape[0]):
        live[i].until_s = 0.0
    open_app(s, apps, system, p)
    free_capacity(s, live, system, free)


# ------------------------------------------------------------------ what is seen
@jit
def outlook(s, y, v, system, free, p):
    """Next block at node ``v``: least energy of the step and to the end [J], most slack [s]; (inf, inf, -1): no way."""
    step_j, end_j, slack_s = NOWHERE
    for c in range(system.dnns[y.dnn].n_configs):
        good, energy_j, delay_s = may_move(s, y, c, v, system, free, p)
        if good:
            step_j = min(step_j, energy_j)
            end_j = min(end_j, s.spent_j[c] + energy_j + system.rest_j[y.dnn, c, s.placed + 1, v])
            slack_s = max(slack_s, y.latency_s - s.spent_s[c] - delay_s - system.rest_s[y.dnn, c, s.placed + 1, v])
    return step_j, end_j, max(slack_s, 0.0) if step_j < math.inf else -1.0


@jit
def share_left(free, capacity):
    """Free share of a capacity; 0 of none."""
    share = min(max(free / (capacity if capacity > 0.0 else 1.0), 0.0), 1.0)
    return share if capacity > 0.0 else 0.0  # without a branch, for SIMD lanes


@jit
def observe_shares(free, capacity, span, values):
    """Free shares of capacities (n,) as the vector at ``span``."""
    count = fitting(values, span, free.shape[0])
    shares = values[span.first : span.first + count]
    for k in range(count):
        shares[k] = share_left(free[k], capacity[k])


@jit
def observe_node(s, y, v, ahead, values, p):
    """What is observed of node ``v``; ``ahead``: its :func:`outlook`.  Returns whether the next block may go there."""
    step_j, end_j, slack_s = ahead
    possible, at, base_j = slack_s >= 0.0, p.at, s.reference_j
    put(values, at.here, v, 1.0 if v == s.node else 0.0)
    put(values, at.step_energy, v, min(step_j / base_j, 1e6) if possible and base_j > 0.0 else 1e6)
    put(values, at.end_energy, v, min(end_j / base_j, 1e6) if possible and base_j > 0.0 else 1e6)
    put(values, at.slack, v, slack_s / y.latency_s if possible else 0.0)
    return possible


@jit
def look(s, apps, system, free, values, out, mask, p):
    """Observation of a row into ``out`` (n_fields,) float32, and its mask of moves into ``mask`` (N + C + 1,).

    ``values`` takes the SI values, see :func:`show`.  A move is masked if it would reject; rejecting is always allowed.
    Both are filled together, since what a node would cost and whether it is possible is one question.
    """
    y, at, n = apps[min(s.app, p.n_apps - 1)], p.at, system.nodes.shape[0]
    base_j = s.reference_j
    values[at.dnn], values[at.source], values[at.live] = y.dnn, y.source, s.live
    values[at.latency_s], values[at.accuracy], values[at.rate_hz] = y.latency_s, y.accuracy, y.rate_hz
    values[at.placed], values[at.node], values[at.reference_j] = s.placed, s.node, base_j
    for v in range(n):
        ahead = NOWHERE
        if not s.finished and within_reach(s, y, v, system, p):  # most nodes are not, and need no look at capacities
            ahead = outlook(s, y, v, system, free, p)
        mask[v] = observe_node(s, y, v, ahead, values, p) or s.finished
    for c in range(p.n_configs):
        done = not s.finished and may_finish(s, y, c, system)
        mask[n + c] = done or s.finished
        put(values, at.finish_energy, c, min(s.spent_j[c] / base_j, 1e6) if done and base_j > 0.0 else 1e6)
    mask[n + p.n_configs] = True
    observe_shares(free.node, system.nodes.capacity_op_s, at.node_free, values)
    observe_shares(free.memory, system.nodes.memory_bit, at.memory_free, values)
    observe_shares(free.arc, system.arcs.capacity_bit_s, at.arc_free, values)
    return show(values, out, p)


# ------------------------------------------------------------------ the loop over rows
@jit
def turn_rows(
    low, high, rows, observations, masks, logs, table, params,
    all_apps, all_live, node_free, memory_free, arc_free, arrival_s,
    nodes, arcs, arc_of, dnns, rest_s, rest_j, fast_j,
):  # fmt: skip
    """One turn of rows low..high: the only stepping loop of the world.

    ``rows`` (n,) of ``row_dtype``: live ones take a move by their decision, fresh ones begin the episode of their
    key (recorded rows keep the applications they were given); both are then observed.  ``logs`` and ``table`` are not
    used: all encodings have the moves as their mask.  ``params`` (1,) is the PARAMS record; then the fields of
    :class:`splitgym.worlds.placement.layout.Nature`.  Returns -1, or what :func:`show` found.
    """
    p = params[0]
    system = System(nodes, arcs, arc_of, dnns, rest_s, rest_j, fast_j)
    scratch = nothing_yet(p.n_fields)
    for i in range(low, high):
        row, apps, live = rows[i], all_apps[i], all_live[i]
        s, d, free = row.state, row.decision, Free(node_free[i], memory_free[i], arc_free[i])
        if row.live:
            step_one(s, d, row.outcome, apps, live, system, free, p)
        if row.fresh:
            if not s.recorded:
                fill_apps(row.key, apps, arrival_s, system, p)
            begin(s, row.key, apps, live, system, free, p)
            clear_outcome(row.outcome, s)
        if row.live or row.fresh:
            wrong = look(s, apps, system, free, scratch, observations[i], masks[i], p)
            if wrong >= 0:
                return wrong
    return -1
