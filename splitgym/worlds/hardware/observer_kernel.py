"""Compiled part of the hardware world's observer: backward induction over configuration and wait, noise averaged."""

from __future__ import annotations

import math

from splitgym.jit import jit
from splitgym.worlds.hardware.kernel import in_force, possible, service, settle, wait_w

MODES = 3


@jit
def place_of(level, mode):
    """Place of a configuration of the edge device, clock and accelerator, in the table."""
    return level * MODES + mode


@jit
def first_place(runs, p):
    """Place of the configuration in which an episode begins: cloud-only."""
    level, mode, _, _ = in_force(p.n_clocks - 1, 0, 0, 1, runs, p)
    return place_of(level, mode)


@jit
def later(values, place, wait_s, top_s):
    """Worth of the next requests, ``values`` (places, points), where the next one waits so long; linear in between."""
    last = values.shape[1] - 1
    if last == 0:
        return values[place, 0]
    at = min(wait_s / top_s, 1.0) * last
    i = min(int(at), last - 1)
    return values[place, i] + (at - i) * (values[place, i + 1] - values[place, i])


@jit
def add_worth(level, mode, split, gpu, delay_s, x, gap_s, top_s, behind, o, runs, worth, p):
    """Add what a configuration brings on one draw ``x`` of the noise, with the requests behind, for every wait."""
    edge_s, sent_s, tail_s, o.energy_edge_j, o.energy_cloud_j, _ = service(level, mode, split, gpu, x, runs, p)
    busy_s, last = delay_s + (edge_s + sent_s + tail_s), worth.shape[0] - 1
    o.energy_reconfigure_j = wait_w(level, mode, p) * delay_s
    for j in range(last + 1):
        wait_s = top_s * j / last if last > 0 else 0.0
        o.on_time = busy_s <= x.threshold_s - wait_s
        settle(o, p)
        after_s = max(wait_s + busy_s - gap_s, 0.0) if p.queueing else 0.0
        worth[j] += o.reward + later(behind, place_of(level, mode), after_s, top_s)


@jit
def fill_request(draws, gap_s, top_s, behind, here, o, worth, runs, params):
    """Worth of one request and those behind it, ``here`` (places, points), from that of the next, ``behind``.

    ``draws`` (m,) REQUEST are copies of the request with noise drawn anew, ``worth`` (2, points) is scratch: without
    and with a change of the configuration.  A change never pays by itself, so it may be tried in every case.
    """
    p = params[0]
    here[:] = -math.inf
    for level in range(p.n_clocks):
        for mode in range(MODES):
            for split in range(p.last_split + 1):
                for gpu in range(2):
                    if not possible(level, mode, split, gpu, p):
                        continue
                    worth[:] = 0.0
                    for i in range(draws.shape[0]):
                        x = draws[i]
                        add_worth(level, mode, split, gpu, 0.0, x, gap_s, top_s, behind, o[0], runs, worth[0], p)
                        add_worth(
                            level, mode, split, gpu, p.reconfigure_s, x, gap_s, top_s, behind, o[0], runs, worth[1], p
                        )
                    own = place_of(level, mode)
                    for place in range(here.shape[0]):
                        change = 0 if place == own else 1
                        for j in range(here.shape[1]):
                            here[place, j] = max(here[place, j], worth[change, j] / draws.shape[0])


@jit
def first_worth(values, runs, params):
    """Worth of an episode from its beginning, ``values`` (places, points) of the first request."""
    return values[first_place(runs, params[0]), 0]
