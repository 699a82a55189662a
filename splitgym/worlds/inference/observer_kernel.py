"""Compiled part of the inference world's observer: what a decision is worth on average over what is hidden.

Every decision is tried by the world's own service of a task on the same draws of what is hidden: complexity, gains of
the slots, errors of the predictor, jitter.  The worth of a task goes backwards over the tasks of an episode, as a table
over the time that a task has waited.
"""

from __future__ import annotations

import math

import numpy as np

from splitgym.jit import jit
from splitgym.worlds.inference.kernel import any_finishable, begin_service, end_service, tail_s
from splitgym.worlds.inference.lanes import report_job, send_jobs, suits_lanes, write_job
from splitgym.worlds.inference.slots import uplink

#: Draws that are tried before a decision is given up, and a group of lanes.
CHUNK = 32
#: How near the best, in answers, an edge cut's leader must be for the cut to be tried.
NEAR = 0.05
#: Rows of what is found of the groups of decisions: at most, in the first chunk, its place, whether it leads.
PROMISE, WORTH, PLACE, LEADING = range(4)
_HAIR = 1e-9  # rounding of accuracies and of sums of times

#: What is known of each task from the tasks before and behind it.
COURSE = np.dtype(
    [
        ("gap_s", "f8"),  # arrival of the next task less its own
        ("deadline_s", "f8"),
        ("top_s", "f8"),  # longest wait in the table; 0: it never waits
    ],
    align=True,
)

#: The decision of most worth so far; worth and energy are sums over the draws.
BEST = np.dtype([("place", "i8"), ("worth", "f8"), ("first", "f8"), ("energy_j", "f8")], align=True)


# ------------------------------------------------------------------ the table of later tasks
@jit
def later(k, wait_s, course, table):
    """What the tasks from ``k`` on are worth if the k-th has waited so long, by ``table`` (n, points).

    Waits that are longer than the table miss tasks; they leave a shorter wait to the next ones.
    """
    n, last = course.shape[0], table.shape[1] - 1
    while k < n and wait_s > course[k].top_s + _HAIR and course[k].top_s >= course[k].deadline_s:
        wait_s = max(wait_s - course[k].gap_s, 0.0)
        k += 1
    if k >= n:
        return 0.0
    if course[k].top_s <= 0.0:
        return table[k, 0]
    place = min(max(wait_s / course[k].top_s, 0.0), 1.0) * last
    i = min(int(place), last - 1)
    return table[k, i] + (place - i) * (table[k, i + 1] - table[k, i])


# ------------------------------------------------------------------ one decision on some draws
@jit
def put_wait(s, x, wait_s, clock_hz, key):
    """A device that begins to serve the task ``x`` now, after it has waited; ``key`` draws gains and errors."""
    s.key, s.task, s.wait_s, s.remaining_s, s.clock_hz = key, 0, wait_s, x.deadline_s - wait_s, clock_hz


@jit
def charged_j(o, p):
    """Energy of a served task that is charged to the queue [J].  (s6.1, d2)"""
    return o.energy_compute_j + o.energy_radio_j + p.infrastructure_weight * (o.energy_edge_j + o.energy_cloud_j)


@jit
def promise(k, s, d, wait_s, price, possible, keys, course, values, o, most, p):
    """At most what a decision is worth on each draw, whatever its power, into ``most`` (m,); their sum.

    What the device does is as it will be.  Features that are sent cost nothing here and give the right answer where
    the whole network does; the next tasks wait for the device's blocks alone.
    """
    total = 0.0
    for i in range(possible.shape[0]):
        x = possible[i]
        put_wait(s, x, wait_s, d.clock_hz, keys[i])
        send, _, _ = begin_service(s, d, x, o, p)
        answered = o.on_time and x.complexity <= o.accuracy
        if send:
            answered = o.slots_available > 0 and x.complexity <= p.accuracy_full * (1.0 + _HAIR)
        most[i] = 1.0 if answered else 0.0
        most[i] -= price * o.energy_compute_j
        most[i] += later(k + 1, max(wait_s + o.latency_device_s - course[k].gap_s, 0.0), course, values)
        total += most[i]
    return total


@jit
def try_draws(low, high, s, d, wait_s, possible, keys, outcomes, plans, jobs, job_keys, none, p):
    """Serve a task by a decision under the draws low..high, into ``outcomes`` (m,) OUTCOME.

    ``plans`` (3, m), ``jobs`` and ``job_keys`` are scratch; ``none`` (1, 0) are gains that are not recorded.
    """
    count, log = 0, np.empty((0, 5))
    for i in range(low, high):
        x, o = possible[i], outcomes[i]
        put_wait(s, x, wait_s, d.clock_hz, keys[i])
        send, first, plans[2, i] = begin_service(s, d, x, o, p)
        plans[0, i], plans[1, i] = 1.0 if send else 0.0, first
        if send and suits_lanes(s, p.bandwidth_hz, log, o, p):
            write_job(jobs[count], job_keys[count], s, x, p.bandwidth_hz, first, o, p)
            plans[0, i], count = 2.0, count + 1
        elif send:
            uplink(s, x, p.bandwidth_hz, first, none, none, log, o, p)
    send_jobs(jobs, job_keys, count, p)
    count = 0
    for i in range(low, high):
        x, o = possible[i], outcomes[i]
        if plans[0, i] > 1.0:
            report_job(jobs[count], o, p)
            count += 1
        put_wait(s, x, wait_s, d.clock_hz, keys[i])
        end_service(s, d, x, plans[0, i] > 0.0, int(plans[1, i]), plans[2, i], o, p)


@jit
def next_wait_s(o, wait_s, gap_s):
    """How long the next task waits when this one has been served [s]."""
    return max(wait_s + o.latency_device_s + o.latency_uplink_s - gap_s, 0.0)


# ------------------------------------------------------------------ the best decision of a task
@jit
def try_decision(
    k, a, s, wait_s, price, margin, left, best, possible, keys, decisions, course, values, energies, most, outcomes,
    plans, jobs, job_keys, none, p,
):  # fmt: skip
    """Try the decision of place ``a`` on all draws and keep it in ``best`` if it is worth more.

    It is given up when it can be worth no more than the best, ``left`` being its :func:`promise`, or when it lies
    ``margin`` answers behind the best after the first chunk.  Returns its worth in that chunk, -inf if none was tried.
    """
    m, done, worth, first, energy_j = possible.shape[0], 0, 0.0, -math.inf, 0.0
    while done < m:
        if worth + left <= best.worth:
            return first
        high = min(done + CHUNK, m)
        try_draws(done, high, s, decisions[a], wait_s, possible, keys, outcomes, plans, jobs, job_keys, none, p)
        for i in range(done, high):
            o, task_j = outcomes[i], charged_j(outcomes[i], p)
            after_s = next_wait_s(o, wait_s, course[k].gap_s)
            worth += (1.0 if o.correct else 0.0) - price * task_j + later(k + 1, after_s, course, values)
            energy_j += task_j + later(k + 1, after_s, course, energies)
            left -= most[i]
        if done == 0:
            first = worth
            if first < best.first - margin * high:
                return first
        done = high
    if worth > best.worth:
        best.place, best.worth, best.first, best.energy_j = a, worth, first, energy_j
    return first


@jit
def search_powers(
    k, begin, size, at, coarse, step, s, wait_s, price, margin, left, best, possible, keys, decisions, course, values,
    energies, most, outcomes, plans, jobs, job_keys, none, p,
):  # fmt: skip
    """Try powers of the decisions ``begin`` to ``begin + size``, which differ in nothing else.

    From ``at`` down by ``coarse`` (0: not at all), then from the best on by ``step``, halved where both sides are
    worse.  Low powers that bring no answer are alike, so that steps alone would not leave them, and no power at all,
    the first, frees the device at once.  Returns the worth of the best in the first chunk, and its place.
    """
    here, here_worth, turn, walking = at, -math.inf, 0, coarse > 0
    while True:
        worth = -math.inf
        if 0 <= at < size:
            worth = try_decision(
                k, begin + at, s, wait_s, price, margin, left, best, possible, keys, decisions, course, values,
                energies, most, outcomes, plans, jobs, job_keys, none, p,
            )  # fmt: skip
        if worth > here_worth:
            here, here_worth, turn = at, worth, 0
        walking = walking and at > 0
        if walking:
            at = max(at - coarse, 0)
            continue
        if turn == 2:
            step, turn = step // 2, 0
        if step == 0:
            return here_worth, here
        at = here + (step if turn == 0 else -step)
        turn += 1


@jit
def is_leading(d, x, p):
    """Whether no edge cut has a shorter tail behind this device cut, or all of the tail is on the edge."""
    cut = int(d.cut)
    own_s = tail_s(cut, int(d.edge_cut), x.edge_load, x.rtt_s, p)
    for edge_cut in range(cut, p.last_cut if p.cloud else cut):
        if tail_s(cut, edge_cut, x.edge_load, x.rtt_s, p) < own_s:
            return int(d.edge_cut) == p.last_cut
    return True


@jit
def leader_of(g, decisions, begins, found):
    """The group of most worth so far with the device cut and the clock of group ``g``; -1: none was tried."""
    leader, d = -1, decisions[begins[g]]
    for h in range(begins.shape[0] - 1):
        e = decisions[begins[h]]
        if e.cut == d.cut and e.clock_hz == d.clock_hz and found[WORTH, h] > -math.inf:
            leader = h if leader < 0 or found[WORTH, h] > found[WORTH, leader] else leader
    return leader


@jit
def next_group(found, later_groups, best):
    """The group of the first or the later round that promises most, more than the best is worth; -1: none."""
    g = -1
    for h in range(found.shape[1]):
        if found[PROMISE, h] > best.worth and (found[LEADING, h] > 0.0) != later_groups:
            g = h if g < 0 or found[PROMISE, h] > found[PROMISE, g] else g
    return g


@jit
def best_decision(
    k, s, wait_s, price, margin, best, possible, keys, decisions, begins, course, values, energies, most, found,
    outcomes, plans, jobs, job_keys, none, p,
):  # fmt: skip
    """The decision of most worth on average into ``best``; its sums are over all draws.

    ``begins`` (groups + 1,) are the places of ``decisions`` at which cut, edge cut or clock change.  Without a
    ``margin`` (inf) every decision is tried that may be the best.  With one, powers are searched, first behind the edge
    cuts that lead (:func:`is_leading`); another edge cut is tried where the leader of its device cut and clock is near
    the best, from the leader's power on.  ``found`` (4, groups) is scratch.
    """
    groups, every = begins.shape[0] - 1, math.isinf(margin)
    best.place, best.worth, best.first, best.energy_j = -1, -math.inf, -math.inf, 0.0
    for g in range(groups):
        found[PROMISE, g] = promise(
            k, s, decisions[begins[g]], wait_s, price, possible, keys, course, values, outcomes[0], most[g], p
        )
        found[WORTH, g], found[PLACE, g] = -math.inf, 0.0
        found[LEADING, g] = 1.0 if every or is_leading(decisions[begins[g]], possible[0], p) else 0.0
    for later_groups in (False, True):
        while True:
            g = next_group(found, later_groups, best)
            if g < 0:
                break
            left, size = found[PROMISE, g], begins[g + 1] - begins[g]
            found[PROMISE, g] = -math.inf
            at, coarse = size - 1, 1 if every else max(size // 6, 1)
            step = 0 if every else coarse // 2
            if later_groups:
                leader = leader_of(g, decisions, begins, found)
                if leader >= 0 and found[WORTH, leader] < best.first - NEAR * CHUNK:
                    continue
                if leader >= 0:
                    at, coarse, step = min(int(found[PLACE, leader]), size - 1), 0, 1
            found[WORTH, g], found[PLACE, g] = search_powers(
                k, begins[g], size, at, coarse, step, s, wait_s, price, margin, left, best, possible, keys, decisions,
                course, values, energies, most[g], outcomes, plans, jobs, job_keys, none, p,
            )  # fmt: skip


@jit
def fill_task(
    k, s, price, margin, possible, keys, decisions, begins, course, values, energies, chosen, best, most, found,
    outcomes, plans, jobs, job_keys, none, params,
):  # fmt: skip
    """Worth, energy [J] and place of the best decision of task ``k`` for every wait of the table, into its row."""
    p, x, last = params[0], possible[0], values.shape[1] - 1
    for j in range(last + 1 if course[k].top_s > 0.0 else 1):
        wait_s = course[k].top_s * j / last if last > 0 else 0.0
        put_wait(s[0], x, wait_s, p.clocks_hz[p.n_clocks - 1], keys[0])
        if wait_s > 0.0 and (s[0].remaining_s <= 0.0 or not any_finishable(s[0], x, p)):  # it is missed
            after_s = max(wait_s - course[k].gap_s, 0.0)
            chosen[k, j] = -1
            values[k, j] = later(k + 1, after_s, course, values)
            energies[k, j] = later(k + 1, after_s, course, energies)
        else:
            best_decision(
                k, s[0], wait_s, price, margin, best[0], possible, keys, decisions, begins, course, values, energies,
                most, found, outcomes, plans, jobs, job_keys, none, p,
            )  # fmt: skip
            chosen[k, j] = best[0].place
            values[k, j] = best[0].worth / possible.shape[0]
            energies[k, j] = best[0].energy_j / possible.shape[0]
