"""Compiled decisions of the baselines for the inference world: one row of observed SI values in, one decision out.

Every function reads a VIEW record ``v`` (what the policy observed) and the PARAMS record ``p`` (the scenario), and
calls the world's own formulas; none of them sees a trace.  (s...) points to the ENACHI specification.
"""

from __future__ import annotations

import math

import numpy as np

from splitgym.jit import jit
from splitgym.physics.bandwidth import solve_p11
from splitgym.physics.dnn import accuracy, answers_part, compute_j, compute_s, curve_of
from splitgym.physics.lyapunov import best_power_w, complete_power_w, delivered_ratio, transmit_value_j2
from splitgym.physics.radio import slot_count
from splitgym.physics.random import child, mix, uniform
from splitgym.worlds.inference.kernel import device_s, effective_edge_cut, finishable, tail_s

EQUAL = 1e-12  # relative difference of two values that is rounding
ROUNDING = 1e-9  # relative allowance for rounding where a candidate is left out


# ------------------------------------------------------------------ what a split would mean
@jit
def uplink_window_s(v, cut, edge_cut, clock_hz, p):
    """T_s [s]: whole slots between the end of the device blocks and the start of the expected tail.  (s3.4)"""
    busy_s = device_s(cut, clock_hz, v.clock_hz, p)
    tail = tail_s(cut, edge_cut, v.edge_load, v.rtt_s, p)
    _, count = slot_count(busy_s, v.remaining_s - tail, p.slot_s)
    return count * p.slot_s


@jit
def in_time_macs(v, macs, clock_hz, p):
    """MACs really run when a path of ``macs`` is aborted at the deadline."""
    delay_s = p.reconfigure_s if clock_hz != v.clock_hz else 0.0
    return min(macs, max(v.remaining_s - delay_s, 0.0) * clock_hz * p.macs_per_cycle)


@jit
def device_outlook(v, cut, clock_hz, p):
    """Expected device side of a cut: share answered by exits in time [1], device energy [J].  (s3.1; exits ours)

    An exit with share s answers the s A_f easiest samples, so exits are counted in expectation over the complexity.
    """
    delay_s = p.reconfigure_s if clock_hz != v.clock_hz else 0.0
    answered, energy_j = 0.0, 0.0
    for e in range(p.n_exits):
        if p.exit_cut[e] <= cut:
            share = p.exit_share[e] * p.accuracy_full
            if delay_s + compute_s(p.exit_macs[e], clock_hz, p.macs_per_cycle) <= v.remaining_s:
                energy_j += (share - answered) * compute_j(p.exit_macs[e], clock_hz, p.macs_per_cycle, p.kappa_f)
                answered = share
    rest = in_time_macs(v, p.device_macs[cut], clock_hz, p)
    return answered, energy_j + (1.0 - answered) * compute_j(rest, clock_hz, p.macs_per_cycle, p.kappa_f)


@jit
def is_candidate(v, cut, edge_cut, clock_hz, p):
    """Whether a decision can still answer the task, by the world's own test."""
    busy_s = device_s(cut, clock_hz, v.clock_hz, p)
    tail = tail_s(cut, edge_cut, v.edge_load, v.rtt_s, p)
    return finishable(cut, clock_hz, busy_s, tail, v.remaining_s, p)


@jit
def choose(d, cut, edge_cut, clock_hz, power_w):
    """Write a decision."""
    d.cut, d.edge_cut, d.clock_hz, d.power_w = cut, edge_cut, clock_hz, power_w


@jit
def skip(v, d, p):
    """Send nothing and compute nothing: the input cut with power 0."""
    choose(d, 0, p.last_cut, v.clock_hz, 0.0)


@jit
def beats(value, energy_j, best, least_j):
    """Whether a candidate beats the best so far: worth more, or worth the same to rounding for less energy.  (ours)

    For decisions whose specification leaves ties open.  Accuracies that are 1 ulp apart are one accuracy.
    """
    margin = EQUAL * max(abs(value), abs(best))
    return value > best + margin or (value >= best - margin and energy_j < least_j)


# ------------------------------------------------------------------ ENACHI, task level
@jit
def split_value(v, cut, edge_cut, clock_hz, weight_j2, eta, p):
    """Value [J^2] and power [W] of one candidate: V A - Q E with p* of section 6.2.  (s6.1, s6.2; exits ours)

    Samples that exit on the device send nothing: the transmit term is weighted by the share that goes on, and only
    accuracy beyond the exits' counts.  ``eta`` scales the surrogate transmit energy (s6.1, calibration).
    """
    answered, device_j = device_outlook(v, cut, clock_hz, p)
    if cut == p.last_cut:
        reached = p.accuracy_full
        if device_s(cut, clock_hz, v.clock_hz, p) > v.remaining_s:
            reached = answered
        return weight_j2 * reached - v.queue_j * device_j, 0.0
    base = weight_j2 * max(answered, p.accuracy_chance)
    window_s = uplink_window_s(v, cut, edge_cut, clock_hz, p)
    if window_s <= 0.0:
        return base - v.queue_j * device_j, 0.0
    queue_j = v.queue_j * (1.0 - answered) * eta
    curve, wanted_bit = curve_of(cut, p), p.cut_bits[cut]
    power_w = best_power_w(
        weight_j2, queue_j, v.gain, p.bandwidth_hz, p.noise_w_hz, window_s, wanted_bit, curve, p.power_max_w
    )
    value = transmit_value_j2(
        weight_j2, queue_j, power_w, v.gain, p.bandwidth_hz, p.noise_w_hz, window_s, wanted_bit, curve
    )
    if answered > 0.0 and value <= base:
        value, power_w = base, 0.0
    return value - v.queue_j * device_j, power_w


@jit
def shortest_tail(v, cut, p):
    """The edge cut with the shortest tail behind a cut: no other leaves a longer window."""
    best, least_s = p.last_cut, math.inf
    for edge_cut in range(cut, p.last_cut + 1):
        if edge_cut == effective_edge_cut(cut, edge_cut, p):
            behind_s = tail_s(cut, edge_cut, v.edge_load, v.rtt_s, p)
            if behind_s < least_s:
                best, least_s = edge_cut, behind_s
    return best


@jit
def fill_tops(v, tops, weight_j2, eta, p):
    """What each cut and clock may be worth at most [J^2], into ``tops`` (K, n_clocks); the greatest of all.

    A longer window never makes a candidate worth less, so this is the value with the longest.  -inf: not a candidate,
    or worse than another one even if it got full accuracy for the device's energy alone.
    """
    best, full_j2 = -math.inf, weight_j2 * p.accuracy_full * (1.0 + ROUNDING)
    for cut in range(1, p.last_cut + 1):
        partly = cut == p.last_cut or answers_part(cut, p)
        edge_cut = shortest_tail(v, cut, p) if partly else cut
        for j in range(p.n_clocks):
            tops[cut - 1, j] = -math.inf
            if partly and is_candidate(v, cut, edge_cut, p.clocks_hz[j], p):
                _, device_j = device_outlook(v, cut, p.clocks_hz[j], p)
                if full_j2 - v.queue_j * device_j >= best - ROUNDING * (weight_j2 + abs(best)):
                    tops[cut - 1, j], _ = split_value(v, cut, edge_cut, p.clocks_hz[j], weight_j2, eta, p)
                    best = max(best, tops[cut - 1, j])
    return best


@jit
def enachi_one(v, d, weight_j2, eta, p):
    """P1.1 for one user over cuts, edge cuts and clocks; ties go to the smallest cut, the edge, the slowest clock.

    That the smallest cut wins a tie, whatever its energy, is published (s6.2); the order of the others is ours.  Only
    cuts and clocks are searched that may be worth as much as the best.  All-or-nothing cuts are none: the mean gain
    would overrate them (s6.1, s8).
    """
    skip(v, d, p)
    tops = np.empty((p.last_cut, p.n_clocks))
    best = fill_tops(v, tops, weight_j2, eta, p)
    enough, best = best - ROUNDING * (weight_j2 + abs(best)), -math.inf
    for cut in range(1, p.last_cut + 1):
        for edge_cut in range(p.last_cut, cut - 1, -1):
            if edge_cut != effective_edge_cut(cut, edge_cut, p):
                continue
            for j in range(p.n_clocks):
                if not (tops[cut - 1, j] >= enough and is_candidate(v, cut, edge_cut, p.clocks_hz[j], p)):
                    continue
                value, power_w = split_value(v, cut, edge_cut, p.clocks_hz[j], weight_j2, eta, p)
                if value > best:
                    best = value
                    choose(d, cut, edge_cut, p.clocks_hz[j], power_w)


# ------------------------------------------------------------------ ENACHI for several users
@jit
def count_kinds(p):
    """Ways to serve a task: cuts behind the input x clocks, each without sending, too, where exits may answer."""
    return p.last_cut * p.n_clocks * (2 if p.n_exits > 0 else 1)


@jit
def read_kind(kind, p):
    """Cut, clock [Hz] and whether nothing is sent; in the order in which one user looks at candidates, for ties."""
    place, silent = kind, False
    if p.n_exits > 0:
        place, silent = kind // 2, kind % 2 == 1
    return place // p.n_clocks + 1, p.clocks_hz[place % p.n_clocks], silent


@jit
def kind_decision(kind, d, power_w, p):
    """Write the decision that a kind means."""
    cut, clock_hz, silent = read_kind(kind, p)
    choose(d, cut, p.last_cut, clock_hz, 0.0 if silent else power_w)


@jit
def fill_plans(v, plans, weight_j2, eta, p):
    """What each kind would mean for one user, into ``plans`` (n_kinds,) PLAN; returns whether any is possible.

    The same figures as :func:`split_value`: samples that exit on the device send nothing.
    """
    possible, last = False, p.last_cut
    for kind in range(plans.shape[0]):
        plan = plans[kind]
        cut, clock_hz, silent = read_kind(kind, p)
        answered, device_j = device_outlook(v, cut, clock_hz, p)
        candidate = is_candidate(v, cut, last, clock_hz, p)
        plan.queue_j, plan.cost_j2, plan.gain = v.queue_j * (1.0 - answered) * eta, v.queue_j * device_j, v.gain
        plan.window_s, plan.wanted_bit, plan.steepness, plan.cut = 0.0, 1.0, 1.0, cut  # nothing can be sent in no time
        if silent or cut == last:
            plan.reached = max(answered, p.accuracy_chance)
            if cut == last and device_s(cut, clock_hz, v.clock_hz, p) <= v.remaining_s:
                plan.reached = p.accuracy_full
            if candidate and (cut == last) != silent and (cut == last or answered > 0.0):
                plan.wanted_bit = 0.0
                possible = True
        elif candidate and answers_part(cut, p):
            plan.window_s = uplink_window_s(v, cut, last, clock_hz, p)
            plan.wanted_bit, plan.steepness = p.cut_bits[cut], p.cut_steepness[cut]
            possible = possible or plan.window_s > 0.0
    return possible


@jit
def enachi_frame(views, present, decisions, shares, weight_j2, eta, plans, band, p):
    """P1.1 for the users of one frame: ``decisions`` (N,) and ``shares`` (N,) [1] in place.  (s6.1, s6.4)

    ``plans`` (N, n_kinds) PLAN is scratch.  A user without a task, or whom no decision can help, gets no bandwidth.
    """
    users = np.empty(views.shape[0], np.int64)
    count = 0
    for n in range(views.shape[0]):
        shares[n] = 0.0
        skip(views[n], decisions[n], p)
        if present[n] and fill_plans(views[n], plans[count], weight_j2, eta, p):
            users[count] = n
            count += 1
    if count == 0:
        return
    band.bandwidth_hz, band.noise_w_hz, band.power_max_w = p.bandwidth_hz, p.noise_w_hz, p.power_max_w
    band.weight_j2, band.accuracy_full, band.accuracy_chance = weight_j2, p.accuracy_full, p.accuracy_chance
    kinds, shares_hz, powers_w = np.zeros(count, np.int64), np.zeros(count), np.zeros(count)
    solve_p11(plans[:count], band, kinds, shares_hz, powers_w)
    for i in range(count):
        kind_decision(kinds[i], decisions[users[i]], powers_w[i], p)
        shares[users[i]] = shares_hz[i] / p.bandwidth_hz


# ------------------------------------------------------------------ benchmarks of section 8 (two tiers, as published)
@jit
def device_one(v, d, p):
    """Everything on the device, at the slowest clock that is in time (the fastest if none is)."""
    clock_hz = p.clocks_hz[p.n_clocks - 1]
    for j in range(p.n_clocks - 1, -1, -1):
        if device_s(p.last_cut, p.clocks_hz[j], v.clock_hz, p) <= v.remaining_s:
            clock_hz = p.clocks_hz[j]
    choose(d, p.last_cut, p.last_cut, clock_hz, 0.0)


@jit
def effect_one(v, d, p):
    """Least expected energy that is predicted to deliver all features in time, or local; else all power.  (s8)

    All power goes to the cut that needs least; among equals to that of least energy, then to the smallest.
    """
    least_j, least_w, full_j = math.inf, math.inf, math.inf
    skip(v, d, p)
    for cut in range(1, p.last_cut + 1):
        for j in range(p.n_clocks):
            clock_hz = p.clocks_hz[j]
            _, energy_j = device_outlook(v, cut, clock_hz, p)
            if cut == p.last_cut:
                if device_s(cut, clock_hz, v.clock_hz, p) <= v.remaining_s and energy_j < least_j:
                    least_j = energy_j
                    choose(d, cut, cut, clock_hz, 0.0)
                continue
            window_s = uplink_window_s(v, cut, p.last_cut, clock_hz, p)
            if window_s <= 0.0:
                continue
            power_w = complete_power_w(v.gain, p.bandwidth_hz, p.noise_w_hz, window_s, p.cut_bits[cut])
            if power_w <= p.power_max_w and energy_j + power_w * window_s < least_j:
                least_j = energy_j + power_w * window_s
                choose(d, cut, p.last_cut, clock_hz, power_w)
                continue
            used_j = energy_j + p.power_max_w * window_s
            if least_j == math.inf and (power_w < least_w or (power_w == least_w and used_j < full_j)):
                least_w, full_j = power_w, used_j
                choose(d, cut, p.last_cut, clock_hz, p.power_max_w)


@jit
def lyap_one(v, d, weight_j2, p):
    """Conventional Lyapunov control: max V A_f - Q E over skip, local and complete delivery.  (s8)

    Without debt all answers are worth the same: among equals the one of least expected energy, then the smallest cut.
    """
    best, least_j = weight_j2 * p.accuracy_chance, 0.0
    skip(v, d, p)
    for cut in range(1, p.last_cut + 1):
        for j in range(p.n_clocks):
            clock_hz = p.clocks_hz[j]
            _, energy_j = device_outlook(v, cut, clock_hz, p)
            power_w = 0.0
            if cut == p.last_cut:
                if device_s(cut, clock_hz, v.clock_hz, p) > v.remaining_s:
                    continue
            else:
                window_s = uplink_window_s(v, cut, p.last_cut, clock_hz, p)
                if window_s <= 0.0:
                    continue
                power_w = complete_power_w(v.gain, p.bandwidth_hz, p.noise_w_hz, window_s, p.cut_bits[cut])
                if power_w > p.power_max_w:
                    continue
                energy_j += power_w * window_s
            value = weight_j2 * p.accuracy_full - v.queue_j * energy_j
            if beats(value, energy_j, best, least_j):
                best, least_j = value, energy_j
                choose(d, cut, p.last_cut, clock_hz, power_w)


@jit
def myopic_one(v, d, p):
    """Spend at most one budget on every task: best surrogate accuracy with E <= Ebar, or local, or skip.  (s8)

    Among equals the one of least expected energy, then the smallest cut.
    """
    best, least_j = p.accuracy_chance, 0.0
    skip(v, d, p)
    for cut in range(1, p.last_cut + 1):
        for j in range(p.n_clocks):
            clock_hz = p.clocks_hz[j]
            answered, energy_j = device_outlook(v, cut, clock_hz, p)
            if energy_j > p.budget_j or not is_candidate(v, cut, p.last_cut, clock_hz, p):
                continue
            reached, power_w = answered, 0.0
            if cut == p.last_cut:
                if device_s(cut, clock_hz, v.clock_hz, p) <= v.remaining_s:
                    reached = p.accuracy_full
            elif answers_part(cut, p):
                window_s = uplink_window_s(v, cut, p.last_cut, clock_hz, p)
                if window_s > 0.0:
                    sending = 1.0 - answered  # samples that exited on the device send nothing
                    power_w = min((p.budget_j - energy_j) / (sending * window_s), p.power_max_w)
                    ratio = delivered_ratio(power_w, v.gain, p.bandwidth_hz, p.noise_w_hz, window_s, p.cut_bits[cut])
                    reached = max(answered, accuracy(ratio, curve_of(cut, p)))
                    energy_j += sending * power_w * window_s
            if beats(reached, energy_j, best, least_j):
                best, least_j = reached, energy_j
                choose(d, cut, p.last_cut, clock_hz, power_w)


# ------------------------------------------------------------------ loops over rows
@jit
def enachi_rows(views, decisions, weight_j2, eta, params):
    """ENACHI's decision of every row; ``params`` (1,) PARAMS."""
    for i in range(views.shape[0]):
        enachi_one(views[i], decisions[i], weight_j2, eta, params[0])


@jit
def enachi_frames(views, present, decisions, shares, weight_j2, eta, plans, band, params):
    """ENACHI's decision of every frame (n,) of N users; ``band`` (1,) BAND is scratch."""
    for i in range(views.shape[0]):
        enachi_frame(views[i], present[i], decisions[i], shares[i], weight_j2, eta, plans, band[0], params[0])


@jit
def lyap_rows(views, decisions, weight_j2, params):
    """Conventional Lyapunov decision of every row."""
    for i in range(views.shape[0]):
        lyap_one(views[i], decisions[i], weight_j2, params[0])


@jit
def effect_rows(views, decisions, params):
    """EFFECT-like decision of every row."""
    for i in range(views.shape[0]):
        effect_one(views[i], decisions[i], params[0])


@jit
def myopic_rows(views, decisions, params):
    """Myopic decision of every row."""
    for i in range(views.shape[0]):
        myopic_one(views[i], decisions[i], params[0])


@jit
def device_rows(views, decisions, params):
    """Device-only decision of every row."""
    for i in range(views.shape[0]):
        device_one(views[i], decisions[i], params[0])


# ------------------------------------------------------------------ the lower anchor
@jit
def random_rows(words, key, counts, levels, out):
    """A uniform level of every column, ``out`` (n, width); the draws hash ``key`` with the bits ``words`` (n, m)."""
    for i in range(words.shape[0]):
        own = key
        for j in range(words.shape[1]):
            own = mix(own ^ words[i, j])
        for c in range(out.shape[1]):
            out[i, c] = levels[c, min(int(uniform(child(own, c)) * counts[c]), counts[c] - 1)]
