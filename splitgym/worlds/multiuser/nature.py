"""Nature of the multi-user world: the inference world's, once for each device, and who has a task."""

from __future__ import annotations

from splitgym.jit import jit
from splitgym.physics.random import PRESENCE_STREAM, child, uniform
from splitgym.worlds.inference.nature import fill_tasks, slow_gain


@jit
def device_key(key, n):
    """Key of device ``n`` below an episode's key: all its tasks and slots hang on it."""
    return child(key, n)


@jit
def distance_gain(factor, p):
    """Gain [1] of a device over one at the scenario's distance, which is ``factor`` times nearer."""
    return slow_gain(factor, 0.0, p) / slow_gain(1.0, 0.0, p)


@jit
def fill_frames(key, tasks, present, factors, recorded_s, channel, params):
    """Draw what nature decides about all devices: ``tasks`` (N, M) TASK, ``present`` (N, M) bool.  (s3.3, s5.1)

    Each device has a path, a shadowing and samples of its own; the load of the edge is one for all.  Where ``channel``
    (any, 2, any) has logs, each device plays a window of its own of one of them, and distances do not matter.
    """
    p = params.one
    for n in range(tasks.shape[0]):
        own = device_key(key, n)
        log = channel[n % channel.shape[0]]
        fill_tasks(own, tasks[n], recorded_s, log, p)
        gain, coin = 1.0 if log.shape[1] > 0 else distance_gain(factors[n], p), child(own, PRESENCE_STREAM)
        for m in range(tasks.shape[1]):
            x = tasks[n, m]
            x.gain = min(x.gain * gain, 1.0)
            x.edge_load = tasks[0, m].edge_load
            present[n, m] = uniform(child(coin, m)) < params.presence
