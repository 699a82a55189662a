"""Compiled part of the inference world's bound: the least energy by which a task can be answered at all.

The proof is in :mod:`splitgym.worlds.inference.bound`.  Times and energies are the world's own functions.
"""

from __future__ import annotations

import math

import numpy as np

from splitgym.jit import jit
from splitgym.physics.dnn import accuracy, answers_part, compute_j, compute_s, curve_of
from splitgym.physics.radio import slot_count
from splitgym.physics.uplink import slot_bit
from splitgym.physics.waterfilling import SLACK, least_energy_j, rough_energy_j
from splitgym.worlds.inference.kernel import edge_s, effective_edge_cut, tail_s
from splitgym.worlds.inference.nature import fill_slots

_HALVINGS = 40  # of the bandwidth
_ENOUGH = 1.001  # of the least energy seen roughly: what takes as much is looked at no longer


@jit
def least_complexity(x):
    """The task's complexity, a hair lower, for comparison with an accuracy that is worked out from a feature ratio.

    In floating point A(1) = A_0 + (A_f - A_0) may lie a unit in the last place above A_f, so that a sample beyond A_f
    is answered, and nothing promises that the curve never falls by one.
    """
    return x.complexity * (1.0 - SLACK)


@jit
def needed_bit(x, cut, p):
    """Fewest bits of a cut's features with which the task is answered correctly; inf: not even all.  (s3.5, s4)"""
    complexity = least_complexity(x)
    if complexity > p.accuracy_full:
        return math.inf
    wanted_bit, channels, curve = p.cut_bits[cut], int(p.cut_channels[cut]), curve_of(cut, p)
    if not answers_part(cut, p):
        return wanted_bit
    low, high = 0, channels  # channels that are enough, by halving
    while low < high:
        middle = (low + high) // 2
        if complexity <= accuracy(middle / channels, curve):
            high = middle
        else:
            low = middle + 1
    return max(low - SLACK, 0.0) * wanted_bit / channels


@jit
def device_exit(x, cut, p):
    """The device exit that answers the task on the way to a cut; -1: none."""
    for e in range(p.n_exits):
        if p.exit_cut[e] <= cut and x.complexity <= p.exit_share[e] * p.accuracy_full:
            return e
    return -1


@jit
def least_tail(x, cut, edge_cut, bits, p):
    """Lower bounds on the real time [s] and on the infrastructure's energy [J] behind the uplink.

    Either an edge exit answers, the first that could with all features, or the whole path is run; jitter included.
    """
    macs, relayed = p.edge_macs[cut, edge_cut], edge_cut < p.last_cut
    time_s, energy_j = edge_s(macs, x.edge_load, p), macs * p.edge_j_per_mac
    if relayed:
        relay_bit = p.cut_bits[edge_cut] if edge_cut > cut else bits
        rest = p.cut_macs[p.last_cut] - p.cut_macs[edge_cut]
        time_s += relay_bit / p.backhaul_bit_s + x.rtt_s + x.jitter_s + rest / p.cloud_macs_s
        energy_j += rest * p.cloud_j_per_mac
    for e in range(p.n_exits):
        if cut < p.exit_cut[e] <= edge_cut and least_complexity(x) <= p.exit_share[e] * p.accuracy_full:
            macs = p.edge_macs[cut, p.exit_cut[e]]
            return min(time_s, edge_s(macs, x.edge_load, p)), min(energy_j, macs * p.edge_j_per_mac)
    return time_s, energy_j


@jit
def window(x, cut, edge_cut, busy_s, bits, p):
    """First slot, most slots that an answer in time can use, and the least infrastructure energy [J] of an edge cut.

    Slots are those that the world offers; after a tail longer than planned only those that end early enough count.
    """
    planned_s = tail_s(cut, edge_cut, x.edge_load, x.rtt_s, p)
    first, count = slot_count(busy_s, x.deadline_s - planned_s, p.slot_s)
    real_s, energy_j = least_tail(x, cut, edge_cut, bits, p)
    if count >= 1 and real_s > planned_s:
        late = int(math.floor((x.deadline_s - real_s) / p.slot_s + SLACK)) - first
        count = min(count, max(late, 0 if bits > 0.0 else 1))
    return first, count, energy_j


@jit
def charge(x, cut, clock_hz, bits, sure_j, p):
    """Energy without the radio's [J] of a cut and a clock, first slot and slots for sending ``bits``.

    Energies from ``sure_j`` on need not be told apart: inf, as where no answer is in time.
    """
    leave = device_exit(x, cut, p)
    macs = p.exit_macs[leave] if leave >= 0 else p.device_macs[cut]
    busy_s = compute_s(macs, clock_hz, p.macs_per_cycle)
    own_j = compute_j(macs, clock_hz, p.macs_per_cycle, p.kappa_f) * (1.0 - SLACK)
    if busy_s > x.deadline_s * (1.0 + SLACK) or own_j >= sure_j or bits == math.inf:
        return math.inf, 0, 0
    if leave >= 0 or cut == p.last_cut:
        return own_j if leave >= 0 or x.complexity <= p.accuracy_full else math.inf, 0, 0
    first, most, least_j = 0, 0, math.inf
    for edge_cut in range(cut, p.last_cut + 1):
        if edge_cut == effective_edge_cut(cut, edge_cut, p):
            first, count, behind_j = window(x, cut, edge_cut, busy_s, bits, p)
            if count >= 1:
                most, least_j = max(most, count), min(least_j, behind_j)
    return own_j + p.infrastructure_weight * least_j * (1.0 - SLACK) if most >= 1 else math.inf, first, most


@jit
def least_task_j(x, gains, bandwidth_hz, p):
    """E* [J]: least charged energy of any decision and any packet controller that answers a task correctly in time.

    Every cut and clock is looked at roughly; those that may be the least are then searched, the most promising first.
    """
    n = (p.last_cut + 1) * p.n_clocks
    low_j, base_j, bits, slots = np.empty(n), np.empty(n), np.empty(n), np.empty((2, n), np.int64)
    sure_j, enough_j = math.inf, math.inf
    for i in range(n):
        cut = i // p.n_clocks
        bits[i] = needed_bit(x, cut, p) if device_exit(x, cut, p) < 0 and cut < p.last_cut else 0.0
        base_j[i], slots[0, i], most = charge(x, cut, p.clocks_hz[i % p.n_clocks], bits[i], sure_j, p)
        low_j[i], slots[1, i] = base_j[i], min(most, gains.shape[0] - slots[0, i])
        if bits[i] == 0.0:
            sure_j = min(sure_j, base_j[i])
        elif base_j[i] < enough_j:
            low_j[i] += rough_energy_j(
                bits[i], x.gain, gains, slots[0, i], slots[1, i], bandwidth_hz, p.noise_w_hz, p.slot_s, p.power_max_w,
                enough_j - base_j[i],
            )  # fmt: skip
        enough_j = min(enough_j, low_j[i] * _ENOUGH)
    best_j = math.inf
    for _ in range(n):
        k = 0
        for i in range(1, n):
            k = i if low_j[i] < low_j[k] else k
        if not low_j[k] < best_j:
            break
        radio_j = least_energy_j(
            bits[k], x.gain, gains, slots[0, k], slots[1, k], bandwidth_hz, p.noise_w_hz, p.slot_s, p.power_max_w
        )
        best_j, low_j[k] = min(best_j, base_j[k] + radio_j), math.inf
    return best_j


@jit
def least_energies(tasks, fading, bandwidth_hz, params, out):
    """E* of every task: ``tasks`` (n,) TASK, ``fading`` (n, n_slots), into ``out`` (n,) [J]."""
    for k in range(tasks.shape[0]):
        out[k] = least_task_j(tasks[k], fading[k], bandwidth_hz, params[0])


@jit
def least_drawn_energies(key, begin, tasks, gains, bandwidth_hz, params, out):
    """:func:`least_energies` of the tasks from ``begin`` on of the episode of a key; ``gains`` (n_slots,) is scratch.

    Gains are drawn only as far as a task's deadline lets it send, and errors of the predictor not at all.
    """
    none = np.empty((1, 0))
    for k in range(tasks.shape[0]):
        count = min(int(tasks[k].deadline_s / params[0].slot_s) + 2, gains.shape[0])
        met = gains[:count]
        fill_slots(key, begin + k, met.reshape((1, count)), none, params[0])
        out[k] = least_task_j(tasks[k], met, bandwidth_hz, params[0])


# ------------------------------------------------------------------ how much of a shared band a task needs
@jit
def carried_bit(bandwidth_hz, gain, gains, first, count, p):
    """Bits that full power carries in slots first .. first + count - 1; grows with the bandwidth."""
    total_bit = 0.0
    for t in range(first, first + count):
        total_bit += slot_bit(p.power_max_w, gain * gains[t], bandwidth_hz, p)
    return total_bit


@jit
def least_share_hz(bits, gain, gains, first, count, most_hz, p):
    """A lower bound on the bandwidth [Hz] with which full power carries ``bits``; inf above ``most_hz``."""
    if carried_bit(most_hz, gain, gains, first, count, p) < bits * (1.0 - SLACK):
        return math.inf
    low_hz, high_hz = 0.0, most_hz
    for _ in range(_HALVINGS):
        middle_hz = 0.5 * (low_hz + high_hz)
        if carried_bit(middle_hz, gain, gains, first, count, p) < bits * (1.0 - SLACK):
            low_hz = middle_hz
        else:
            high_hz = middle_hz
    return low_hz


@jit
def least_band_hz(x, gains, p):
    """Least bandwidth [Hz] of any correct answer to a task in time, whatever it costs; inf: none.  Two tiers only."""
    best_hz, clock_hz = math.inf, p.clocks_hz[p.n_clocks - 1]
    for cut in range(p.last_cut + 1):
        leave = device_exit(x, cut, p)
        macs = p.exit_macs[leave] if leave >= 0 else p.device_macs[cut]
        busy_s = compute_s(macs, clock_hz, p.macs_per_cycle)
        if busy_s > x.deadline_s * (1.0 + SLACK):
            continue
        if leave >= 0 or (cut == p.last_cut and x.complexity <= p.accuracy_full):
            return 0.0
        bits = needed_bit(x, cut, p) if cut < p.last_cut else math.inf
        if bits == math.inf:
            continue
        first, count, _ = window(x, cut, p.last_cut, busy_s, bits, p)
        count = min(count, gains.shape[0] - first)
        if count >= 1:
            most_hz = min(best_hz, p.bandwidth_hz)
            best_hz = min(best_hz, least_share_hz(bits, x.gain, gains, first, count, most_hz, p))
    return best_hz


@jit
def least_bands(tasks, fading, params, out):
    """:func:`least_band_hz` of every task: ``tasks`` (n,) TASK, ``fading`` (n, n_slots), into ``out`` (n,) [Hz]."""
    for k in range(tasks.shape[0]):
        out[k] = least_band_hz(tasks[k], fading[k], params[0])
