"""Compiled FIN for the inference world: the small graph of a task, solved for row after row.

The graph's nodes are a start, the device at each of its clocks, the edge, and the cloud if there is one; its arcs are
sorted by sender.  Only speeds, rates and delays differ between tasks, so the edges of the extended graph are listed
once (``list_edges`` of :mod:`splitgym.placement.kernel`) and priced anew for every task.  The decision is, to the bit,
what ``solve_fin`` of :mod:`splitgym.placement.fin` plans for the same graph.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from splitgym.baselines.kernel import choose, skip
from splitgym.jit import jit
from splitgym.physics.radio import rate_bit_s
from splitgym.physics.step_cost import within
from splitgym.placement.kernel import Edges, Job, Net, backward, forward, levels_of, price, small_sweep

#: Places in the table of limits.
SPEED, POWER, RATE, DELAY, BIT_ENERGY, TARGET = range(6)
#: Relative difference of two clocks that is rounding.
SAME_CLOCK = 1e-3


class Graph(NamedTuple):
    """The graph of a scenario's tasks; what a task decides of ``net`` and ``node_w`` is written in place."""

    net: Net
    node_w: np.ndarray  # (N,): power while busy
    job: Job
    edges: Edges
    power_w: float  # of the radio
    limits: np.ndarray  # (6, 3): least and most of a quantity, and the least that is not 0


class Options(NamedTuple):
    """How FIN searches, see :func:`splitgym.placement.fin.solve_fin`."""

    gamma: int
    carry: bool
    shortcuts: bool


# ------------------------------------------------------------------ the graph of a task
@jit
def held(value, limits):
    """``value``, or the limit that it is beyond: :meth:`splitgym.ranges.Range.nearest`."""
    value = min(max(value, limits[0]), limits[1])
    return value if abs(value) >= limits[2] else 0.0


@jit
def fill_net(v, graph, p):
    """Write what is observed of edge and links: one rate from the gain, a slot for its quantisation."""
    net, limits, edge = graph.net, graph.limits, p.n_clocks + 1
    speed = p.edge_macs_s * (1.0 - v.edge_load)
    net.node_op_s[edge] = held(speed, limits[SPEED])
    graph.node_w[edge] = held(p.infrastructure_weight * p.edge_j_per_mac * speed, limits[POWER])
    net.node_j_op[edge] = graph.node_w[edge] / net.node_op_s[edge]
    rate = held(rate_bit_s(graph.power_w, v.gain, p.bandwidth_hz, p.noise_w_hz), limits[RATE])
    j_bit, far_s, a = held(graph.power_w / rate, limits[BIT_ENERGY]), v.rtt_s + p.jitter_s, p.n_clocks
    for j in range(p.n_clocks):
        clock_hz = p.clocks_hz[j]
        changed = 1.0 if abs(clock_hz - v.clock_hz) > SAME_CLOCK * clock_hz else 0.0
        net.arc_prop_s[j] = held(p.reconfigure_s * changed, limits[DELAY])
        net.arc_rate_bit_s[a], net.arc_j_bit[a] = rate, j_bit
        net.arc_prop_s[a] = held(p.slot_s, limits[DELAY])
        a += 1
        if p.cloud:
            net.arc_rate_bit_s[a] = held(1.0 / (1.0 / rate + 1.0 / p.backhaul_bit_s), limits[RATE])
            net.arc_j_bit[a], net.arc_prop_s[a] = j_bit, held(p.slot_s + far_s, limits[DELAY])
            a += 1
    if p.cloud:
        net.arc_prop_s[a] = held(far_s, limits[DELAY])


# ------------------------------------------------------------------ its plans
@jit
def follow(edges, leading):
    """Edges from the source to the end (K,), given the edge that begins the path at every vertex (K + 1, S)."""
    path, x = np.empty(edges.start.shape[0] - 1, np.int64), edges.source
    for b in range(path.shape[0]):
        path[b] = leading[b, x]
        x = edges.head[path[b]]
    return path


@jit
def judge(path, edges, graph):
    """Energy [J] and latency [s] of a path, summed as the referee of plans sums them, whose figures decide."""
    net, job = graph.net, graph.job
    compute_j, comm_j, latency_s = 0.0, 0.0, 0.0
    for b in range(path.shape[0]):
        n, a = edges.node[edges.head[path[b]]], edges.arc[path[b]]
        step_s = job.work_op[b] / net.node_op_s[n]
        compute_j += job.reach_ratio[b] * job.work_op[b] * graph.node_w[n] / net.node_op_s[n]
        if a >= 0:
            comm_j += job.reach_ratio[b] * job.sent_bit[b] * net.arc_j_bit[a]
            step_s += job.sent_bit[b] / net.arc_rate_bit_s[a] + net.arc_prop_s[a]
        latency_s += step_s
    return compute_j + comm_j, latency_s


@jit
def cheapest(edges, graph, target_s, options):
    """Whether there is a plan in time, and the edges of the cheapest one that FIN finds (K,).  (FIN s3)"""
    limit_j = np.inf
    togo_s, _, fast = backward(edges, edges.delay_s, edges.energy_j)
    togo_j, _, thrifty = backward(edges, edges.energy_j, edges.delay_s)
    best = follow(edges, fast)
    if not within(togo_s[0, edges.source], target_s):
        return False, best
    if options.shortcuts:
        frugal = follow(edges, thrifty)
        if within(judge(frugal, edges, graph)[1], target_s):
            return True, frugal
        limit_j, _ = judge(best, edges, graph)
        if togo_j[0, edges.source] > limit_j:
            return True, best
    if options.carry:
        togo_level = np.zeros_like(togo_s)
    else:
        togo_level, _, _ = backward(edges, levels_of(edges.delay_s, options.gamma, target_s), edges.delay_s)
    scratch = small_sweep(togo_s.shape[0] - 1, togo_s.shape[1], options.gamma)
    energy_j, _, path = forward(
        edges, options.gamma, target_s, options.carry, togo_level, togo_s, togo_j, limit_j, 0, scratch
    )
    if energy_j == np.inf:
        return options.shortcuts, best
    if judge(path, edges, graph)[0] < limit_j:
        best = path
    return True, best


@jit
def read_plan(path, d, graph, p):
    """Write the decision that a plan means: blocks on the device, then on the edge, then in the cloud."""
    edges, device, cut, on_edge = graph.edges, 0, 0, 0
    for b in range(path.shape[0]):
        n = edges.node[edges.head[path[b]]]
        if device == 0 and 0 < n <= p.n_clocks:
            device = n
        cut += 1 if b > 0 and n > 0 and n == device else 0  # the first block is the input
        on_edge += 1 if n == p.n_clocks + 1 else 0
    choose(d, cut, cut + on_edge, p.clocks_hz[device - 1], graph.power_w if cut < p.last_cut else 0.0)


@jit
def fin_rows(views, decisions, graph, options, params):
    """FIN's decision of every row, ``params`` (1,) PARAMS; without a plan nothing is done."""
    net, job, frame, p = graph.net, graph.job, graph.edges, params[0]
    for i in range(views.shape[0]):
        v, d = views[i], decisions[i]
        fill_net(v, graph, p)
        arc, energy_j, delay_s = price(net, job, frame.start, frame.node, frame.head, frame.arc)
        edges = Edges(
            frame.start, frame.tail, frame.head, arc, energy_j, delay_s, frame.node, frame.run, frame.source
        )  # fmt: skip
        found, path = cheapest(edges, graph, held(v.remaining_s, graph.limits[TARGET]), options)
        if found:
            read_plan(path, d, graph, p)
        else:
            skip(v, d, p)
