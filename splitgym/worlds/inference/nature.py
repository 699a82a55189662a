"""Nature of the inference world: what no action can change, drawn from an episode's key.

References of the form (s3.3) point to sections of the ENACHI specification, (d2) to section 2 of the design.
"""

from __future__ import annotations

import math

import numpy as np

from splitgym.jit import jit
from splitgym.physics.arrivals import fill_arrivals
from splitgym.physics.channel_log import log_index, window_begin_s
from splitgym.physics.fading import BLOCK, fading_block, fading_enter
from splitgym.physics.random import (
    ARRIVAL_STREAM,
    BACKHAUL,
    COMPLEXITY,
    DEADLINE,
    ERRORS,
    FADING,
    JITTER,
    SLOT_NOISE,
    SLOW,
    child,
    exponential,
    normal_pair,
    uniform,
)


@jit
def distance_km(arrival_s, p):
    """Distance of the device to the base station [km]: there and back between near and far.  (d2)"""
    if p.far_km == p.near_km:
        return p.near_km
    swing = 0.5 - 0.5 * math.cos(2.0 * math.pi * arrival_s / p.motion_period_s)
    return p.near_km + (p.far_km - p.near_km) * swing


@jit
def slow_gain(distance_km, shadow, p):
    """G [1] = path loss at a distance x shadowing; ``shadow`` is a standard normal.  (s3.3)"""
    return p.gain_1km * math.exp(p.shadowing_log * shadow - p.path_exponent * math.log(distance_km))


@jit
def log_begin_s(key, tasks, log, p):
    """Instant of a channel log [s] at which the episode of ``tasks``, whose arrivals are known, begins."""
    return window_begin_s(key, log, tasks[tasks.shape[0] - 1].arrival_s + p.deadline_max_s)


@jit
def fill_tasks(key, tasks, recorded_s, log, p):
    """Draw what nature decides about every task of an episode into ``tasks`` (n_tasks,) TASK.  (s3.3, s5.1, d2)

    ``recorded_s`` as :func:`splitgym.physics.arrivals.fill_arrivals` reads it; ``log`` (2, n) is a channel log, empty
    where the gain is drawn.
    """
    fill_arrivals(child(key, ARRIVAL_STREAM), p.arrivals, recorded_s, tasks.arrival_s)
    begin_s = log_begin_s(key, tasks, log, p) if log.shape[1] > 0 else 0.0
    shadow, load, route = 0.0, 0.0, 0.0
    stretch = math.log(p.deadline_max_s / p.deadline_min_s)
    shadowing_new = math.sqrt(1.0 - p.shadowing_keep * p.shadowing_keep)
    load_new, route_new = math.sqrt(1.0 - p.load_keep * p.load_keep), math.sqrt(1.0 - p.rtt_keep * p.rtt_keep)
    for k in range(tasks.shape[0]):
        task_key = child(key, k)
        new_shadow, new_load = normal_pair(child(task_key, SLOW))
        new_route, _ = normal_pair(child(task_key, BACKHAUL))
        error, persistent = normal_pair(child(task_key, ERRORS))
        if k == 0:
            shadow, load, route = new_shadow, new_load, new_route
        else:
            shadow = p.shadowing_keep * shadow + shadowing_new * new_shadow
            load = p.load_keep * load + load_new * new_load
            route = p.rtt_keep * route + route_new * new_route
        x = tasks[k]
        x.deadline_s = min(p.deadline_min_s * math.exp(stretch * uniform(child(task_key, DEADLINE))), p.deadline_max_s)
        if log.shape[1] > 0:
            x.gain = log[1, log_index(log, begin_s + x.arrival_s)]
        else:
            x.gain = min(slow_gain(distance_km(x.arrival_s, p), shadow, p), 1.0)  # a passive channel does not amplify
        x.complexity = uniform(child(task_key, COMPLEXITY))
        x.hint = min(max(x.complexity + p.hint_std * error, 0.0), 1.0)
        x.persistent = persistent
        x.edge_load = min(max(p.load_mean + p.load_std * load, 0.0), p.load_max)
        x.rtt_s = p.rtt_s * math.exp(p.rtt_log_std * route)
        x.jitter_s = p.jitter_s * exponential(child(task_key, JITTER))


@jit
def fading_key_of(task_key):
    """Key of the fading path of a task."""
    return child(task_key, FADING)


@jit
def slot_noise(task_key, slot):
    """Per-slot part e_t of the stop predictor's error, N(0, 1).  (s5.3)"""
    even, odd = normal_pair(child(child(task_key, SLOT_NOISE), slot // 2))
    return even if slot % 2 == 0 else odd


@jit
def fill_slots(key, begin, fading, noise, p):
    """Gains h and predictor errors e of every slot of the tasks from ``begin`` on into (n, n_slots) arrays.

    ``noise`` may be narrower, down to no slots: errors that nobody wants are not drawn.
    """
    gains, pairs = np.empty(BLOCK), np.empty((2, BLOCK))
    for k in range(fading.shape[0]):
        task_key = child(key, begin + k)
        fading_key = fading_key_of(task_key)
        re, im = fading_enter(fading_key, 0, p.fading)
        for slot in range(fading.shape[1]):
            if slot % BLOCK == 0:
                re, im = fading_block(fading_key, slot // BLOCK, re, im, p.fading, gains, pairs)
            fading[k, slot] = gains[slot % BLOCK]
            if slot < noise.shape[1]:
                noise[k, slot] = slot_noise(task_key, slot)
