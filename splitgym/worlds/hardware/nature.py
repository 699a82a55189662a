"""Nature of the hardware world: what no action can change, drawn from an episode's key.

References of the form (s7.2) point to sections of the DynaSplit specification.
"""

from __future__ import annotations

import math

from splitgym.jit import jit
from splitgym.physics.arrivals import fill_arrivals
from splitgym.physics.random import (
    ARRIVAL_STREAM,
    EDGE_STATE,
    NODE_STATE,
    NOISE_STREAM,
    POWER,
    SPEED,
    STALL,
    TAIL,
    TAIL_SIZE,
    child,
    exponential,
    normal_pair,
    uniform,
)


@jit
def calm(x):
    """No noise: the nominal model."""
    x.stalled, x.link_factor, x.link_tail_draw, x.link_tail_s = 0.0, 1.0, 1.0, 0.0
    x.cloud_factor, x.node_factor, x.edge_offset_w = 1.0, 1.0, 0.0


@jit
def disturb(key, x, p):
    """Draw how one run departs from the nominal model.  (s7, s8)"""
    link, cloud = normal_pair(child(key, SPEED))
    node, edge = normal_pair(child(key, POWER))
    size, _ = normal_pair(child(key, TAIL_SIZE))
    x.stalled = 1.0 if uniform(child(key, STALL)) < p.stall_share else 0.0
    x.link_factor = math.exp(p.link_log_std * link)
    x.link_tail_draw = uniform(child(key, TAIL))
    x.link_tail_s = min(p.link_tail_s * math.exp(p.link_tail_log_std * size), p.link_tail_max_s)
    x.cloud_factor = math.exp(p.cloud_log_std * cloud)
    high = p.node_high_factor if uniform(child(key, NODE_STATE)) < p.node_high_share else 1.0
    x.node_factor = high * (1.0 + p.node_std * node)
    low_w = p.edge_low_w if uniform(child(key, EDGE_STATE)) < p.edge_low_share else 0.0
    x.edge_offset_w = p.edge_std_w * edge - low_w


@jit
def fill_thresholds(key, recorded_s, out, p):
    """Latency thresholds [s] into ``out`` (n,): Weibull, the sample's extremes mapped to the bounds.  (s3)

    ``recorded_s`` (n,) is taken as it is unless it is empty.
    """
    if recorded_s.shape[0] > 0:
        for k in range(out.shape[0]):
            out[k] = recorded_s[k]
        return
    low, high = math.inf, 0.0
    for k in range(out.shape[0]):
        out[k] = exponential(child(key, k)) ** (1.0 / p.weibull_shape)
        low, high = min(low, out[k]), max(high, out[k])
    slope = (p.threshold_max_s - p.threshold_min_s) / (high - low)
    for k in range(out.shape[0]):
        scaled_s = p.threshold_min_s + slope * (out[k] - low)
        out[k] = min(max(scaled_s, p.threshold_min_s), p.threshold_max_s)


@jit
def fill_requests(key, requests, threshold_s, arrival_s, p):
    """Draw what nature decides about every request of an episode into ``requests`` (n,) REQUEST."""
    fill_thresholds(key, threshold_s, requests.threshold_s, p)
    if p.queueing:
        fill_arrivals(child(key, ARRIVAL_STREAM), p.arrivals, arrival_s, requests.arrival_s)
    noise_key = child(key, NOISE_STREAM)
    for k in range(requests.shape[0]):
        x = requests[k]
        if not p.queueing:
            x.arrival_s = 0.0
        if p.noisy:
            disturb(child(noise_key, k // p.hold), x, p)
        else:
            calm(x)
