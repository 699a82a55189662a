"""Compiled code of the placement solvers: edges of the extended graph, dynamic programmes over them (FIN s2-5).

A *state* is a node, or a node with the block at which the present run on it began where a run may overload the node
(s2.1).  A *vertex* is a state at a step, step ``b`` standing before block ``b + 1``; a *replica* is a vertex at a
level.  Blocks, steps and nodes count from 0.  Every array over edges is sorted by step, then by tail.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from splitgym.jit import jit
from splitgym.physics.step_cost import step_delay_s, step_energy_j, within

#: Taken off before a level is rounded up, so that D = k delta / gamma costs k levels (s3).
GUARD = 1e-10
#: Relative excess over the best known energy at which a path is given up: sums in another order must not cost a tie.
SLACK = 1e-12


class Net(NamedTuple):
    """Nodes (N,) and arcs (A,) of an instance, arcs sorted by sender."""

    node_op_s: np.ndarray
    node_j_op: np.ndarray
    node_limit_op_s: np.ndarray
    node_limit_bit: np.ndarray
    out_start: np.ndarray  # (N + 1,): arcs of sender n are out_start[n] .. out_start[n + 1]
    arc_head: np.ndarray
    arc_rate_bit_s: np.ndarray
    arc_prop_s: np.ndarray
    arc_j_bit: np.ndarray
    arc_limit_bit_s: np.ndarray
    arc_place: np.ndarray  # place in the instance


class Job(NamedTuple):
    """One application under one exit configuration; arrays over its K_c blocks."""

    source: int
    pinned: int
    rate_hz: float
    reach_ratio: np.ndarray
    weight_ratio: np.ndarray  # of a latency: 1, or the reach
    work_op: np.ndarray
    sent_bit: np.ndarray  # what enters the block
    memory_bit: np.ndarray


class Edges(NamedTuple):
    """Extended graph of section 2 without Omega: what can be reached from the source."""

    start: np.ndarray  # (K + 1,): edges of step b are start[b] .. start[b + 1]
    tail: np.ndarray
    head: np.ndarray
    arc: np.ndarray  # place of the arc in the instance, -1 where the node stays the same
    energy_j: np.ndarray
    delay_s: np.ndarray
    node: np.ndarray  # (S,): node of a state
    run: np.ndarray  # (S,): first block of the run, from 1; 0 where the node has one copy
    source: int  # state before block 1


class Sweep(NamedTuple):
    """Replicas of two successive steps (2, S, gamma + 1), the levels in use (2, S), and how each was reached."""

    cost_j: np.ndarray
    time_s: np.ndarray
    low: np.ndarray
    high: np.ndarray
    back: np.ndarray  # (K, S, gamma + 1): the edge and the level before it, see `from_edge`


def make_sweep(n_steps, n_states, gamma):
    """An empty sweep for up to so many steps and states.

    Python makes large ones: NumPy asks the system for huge pages, and a page costs as much as a hundred replicas when
    it is first written to.
    """
    return Sweep(
        np.full((2, n_states, gamma + 1), np.inf),
        np.empty((2, n_states, gamma + 1)),
        np.full((2, n_states), gamma + 1, np.int64),
        np.full((2, n_states), -1, np.int64),
        np.empty((n_steps, n_states, gamma + 1), np.int32),
    )


small_sweep = jit(make_sweep)


# ------------------------------------------------------------------ extended graph
@jit
def acyclic(out_start, arc_head):
    """Whether the arcs form no cycle."""
    n_nodes = out_start.shape[0] - 1
    entering = np.zeros(n_nodes, np.int64)
    for a in range(arc_head.shape[0]):
        entering[arc_head[a]] += 1
    ready = np.empty(n_nodes, np.int64)
    n_ready = 0
    for n in range(n_nodes):
        if entering[n] == 0:
            ready[n_ready] = n
            n_ready += 1
    done = 0
    while done < n_ready:
        for a in range(out_start[ready[done]], out_start[ready[done] + 1]):
            entering[arc_head[a]] -= 1
            if entering[arc_head[a]] == 0:
                ready[n_ready] = arc_head[a]
                n_ready += 1
        done += 1
    return n_ready == n_nodes


@jit
def run_ends(net, job):
    """Last block that a run may reach which begins at block i on node n (N, K); i - 1: not even one block fits."""
    n_blocks = job.work_op.shape[0]
    ends = np.empty((net.node_op_s.shape[0], n_blocks), np.int64)
    for n in range(ends.shape[0]):
        for i in range(n_blocks):
            load_op_s, memory_bit, b = 0.0, 0.0, i
            while b < n_blocks:
                load_op_s += job.rate_hz * job.reach_ratio[b] * job.work_op[b]
                memory_bit += job.memory_bit[b]
                if not (within(load_op_s, net.node_limit_op_s[n]) and within(memory_bit, net.node_limit_bit[n])):
                    break
                b += 1
            ends[n, i] = b - 1
    return ends


@jit
def list_states(ends, one_copy):
    """Node and first block of the run (from 1; 0: one copy) of every state, first state of every node (N + 1,)."""
    n_nodes, n_blocks = ends.shape
    first = np.zeros(n_nodes + 1, np.int64)
    for n in range(n_nodes):
        tight = not one_copy and ends[n, 0] < n_blocks - 1
        first[n + 1] = first[n] + (n_blocks if tight else 1)
    node, run = np.empty(first[n_nodes], np.int64), np.zeros(first[n_nodes], np.int64)
    for n in range(n_nodes):
        for x in range(first[n], first[n + 1]):
            node[x] = n
            if first[n + 1] - first[n] > 1:
                run[x] = x - first[n] + 1
    return node, run, first


@jit
def list_edges(net, job, one_copy):
    """The :class:`Edges` of one application under one configuration.  (s2)

    ``one_copy``: forget how long a run is, as solvers do which keep capacity by other means; single blocks that fit
    nowhere are dropped all the same.
    """
    n_blocks, ends = job.work_op.shape[0], run_ends(net, job)
    node, run, first = list_states(ends, one_copy)
    most = 0
    for n in range(first.shape[0] - 1):
        most += (first[n + 1] - first[n]) * (1 + net.out_start[n + 1] - net.out_start[n])
    tail, head = np.empty(n_blocks * most, np.int64), np.empty(n_blocks * most, np.int64)
    link = np.empty(n_blocks * most, np.int64)  # arc in the net's order
    start = np.zeros(n_blocks + 1, np.int64)
    reached = np.zeros((n_blocks + 1, node.shape[0]), np.bool_)
    reached[0, first[job.source]] = True
    e = 0
    for b in range(n_blocks):
        for x in range(node.shape[0]):
            if reached[b, x]:
                e = leave(net, job, ends, run, first, b, x, node[x], reached[b + 1], tail, head, link, e)
        start[b + 1] = e
    tail, head, link = tail[:e].copy(), head[:e].copy(), link[:e].copy()
    arc, energy_j, delay_s = price(net, job, start, node, head, link)
    return Edges(start, tail, head, arc, energy_j, delay_s, node, run, int(first[job.source]))


@jit
def leave(net, job, ends, run, first, b, x, u, reached, tail, head, link, e):
    """Append the edges of block ``b`` that leave state ``x`` on node ``u``; the number of edges after that."""
    if ends[u, run[x] - 1 if run[x] > 0 else b] >= b:
        tail[e], head[e], link[e] = x, x, -1
        reached[x] = True
        e += 1
    if b < job.pinned:
        return e
    sent_bit_s = job.rate_hz * job.reach_ratio[b] * job.sent_bit[b]
    for a in range(net.out_start[u], net.out_start[u + 1]):
        v = net.arc_head[a]
        if ends[v, b] >= b and within(sent_bit_s, net.arc_limit_bit_s[a]):
            y = first[v] + (b if first[v + 1] - first[v] > 1 else 0)
            tail[e], head[e], link[e] = x, y, a
            reached[y] = True
            e += 1
    return e


@jit
def price(net, job, start, node, head, link):
    """Arc in the instance's order, energy [J] and delay [s] of every edge."""
    arc = np.full(head.shape[0], -1, np.int64)
    energy_j, delay_s = np.empty(head.shape[0]), np.empty(head.shape[0])
    for b in range(start.shape[0] - 1):
        reach_ratio, weight_ratio, work_op = job.reach_ratio[b], job.weight_ratio[b], job.work_op[b]
        for e in range(start[b], start[b + 1]):
            v, a = node[head[e]], link[e]
            sent_bit, arc_j_bit, rate_bit_s, prop_s = 0.0, 0.0, 1.0, 0.0
            if a >= 0:
                arc[e], sent_bit, arc_j_bit = net.arc_place[a], job.sent_bit[b], net.arc_j_bit[a]
                rate_bit_s, prop_s = net.arc_rate_bit_s[a], net.arc_prop_s[a]
            energy_j[e] = step_energy_j(reach_ratio, work_op, net.node_j_op[v], sent_bit, arc_j_bit)
            delay_s[e] = step_delay_s(weight_ratio, work_op, net.node_op_s[v], sent_bit, rate_bit_s, prop_s)
    return arc, energy_j, delay_s


# ------------------------------------------------------------------ shortest paths to the end
@jit
def backward(edges, first, second):
    """Least sum of ``first`` (ties: of ``second``) from every vertex to the end, both weights over edges.

    Returns the two sums and the edge that begins the path (-1: none), (K + 1, S) each; inf where no path leads on.
    """
    n_steps, n_states = edges.start.shape[0] - 1, edges.node.shape[0]
    least, tie = np.full((n_steps + 1, n_states), np.inf), np.full((n_steps + 1, n_states), np.inf)
    leading = np.full((n_steps + 1, n_states), -1, np.int64)
    least[n_steps], tie[n_steps] = 0.0, 0.0
    for b in range(n_steps - 1, -1, -1):
        for e in range(edges.start[b], edges.start[b + 1]):
            x, y = edges.tail[e], edges.head[e]
            total, rest = first[e] + least[b + 1, y], second[e] + tie[b + 1, y]
            if total < least[b, x] or (total == least[b, x] and rest < tie[b, x]):
                least[b, x], tie[b, x], leading[b, x] = total, rest, e
    return least, tie, leading


@jit
def levels_of(delay_s, gamma, target_s):
    """q of a delay, or of every delay of an array, as a float, which cannot overflow: ceil(gamma D / delta - 1e-10)."""
    return np.ceil(gamma * delay_s / target_s - GUARD)


# ------------------------------------------------------------------ feasible graph
@jit
def from_edge(place, before, after, length):
    """An edge by its place among those of its step, and the level before it, in one number below 2**31.

    Of the level the number holds the distance from where the edge's ``length`` in levels leads back to: -2 to 1 where
    the true latency is rounded, else 0.
    """
    return 4 * place + int(after - before - length) + 2


@jit
def forward(edges, gamma, target_s, carry, togo_level, togo_s, togo_j, limit_j, lowest, sweep):
    """Least-energy path over replicas: energy [J] (inf: none), last level, its edges (K,).  (s3)

    ``togo_level``, ``togo_s``, ``togo_j`` (K + 1, S) bound what a vertex still needs; ``limit_j``: energy of a plan
    known already; ``lowest``: first level at which a path may end; ``carry``: round the true latency (s3.1); ``sweep``
    is scratch, made for ``gamma`` levels.
    """
    n_steps = togo_s.shape[0] - 1
    level = levels_of(edges.delay_s, gamma, target_s)
    clear(0, sweep)
    clear(1, sweep)
    sweep.cost_j[0, edges.source, 0], sweep.time_s[0, edges.source, 0] = 0.0, 0.0
    sweep.low[0, edges.source], sweep.high[0, edges.source] = 0, 0
    found = np.empty(gamma + 1, np.int64)
    for b in range(n_steps):
        clear((b + 1) % 2, sweep)
        tail, n_found = -1, 0
        for e in range(edges.start[b], edges.start[b + 1]):
            if edges.tail[e] != tail:
                tail = edges.tail[e]
                n_found = find(b % 2, tail, sweep, found)
            for k in range(n_found):
                time_s = sweep.time_s[b % 2, tail, found[k]] + edges.delay_s[e]
                cost_j = sweep.cost_j[b % 2, tail, found[k]] + edges.energy_j[e]
                to = levels_of(time_s, gamma, target_s) if carry else found[k] + level[e]
                y = edges.head[e]
                if (
                    to + togo_level[b + 1, y] <= gamma
                    and within(time_s + togo_s[b + 1, y], target_s)
                    and cost_j + togo_j[b + 1, y] <= limit_j * (1.0 + SLACK)
                ):
                    origin = from_edge(e - edges.start[b], found[k], to, level[e])
                    offer(b, y, int(to), cost_j, time_s, origin, sweep)
    return finish(edges, level, n_steps, lowest, sweep)


@jit
def clear(side, sweep):
    """Empty the replicas of one of the two steps, as far as they were in use."""
    for x in range(sweep.low.shape[1]):
        if sweep.high[side, x] >= 0:
            sweep.cost_j[side, x, sweep.low[side, x] : sweep.high[side, x] + 1] = np.inf
            sweep.low[side, x], sweep.high[side, x] = sweep.cost_j.shape[2], -1


@jit
def find(side, x, sweep, found):
    """List the levels of state ``x`` that are reached; their number."""
    n_found = 0
    for l in range(sweep.low[side, x], sweep.high[side, x] + 1):  # noqa: E741 -- the paper's letter
        if sweep.cost_j[side, x, l] < np.inf:
            found[n_found] = l
            n_found += 1
    return n_found


@jit
def offer(b, y, to, cost_j, time_s, origin, sweep):
    """Keep a path to a replica if it is cheaper, or as cheap and faster, than the one kept there."""
    side = (b + 1) % 2
    old_j = sweep.cost_j[side, y, to]
    if cost_j < old_j or (cost_j == old_j and time_s < sweep.time_s[side, y, to]):
        sweep.cost_j[side, y, to], sweep.time_s[side, y, to], sweep.back[b, y, to] = cost_j, time_s, origin
        sweep.low[side, y], sweep.high[side, y] = min(sweep.low[side, y], to), max(sweep.high[side, y], to)


@jit
def finish(edges, level, n_steps, lowest, sweep):
    """The cheapest of the last replicas from level ``lowest`` on, traced back."""
    side = n_steps % 2
    best_j, x, last = np.inf, -1, -1
    for y in range(sweep.low.shape[1]):
        for l in range(max(lowest, sweep.low[side, y]), sweep.high[side, y] + 1):  # noqa: E741
            if sweep.cost_j[side, y, l] < best_j:
                best_j, x, last = sweep.cost_j[side, y, l], y, l
    path, l = np.full(n_steps, -1, np.int64), last  # noqa: E741
    for b in range(n_steps - 1 if last >= 0 else -1, -1, -1):
        origin = sweep.back[b, x, l]
        path[b] = edges.start[b] + origin // 4
        l = l - int(level[path[b]]) - (origin % 4 - 2)  # noqa: E741
        x = edges.tail[path[b]]
    return best_j, last, path


# ------------------------------------------------------------------ exact labels
@jit
def extend_labels(edges, b, state, cost_j, time_s, target_s, limit_j, togo_s, togo_j):
    """Non-dominated labels behind step ``b`` from those before it (L,).  (s5)

    Returns state, energy [J], delay [s], label before and edge of each; those are left out that cannot reach the end
    in time or below ``limit_j``.
    """
    n_states, first, last = edges.node.shape[0], edges.start[b], edges.start[b + 1]
    begin = np.searchsorted(edges.tail[first:last], np.arange(n_states + 1)) + first
    n_most = 0
    for k in range(state.shape[0]):
        n_most += begin[state[k] + 1] - begin[state[k]]
    before, edge = np.empty(n_most, np.int64), np.empty(n_most, np.int64)
    new_j, new_s, n_new = np.empty(n_most), np.empty(n_most), 0
    for k in range(state.shape[0]):
        for e in range(begin[state[k]], begin[state[k] + 1]):
            label_j, label_s, y = cost_j[k] + edges.energy_j[e], time_s[k] + edges.delay_s[e], edges.head[e]
            if within(label_s + togo_s[b + 1, y], target_s) and label_j + togo_j[b + 1, y] <= limit_j * (1.0 + SLACK):
                before[n_new], edge[n_new], new_j[n_new], new_s[n_new] = k, e, label_j, label_s
                n_new += 1
    best_s, kept, n_kept = np.full(n_states, np.inf), np.empty(n_new, np.int64), 0
    for k in np.argsort(new_j[:n_new], kind="mergesort"):
        y = edges.head[edge[k]]
        if new_s[k] < best_s[y]:
            best_s[y], kept[n_kept] = new_s[k], k
            n_kept += 1
    kept = kept[:n_kept].copy()
    return edges.head[edge[kept]], new_j[kept], new_s[kept], before[kept], edge[kept]
