"""Compiled part of the inference world's clairvoyant: task after task the decision of most worth, all gains known.

Every decision is tried by the world's own ``serve`` and ``settle`` on the present state; what the bound's kernel knows
of its least energy saves most of the trials.
"""

from __future__ import annotations

import math

import numpy as np

from splitgym.jit import jit
from splitgym.physics.dnn import compute_j
from splitgym.physics.radio import slot_count
from splitgym.physics.uplink import slot_bit
from splitgym.physics.waterfilling import least_energy_j
from splitgym.worlds.inference.bound_kernel import device_exit, needed_bit
from splitgym.worlds.inference.kernel import begin, device_s, effective_edge_cut, serve, settle, step_one, tail_s

_HALVINGS = 8  # of the logarithm of the least power that answers
_FASTER = 1.6  # factor from one to the next of the higher powers tried where time has a price

#: The decision of most worth so far.
BEST = np.dtype([("worth", "f8"), ("cut", "f8"), ("edge_cut", "f8"), ("clock_hz", "f8"), ("power_w", "f8")])


@jit
def attempt(cut, edge_cut, clock_hz, power_w, prices, best, states, x, fading, noise, log, d, o, p):
    """Try a decision on a copy of the state, keep it in ``best`` (1,) if it is worth more; returns whether correct.

    Its worth is 1 - prices[0] E - prices[1] t for a correct answer, with the charged energy E [J] and the time t [s]
    for which it occupies the device; a wrong answer is never better than giving up, which costs nothing.
    """
    states[1] = states[0]
    d.cut, d.edge_cut, d.clock_hz, d.power_w = cut, edge_cut, clock_hz, power_w
    s = states[1]
    serve(s, d, x, p.bandwidth_hz, fading, noise, log, o, p)
    settle(s, o, p)
    if not o.correct:
        return False
    worth = 1.0 - prices[0] * o.energy_j - prices[1] * (s.free_s - x.arrival_s - s.wait_s)
    if worth > best[0].worth:
        b = best[0]
        b.worth, b.cut, b.edge_cut, b.clock_hz, b.power_w = worth, cut, edge_cut, clock_hz, power_w
    return True


@jit
def widest_edge_cut(cut, clock_hz, busy_s, prices, best, states, x, fading, noise, log, d, o, p):
    """Edge cut that leaves the most slots among those with which full power answers in time, first slot, slots."""
    s, widest, begin_slot, most = states[0], -1, 0, 0
    for edge_cut in range(cut, p.last_cut + 1):
        if edge_cut != effective_edge_cut(cut, edge_cut, p):
            continue
        planned_s = tail_s(cut, edge_cut, x.edge_load, x.rtt_s, p)
        first, count = slot_count(busy_s, s.remaining_s - planned_s, p.slot_s)
        if count > most and attempt(
            cut, edge_cut, clock_hz, p.power_max_w, prices, best, states, x, fading, noise, log, d, o, p
        ):
            widest, begin_slot, most = edge_cut, first, count
    return widest, begin_slot, most


@jit
def least_slots(bits, gain, gains, first, count, p):
    """Slots in which full power carries ``bits``; ``count`` at most."""
    sent_bit, used = 0.0, 0
    while used < count and sent_bit < bits:
        sent_bit += slot_bit(p.power_max_w, gain * gains[first + used], p.bandwidth_hz, p)
        used += 1
    return used


@jit
def send(cut, clock_hz, bits, prices, best, states, x, fading, noise, log, d, o, p):
    """Try powers behind a device cut whose features are sent, from the top down to about the least that answers.

    What cannot be worth more than the best so far, whatever its powers, is left out.
    """
    busy_s = device_s(cut, clock_hz, states[0].clock_hz, p)
    left = 1.0 - prices[0] * compute_j(p.device_macs[cut], clock_hz, p.macs_per_cycle, p.kappa_f)
    if left - prices[1] * busy_s <= best[0].worth:
        return
    edge_cut, first, count = widest_edge_cut(
        cut, clock_hz, busy_s, prices, best, states, x, fading, noise, log, d, o, p
    )
    if edge_cut < 0:
        return
    gains = fading[states[0].task]
    sent_s = (first + least_slots(bits, x.gain, gains, first, count, p)) * p.slot_s
    if left - prices[1] * sent_s <= best[0].worth:
        return
    radio_j = least_energy_j(bits, x.gain, gains, first, count, p.bandwidth_hz, p.noise_w_hz, p.slot_s, p.power_max_w)
    if left - prices[1] * sent_s - prices[0] * radio_j <= best[0].worth:
        return
    least_w = min(max(0.5 * radio_j / (count * p.slot_s), 1e-9 * p.power_max_w), p.power_max_w)
    low, high = math.log(least_w), math.log(p.power_max_w)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if attempt(cut, edge_cut, clock_hz, math.exp(middle), prices, best, states, x, fading, noise, log, d, o, p):
            high = middle
        else:
            low = middle
    power_w = math.exp(high) * _FASTER
    while prices[1] > 0.0 and power_w < p.power_max_w:
        attempt(cut, edge_cut, clock_hz, power_w, prices, best, states, x, fading, noise, log, d, o, p)
        power_w *= _FASTER


@jit
def choose(prices, best, states, x, fading, noise, log, d, o, p):
    """The decision of most worth for the present task into ``best``; giving up, worth 0, where none is worth more."""
    b, s = best[0], states[0]
    b.worth, b.cut, b.edge_cut, b.clock_hz, b.power_w = 0.0, 0.0, p.last_cut, s.clock_hz, 0.0
    last = 0  # the device cut at which the device itself answers; cuts behind it give the same answer
    while last < p.last_cut and device_exit(x, last, p) < 0:
        last += 1
    for j in range(p.n_clocks):
        attempt(last, p.last_cut, p.clocks_hz[j], 0.0, prices, best, states, x, fading, noise, log, d, o, p)
    for cut in range(last - 1, -1, -1):
        bits = needed_bit(x, cut, p)
        if bits < math.inf:
            for j in range(p.n_clocks):
                send(cut, p.clocks_hz[j], bits, prices, best, states, x, fading, noise, log, d, o, p)


@jit
def follow(prices, total, steps, most, tasks, fading, noise, log, states, best, d, o, out, params):
    """Play on by :func:`choose` until ``most`` steps are made, from the beginning if ``steps`` made so far are 0.

    ``total`` is the return so far; gives both as they are then.  ``prices`` (2,) of energy [1/J] and time [1/s],
    ``tasks`` (n,) TASK, ``fading`` and ``noise`` (n, n_slots) as recorded, ``states`` (2,) STATE with the episode's
    options, ``best`` (1,) BEST, ``out`` (n,) DECISION.
    """
    p, s = params[0], states[0]
    if steps == 0:
        begin(s, 0, tasks, p)
    while steps < most and not (s.finished or s.depleted):
        choose(prices, best, states, tasks[s.task], fading, noise, log, d[0], o[0], p)
        b, taken = best[0], out[steps]
        taken.cut, taken.edge_cut, taken.clock_hz, taken.power_w = b.cut, b.edge_cut, b.clock_hz, b.power_w
        step_one(s, taken, tasks, fading, noise, log, o[0], p)
        total += o[0].reward
        steps += 1
    return total, steps
