"""P1.1 for several users: splits, powers and shares of one band (ENACHI specification, sections 6.3 and 6.4).

A *plan* is one row of ``plans`` (n_users, n_splits) PLAN: what a split would mean for a user.  The last column is
reserved for work that sends nothing (``wanted_bit`` = 0).
"""

from __future__ import annotations

import math

import numpy as np

from splitgym.jit import jit
from splitgym.physics.lyapunov import bandwidth_price_j2_hz, best_power_w, transmit_value_j2

GRID = 81  # points of the bandwidth table, log-spaced over four decades
_HALVINGS = 200

PLAN = np.dtype(
    [
        ("queue_j", "f8"),  # Q of the user
        ("gain", "f8"),  # G of the user
        ("device_j", "f8"),  # E_loc of the split
        ("window_s", "f8"),  # T_s; 0: infeasible
        ("wanted_bit", "f8"),  # L_s; 0: nothing is sent
        ("steepness", "f8"),  # k_s
        ("reached", "f8"),  # accuracy without sending (local); unused if something is sent
    ],
    align=True,
)

#: What all users share.
BAND = np.dtype(
    [
        ("bandwidth_hz", "f8"),
        ("noise_w_hz", "f8"),
        ("power_max_w", "f8"),
        ("weight_j2", "f8"),
        ("accuracy_full", "f8"),
        ("accuracy_chance", "f8"),
    ],
    align=True,
)


@jit
def plan_power_w(plan, share_hz, band):
    """p* of a plan with a bandwidth share [W]; 0 if nothing is sent."""
    if plan.wanted_bit <= 0.0 or share_hz <= 0.0:
        return 0.0
    return best_power_w(
        band.weight_j2, plan.queue_j, plan.gain, share_hz, band.noise_w_hz, plan.window_s, plan.wanted_bit,
        plan.steepness, band.accuracy_full, band.accuracy_chance, band.power_max_w,
    )  # fmt: skip


@jit
def plan_value_j2(plan, share_hz, band):
    """v_s(w) [J^2]: value of a plan at its best power; -inf if infeasible."""
    if plan.wanted_bit <= 0.0:
        return band.weight_j2 * plan.reached - plan.queue_j * plan.device_j
    if plan.window_s <= 0.0:
        return -math.inf
    if share_hz <= 0.0:
        return band.weight_j2 * band.accuracy_chance - plan.queue_j * plan.device_j
    value = transmit_value_j2(
        band.weight_j2, plan.queue_j, plan_power_w(plan, share_hz, band), plan.gain, share_hz, band.noise_w_hz,
        plan.window_s, plan.wanted_bit, plan.steepness, band.accuracy_full, band.accuracy_chance,
    )  # fmt: skip
    return value - plan.queue_j * plan.device_j


@jit
def plan_price_j2_hz(plan, share_hz, band):
    """v_s'(w) [J^2/Hz] of a plan that sends; non-increasing in the share."""
    return bandwidth_price_j2_hz(
        band.weight_j2, plan.queue_j, plan_power_w(plan, share_hz, band), plan.gain, share_hz, band.noise_w_hz,
        plan.window_s, plan.wanted_bit, plan.steepness, band.accuracy_full, band.accuracy_chance,
    )  # fmt: skip


@jit
def share_at_price_hz(plan, price, band):
    """The share [Hz] at which a plan's marginal value falls to ``price`` [J^2/Hz], by bisection in its logarithm."""
    if plan.wanted_bit <= 0.0:
        return 0.0
    low, high = math.log(1e-9 * band.bandwidth_hz), math.log(band.bandwidth_hz)
    if plan_price_j2_hz(plan, band.bandwidth_hz, band) >= price:
        return band.bandwidth_hz
    if plan_price_j2_hz(plan, math.exp(low), band) <= price:
        return 0.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if middle <= low or middle >= high:
            break
        if plan_price_j2_hz(plan, math.exp(middle), band) > price:
            low = middle
        else:
            high = middle
    return math.exp(0.5 * (low + high))


@jit
def allocate(plans, splits, band, shares):
    """Optimal shares [Hz] for fixed splits into ``shares`` (n_users,): one price for all.  (s6.3)

    Bandwidth that nobody needs is handed out in proportion.  Returns the total value [J^2].
    """
    low, high = math.log(1e-30), math.log(1e6)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if middle <= low or middle >= high:
            break
        total = 0.0
        for n in range(splits.shape[0]):
            total += share_at_price_hz(plans[n, splits[n]], math.exp(middle), band)
        if total > band.bandwidth_hz:
            low = middle
        else:
            high = middle
    total = 0.0
    for n in range(splits.shape[0]):
        shares[n] = share_at_price_hz(plans[n, splits[n]], math.exp(high), band)
        total += shares[n]
    value = 0.0
    for n in range(splits.shape[0]):
        if total > 0.0:
            shares[n] *= band.bandwidth_hz / total
        value += plan_value_j2(plans[n, splits[n]], shares[n], band)
    return value


@jit
def choose_splits(values, grid, price, splits):
    """Best (split, share) of every user at a price, from the table ``values`` (n, s, w); returns the sum of shares."""
    total = 0.0
    for n in range(values.shape[0]):
        best, share = -math.inf, 0.0
        for s in range(values.shape[1]):
            for w in range(grid.shape[0]):
                net = values[n, s, w] - price * grid[w]
                if net > best:
                    best, share = net, grid[w]
                    splits[n] = s
        total += share
    return total


@jit
def solve_p11(plans, band, splits, shares, powers):
    """Splits (n,), shares [Hz] (n,) and powers [W] (n,) of all users, in place; returns the value [J^2].  (s6.4)

    A table over a log grid of shares gives the two split vectors on both sides of the price at which the band is
    full; both are solved exactly and the better one is kept.
    """
    users, kinds = plans.shape
    grid = np.zeros(GRID + 1)  # share 0 first: nothing is sent
    for w in range(GRID):
        grid[w + 1] = band.bandwidth_hz * 10.0 ** (-4.0 + 4.0 * w / (GRID - 1))
    values = np.empty((users, kinds, GRID + 1))
    for n in range(users):
        for s in range(kinds):
            for w in range(GRID + 1):
                values[n, s, w] = plan_value_j2(plans[n, s], grid[w], band)
    low, high = math.log(1e-30), math.log(1e6)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if middle <= low or middle >= high:
            break
        if choose_splits(values, grid, math.exp(middle), splits) > band.bandwidth_hz:
            low = middle
        else:
            high = middle
    best = -math.inf
    trial, trial_shares = np.empty_like(splits), np.empty_like(shares)
    for side in (math.exp(high), math.exp(low)):
        choose_splits(values, grid, side, trial)
        value = allocate(plans, trial, band, trial_shares)
        if value > best:
            best = value
            splits[:] = trial
            shares[:] = trial_shares
    for n in range(users):
        powers[n] = plan_power_w(plans[n, splits[n]], shares[n], band)
    return best
