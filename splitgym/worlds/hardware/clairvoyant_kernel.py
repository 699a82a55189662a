"""Compiled part of the hardware world's clairvoyant: request after request the configuration of most worth."""

from __future__ import annotations

import math

from splitgym.jit import jit
from splitgym.worlds.hardware.kernel import begin, possible, serve, settle, step_one


@jit
def choose(time_1_s, states, x, d, o, best, runs, p):
    """The valid configuration of most worth for the present request into ``best``, a DECISION record.

    Its worth is its reward, by the world's own ``serve`` on a copy of the state, less ``time_1_s`` [1/s] for the time
    until it is answered, for which the next ones wait.
    """
    most = -math.inf
    for level in range(p.n_clocks):
        for split in range(p.last_split + 1):
            for mode in range(3):
                for gpu in range(2):
                    if not possible(level, mode, split, gpu, p):
                        continue
                    states[1] = states[0]
                    d.clock_hz, d.accelerator, d.split, d.gpu = p.clocks_hz[level], mode, split, gpu
                    serve(states[1], d, x, o, runs, p)
                    settle(o, p)
                    worth = o.reward - time_1_s * (o.latency_s - o.latency_wait_s)
                    if worth > most:
                        most = worth
                        best.clock_hz, best.accelerator, best.split, best.gpu = p.clocks_hz[level], mode, split, gpu


@jit
def follow(time_1_s, total, steps, most, requests, states, d, o, out, runs, params):
    """Play on by :func:`choose` until ``most`` steps are made, from the beginning if ``steps`` made so far are 0.

    ``total`` is the return so far; gives both as they are then.  Decisions go into ``out`` (n,) DECISION; ``requests``
    (n,) REQUEST, ``states`` (2,) STATE, ``d`` (1,) DECISION and ``o`` (1,) OUTCOME are scratch.
    """
    p, s = params[0], states[0]
    if steps == 0:
        begin(s, 0, requests, runs, p)
    while steps < most and not s.finished:
        choose(time_1_s, states, requests[s.request], d[0], o[0], out[steps], runs, p)
        step_one(s, out[steps], requests, o[0], runs, p)
        total += o[0].reward
        steps += 1
    return total, steps
