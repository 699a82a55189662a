"""What splits would mean for a user, and one band for fixed splits (ENACHI specification, sections 6.2 and 6.3).

A *plan* is one row of ``plans`` (n_users, n_kinds) PLAN: what a split would mean for a user.  Work that sends nothing
has ``wanted_bit`` = 0.
"""

from __future__ import annotations

import math

import numpy as np

from splitgym.jit import jit
from splitgym.physics.demand import demand, plan_curve
from splitgym.physics.lyapunov import bandwidth_price_j2_hz, best_power_w, transmit_value_j2
from splitgym.physics.sizes import MOST_CUTS, MOST_POINTS

_STEPS = 100  # the search needs about ten
_FREE = 1e-20  # price [V / B] at which bandwidth is as good as free
_EQUAL = 1e-14  # relative difference of two prices, or of the band and what is asked of it, that counts as none

PLAN = np.dtype(
    [
        ("queue_j", "f8"),  # weight of transmit energy: Q of the user
        ("gain", "f8"),  # G of the user
        ("cost_j2", "f8"),  # Q E_loc of the split: cost of the device's own energy
        ("window_s", "f8"),  # T_s; 0: infeasible
        ("wanted_bit", "f8"),  # L_s; 0: nothing is sent
        ("steepness", "f8"),  # k_s; 0: the table of the cut
        ("reached", "f8"),  # accuracy without sending (local); unused if something is sent
        ("cut", "i8"),  # place in the tables of BAND
    ],
    align=True,
)

#: What all users share; the tables of the cuts as PARAMS has them.
BAND = np.dtype(
    [
        ("bandwidth_hz", "f8"),
        ("noise_w_hz", "f8"),
        ("power_max_w", "f8"),
        ("weight_j2", "f8"),
        ("accuracy_full", "f8"),
        ("accuracy_chance", "f8"),
        ("tables", "?"),  # whether a cut has one
        ("cut_points", "i8", (MOST_CUTS,)),
        ("cut_shares", "f8", (MOST_CUTS, MOST_POINTS)),
        ("cut_levels", "f8", (MOST_CUTS, MOST_POINTS)),
    ],
    align=True,
)


@jit
def feasible(plan):
    """Whether a plan sends nothing or has a window to send in."""
    return plan.wanted_bit <= 0.0 or plan.window_s > 0.0


@jit
def plan_power_w(plan, share_hz, band):
    """p* of a plan with a bandwidth share [W]; 0 if nothing is sent.  (section 6.2)"""
    if plan.wanted_bit <= 0.0 or share_hz <= 0.0 or plan.window_s <= 0.0:
        return 0.0
    return best_power_w(
        band.weight_j2, plan.queue_j, plan.gain, share_hz, band.noise_w_hz, plan.window_s, plan.wanted_bit,
        plan_curve(plan, band), band.power_max_w,
    )  # fmt: skip


@jit
def plan_value_j2(plan, share_hz, band):
    """v_s(w) [J^2]: value of a plan at its best power; -inf if infeasible.  (section 6.2)"""
    if plan.wanted_bit <= 0.0:
        return band.weight_j2 * plan.reached - plan.cost_j2
    if plan.window_s <= 0.0:
        return -math.inf
    if share_hz <= 0.0:
        return band.weight_j2 * band.accuracy_chance - plan.cost_j2
    value = transmit_value_j2(
        band.weight_j2, plan.queue_j, plan_power_w(plan, share_hz, band), plan.gain, share_hz, band.noise_w_hz,
        plan.window_s, plan.wanted_bit, plan_curve(plan, band),
    )  # fmt: skip
    return value - plan.cost_j2


@jit
def plan_price_j2_hz(plan, share_hz, band):
    """v_s'(w) [J^2/Hz] of a plan that sends; non-increasing in the share.  (section 6.3)"""
    return bandwidth_price_j2_hz(
        band.weight_j2, plan.queue_j, plan_power_w(plan, share_hz, band), plan.gain, share_hz, band.noise_w_hz,
        plan.window_s, plan.wanted_bit, plan_curve(plan, band),
    )  # fmt: skip


@jit
def share_at_price_hz(plan, price, band):
    """Share [Hz] at which a plan's marginal value falls to ``price`` > 0 [J^2/Hz]; it may exceed the band.  (s6.3)"""
    return demand(plan, price, band)[0]


# ------------------------------------------------------------------ fixed splits
@jit
def first_price_j2_hz(users, band):
    """A price to start from [J^2/Hz]: a tenth of what all users could gain per Hz of the band."""
    return 0.1 * users * band.weight_j2 * (band.accuracy_full - band.accuracy_chance) / band.bandwidth_hz


@jit
def free_price_j2_hz(band):
    """A price [J^2/Hz] so low that whoever would take more bandwidth for nothing takes far more than the band."""
    return max(_FREE * band.weight_j2 / band.bandwidth_hz, 1e-300)


@jit
def ask(plans, splits, price, band, shares):
    """Shares [Hz] that fixed splits ask for at a price, into ``shares``; their sum [Hz] and dual value [J^2]."""
    total_hz, bound_j2 = 0.0, price * band.bandwidth_hz
    for n in range(splits.shape[0]):
        shares[n], net = demand(plans[n, splits[n]], price, band)
        total_hz += shares[n]
        if net > -math.inf:
            bound_j2 += net
    return total_hz, bound_j2


@jit
def fill_band(plans, splits, band, total_hz, shares):
    """Scale ``shares`` [Hz] so that they fill the band, unless nobody asks for any; value of all users [J^2]."""
    value_j2 = 0.0
    for n in range(splits.shape[0]):
        plan = plans[n, splits[n]]
        if total_hz > 0.0:
            shares[n] *= band.bandwidth_hz / total_hz
        if feasible(plan):
            value_j2 += plan_value_j2(plan, shares[n], band)
    return value_j2


@jit
def meet(plans, splits, low, high, band, shares):
    """Shares [Hz] between those asked for at two prices on both sides of a jump, so that they fill the band; their sum.

    Tables make users jump from corner to corner: at the jump's price all that lies between is worth the same, as long
    as the accuracies' slopes do not rise.
    """
    more = np.empty_like(shares)
    more_hz, _ = ask(plans, splits, low, band, more)
    less_hz, _ = ask(plans, splits, high, band, shares)
    if more_hz > less_hz:
        part = min(max((band.bandwidth_hz - less_hz) / (more_hz - less_hz), 0.0), 1.0)
        for n in range(shares.shape[0]):
            shares[n] += part * (more[n] - shares[n])
        return less_hz + part * (more_hz - less_hz)
    return less_hz


@jit
def settle(plans, splits, band, price, rival_j2, shares):
    """Optimal ``shares`` [Hz] of fixed splits; their value [J^2] and price [J^2/Hz].  (section 6.3)

    One root: the price at which the band is full, by the Illinois rule in logarithms.  Given up, with value -inf, as
    soon as a price proves that the splits cannot beat ``rival_j2``.
    """
    x, step, side, total_hz = math.log(price), 0.1, 0, 0.0
    low, high, over, under = -math.inf, math.inf, 0.0, 0.0
    for _ in range(_STEPS):
        price = math.exp(x)
        total_hz, bound_j2 = ask(plans, splits, price, band, shares)
        if bound_j2 <= rival_j2:
            return -math.inf, price
        excess = math.log(max(total_hz / band.bandwidth_hz, 1e-9))
        if excess > 0.0:
            under *= 0.5 if side > 0 else 1.0
            low, over, side = x, excess, 1
        else:
            over *= 0.5 if side < 0 else 1.0
            high, under, side = x, excess, -1
        if abs(excess) <= _EQUAL or high - low <= _EQUAL or (excess < 0.0 and price <= free_price_j2_hz(band)):
            break
        if low > -math.inf and high < math.inf:
            x = min(max(low + (high - low) * over / (over - under), low), high)
        else:
            step = max(2.0 * step, abs(excess))
            x += step if excess > 0.0 else -step
    if band.tables and low > -math.inf and high < math.inf:
        total_hz = meet(plans, splits, math.exp(low), math.exp(high), band, shares)
    return fill_band(plans, splits, band, total_hz, shares), price


@jit
def allocate(plans, splits, band, shares):
    """Optimal shares [Hz] for fixed splits into ``shares`` (n_users,): one price for all.  (s6.3)

    Bandwidth that nobody needs is handed out in proportion.  Returns the total value [J^2], -inf if a split is
    infeasible.
    """
    value_j2, _ = settle(plans, splits, band, first_price_j2_hz(splits.shape[0], band), -math.inf, shares)
    for n in range(splits.shape[0]):
        if not feasible(plans[n, splits[n]]):
            return -math.inf
    return value_j2
