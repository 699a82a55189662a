"""The compiled part of the world: one step of a device that chooses between charging and working."""

from __future__ import annotations

from splitgym.jit import jit
from splitgym.physics.codec import nothing_yet, show
from splitgym.physics.random import child, uniform


@jit
def sun_w(key, step, p):
    """Power that the sun gives in a step: uniform between 0 and the most [W]."""
    return p.sun_max_w * uniform(child(key, step))


@jit
def begin(s, key, given, p):
    """A half-full battery at the first step."""
    s.key, s.step, s.charge_j = key, 0, 0.5 * p.capacity_j
    s.finished, s.depleted = False, False
    s.coming_w = given[0] if s.recorded else sun_w(key, 0, p)


@jit
def step_one(s, d, given, o, p):
    """Work with a share of the full power, or let the battery fill; what is not there cannot be spent."""
    had_j = s.charge_j
    wanted_j = d.share * p.work_j
    o.spent_j = min(wanted_j, had_j)
    o.charge_j = min(had_j - o.spent_j + s.coming_w * p.step_s, p.capacity_j)
    o.reward_work = o.spent_j / p.work_j
    o.reward_empty = 0.0 - p.empty_price * (wanted_j - o.spent_j) / p.work_j
    o.reward = o.reward_work + o.reward_empty
    s.charge_j = o.charge_j
    s.step += 1
    o.step = s.step
    s.finished = s.step >= p.n_steps
    if not s.finished:
        s.coming_w = given[s.step] if s.recorded else sun_w(s.key, s.step, p)


@jit
def turn_rows(low, high, rows, observations, masks, logs, table, params, given):
    """One turn of rows low..high; ``given`` (n, n_steps) holds the sun's power of rows that replay a trace."""
    p = params[0]
    scratch = nothing_yet(p.n_fields)
    for i in range(low, high):
        row = rows[i]
        s, d, o = row.state, row.decision, row.outcome
        if row.live:
            step_one(s, d, given[i], o, p)
        if row.fresh:
            begin(s, row.key, given[i], p)
            o.charge_j, o.step = s.charge_j, 0
        if row.live or row.fresh:
            masks[i][:] = True
            scratch[p.at.charge_j], scratch[p.at.coming_w] = s.charge_j, s.coming_w
            scratch[p.at.steps_left] = p.n_steps - s.step
            wrong = show(scratch, observations[i], p)
            if wrong >= 0:
                return wrong
    return -1
