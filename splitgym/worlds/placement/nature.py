"""Nature of the placement world: which applications arrive, drawn from an episode's key."""

from __future__ import annotations

import math

from splitgym.jit import jit
from splitgym.physics.arrivals import fill_arrivals
from splitgym.physics.random import (
    ACCURACY,
    ARRIVAL_STREAM,
    DNN,
    HOLDING,
    RATE,
    SLACK,
    SOURCE,
    child,
    exponential,
    uniform,
)

#: Shortest latency target [s], for networks without any work.
LEAST_TARGET_S = 1e-9


@jit
def pick(key, count):
    """Uniform index in 0..count-1."""
    return min(int(uniform(key) * count), count - 1)


@jit
def source_node(nodes, k, tier):
    """Index of the ``k``-th node (from 0) of a tier."""
    for v in range(nodes.shape[0]):
        if nodes[v].tier == tier:
            if k == 0:
                return v
            k -= 1
    return 0


@jit
def best_accuracy(dnn):
    """The highest accuracy of a network's exit configurations."""
    best = 0.0
    for c in range(dnn.n_configs):
        best = max(best, dnn.accuracy[c])
    return best


@jit
def fast_config(source, x, accuracy, pinned, system, worst):
    """Least latency [s] over configurations that are accurate enough, and the first that has it; (inf, -1): none."""
    least_s, best = math.inf, -1
    dnn, speed_op_s = system.dnns[x], system.nodes[source].speed_op_s
    for c in range(dnn.n_configs):
        if dnn.accuracy[c] < accuracy:
            continue
        time_s, done = 0.0, min(pinned, dnn.depth[c])
        for b in range(done):
            weight = 1.0 if worst else dnn.reach[c, b]
            time_s += weight * dnn.work_op[c, b] / speed_op_s
        if time_s + system.rest_s[x, c, done, source] < least_s:
            least_s, best = time_s + system.rest_s[x, c, done, source], c
    return least_s, best


@jit
def fill_apps(key, apps, arrival_s, system, p):
    """Draw the applications of an episode into ``apps`` (n,) APP; targets refer to the empty system."""
    fill_arrivals(child(key, ARRIVAL_STREAM), p.arrivals, arrival_s, apps.arrival_s)
    slacks, rates = math.log(p.slack_max / p.slack_min), math.log(p.rate_max_hz / p.rate_min_hz)
    for k in range(apps.shape[0]):
        x, own = apps[k], child(key, k)
        x.source = source_node(system.nodes, pick(child(own, SOURCE), p.n_sources), p.source_tier)
        x.dnn = pick(child(own, DNN), system.dnns.shape[0])
        x.holding_s = p.holding_mean_s * exponential(child(own, HOLDING))
        share = p.accuracy_min + (p.accuracy_max - p.accuracy_min) * uniform(child(own, ACCURACY))
        x.accuracy = share * best_accuracy(system.dnns[x.dnn])
        slack = p.slack_min * math.exp(slacks * uniform(child(own, SLACK)))
        least_s, _ = fast_config(x.source, x.dnn, x.accuracy, p.pinned, system, p.worst)
        x.latency_s = max(slack * least_s, LEAST_TARGET_S)
        x.rate_hz = p.rate_min_hz * math.exp(rates * uniform(child(own, RATE)))
