"""P1.1 for several users: splits, powers and shares of one band (ENACHI specification, section 6.4).

The price that minimises the dual bound proposes split vectors, each is solved exactly, and the bound tells which
others could still be better: these are tried as well.  Unless more than ``VECTORS`` are left, the answer is the
optimum over all split vectors.  A user without any feasible plan takes no part: kind 0, no share, no power, value 0.
"""

from __future__ import annotations

import math

import numpy as np

from splitgym.jit import jit
from splitgym.physics.cheapest import cheapest, read_choice
from splitgym.physics.demand import demand
from splitgym.physics.plans import (
    BAND,
    PLAN,
    allocate,
    feasible,
    first_price_j2_hz,
    free_price_j2_hz,
    plan_power_w,
    plan_price_j2_hz,
    plan_value_j2,
    settle,
    share_at_price_hz,
)

__all__ = [
    "BAND",
    "PLAN",
    "allocate",
    "plan_power_w",
    "plan_price_j2_hz",
    "plan_value_j2",
    "share_at_price_hz",
    "solve_p11",
]

VECTORS = 64  # split vectors examined beyond those of the price search, from four users on; up to three users: all
_STEPS = 100  # the search needs about ten
_CLOSE = 1e-12  # relative width of a bracket of prices with a jump inside
_PROVEN = 1e-13  # duality gap [V per user] that counts as none
_ROUNDING = 1e-9  # relative allowance for rounding where a split is left out
_PRICE, _ASKED, _VALUE = 0, 1, 2  # columns of a side of the bracket


@jit
def solve_alone(plans, band, splits, shares):
    """P1.1 for one user: the whole band, ties go to the smallest kind; value [J^2].  (section 6.2)"""
    best_j2 = -math.inf
    splits[0] = 0
    for s in range(plans.shape[1]):
        value_j2 = plan_value_j2(plans[0, s], band.bandwidth_hz, band)
        if value_j2 > best_j2:
            best_j2 = value_j2
            splits[0] = s
    shares[0] = band.bandwidth_hz if best_j2 > -math.inf and plans[0, splits[0]].wanted_bit > 0.0 else 0.0
    return best_j2 if best_j2 > -math.inf else 0.0


@jit
def choose_splits(plans, price, band, tops, nets, splits):
    """Best split of every user at a price; the sum of shares they ask for [Hz], their value and the bound [J^2].

    ``nets`` (n_users, n_kinds) is filled with v - price w [J^2].  Nothing that fits into the band is worth more than
    the bound.  ``tops`` (n_users, n_kinds) [J^2] are never below the nets, inf where nothing is known: a split that
    cannot be the best is left out, its net is the top.  ``splits`` holds a guess of each user's best.
    """
    total_hz, value_j2 = 0.0, 0.0
    for n in range(plans.shape[0]):
        guess, top_j2, share_hz = splits[n], -math.inf, 0.0
        guess_hz, guess_j2 = demand(plans[n, guess], price, band)
        splits[n] = 0
        for s in range(plans.shape[1]):
            asked_hz, nets[n, s] = guess_hz, guess_j2
            if s != guess:
                if tops[n, s] < max(top_j2, guess_j2):
                    nets[n, s] = tops[n, s]
                    continue
                asked_hz, nets[n, s] = demand(plans[n, s], price, band)
            if nets[n, s] > top_j2:
                splits[n], top_j2, share_hz = s, nets[n, s], asked_hz
        if top_j2 > -math.inf:
            total_hz += share_hz
            value_j2 += top_j2 + price * share_hz
    return total_hz, value_j2, value_j2 + price * (band.bandwidth_hz - total_hz)


@jit
def first_tops(plans, band, tops):
    """What no split is worth more than at any price: full accuracy for nothing but the device's own energy."""
    for n in range(plans.shape[0]):
        for s in range(plans.shape[1]):
            plan = plans[n, s]
            best_j2 = band.weight_j2 * max(band.accuracy_full, plan.reached)
            slack_j2 = _ROUNDING * (best_j2 + abs(plan.cost_j2))
            tops[n, s] = best_j2 - plan.cost_j2 + slack_j2 if feasible(plan) else -math.inf


@jit
def lower_tops(ends, low, high, price, band, tops):
    """Lower what no split is worth more than at a price between two at which it is worth at most ``ends`` (2, ...).

    A net falls as the price rises, ever slower: it is below the one at the lower price, and below the chord.
    """
    part = min(max((price - low) / (high - low), 0.0), 1.0) if high < math.inf else 0.0
    for n in range(tops.shape[0]):
        for s in range(tops.shape[1]):
            line_j2 = ends[0, n, s]
            if line_j2 > -math.inf:
                slack_j2 = _ROUNDING * (band.weight_j2 + abs(line_j2))
                if part > 0.0:
                    line_j2 += part * (ends[1, n, s] - line_j2)
                tops[n, s] = min(tops[n, s], line_j2 + slack_j2)


@jit
def try_splits(plans, trial, band, price, best_j2, splits, shares, scratch):
    """Settle ``trial``, kept in ``splits`` and ``shares`` if above ``best_j2``; the best value [J^2], and the price."""
    value_j2, price = settle(plans, trial, band, price, best_j2, scratch)
    if value_j2 <= best_j2:
        return best_j2, price
    splits[:] = trial
    shares[:] = scratch
    return value_j2, price


@jit
def try_between(plans, vectors, band, price, best_j2, enough_j2, splits, shares, scratch):
    """Try the split vectors on the way from the second of ``vectors`` to the first, user by user; best value [J^2].

    Where one user jumps these are the two sides; users alike jump together, and the best vector is in between.
    """
    best_j2, _ = try_splits(plans, vectors[1], band, price, best_j2, splits, shares, scratch)
    for n in range(splits.shape[0]):
        if vectors[0, n] != vectors[1, n] and best_j2 < enough_j2:
            vectors[1, n] = vectors[0, n]
            best_j2, _ = try_splits(plans, vectors[1], band, price, best_j2, splits, shares, scratch)
    return best_j2


@jit
def search_price(plans, band, tops, nets, splits, shares, scratch):
    """Lower the dual bound over the price: best value found, least bound [J^2] and its price [J^2/Hz].  (section 6.4)

    If both sides of the bracket have the same splits, the next price is theirs; if not, it is where the tangents of
    the convex bound meet, which closes in on a jump quadratically.
    """
    trial, vectors, sides = np.empty_like(splits), np.empty((2, splits.shape[0]), splits.dtype), np.empty((2, 3))
    ends = np.empty((2, nets.shape[0], nets.shape[1]))
    sides[0, _PRICE], sides[1, _PRICE] = 0.0, math.inf
    proven_j2 = _PROVEN * band.weight_j2 * splits.shape[0]
    first_tops(plans, band, tops)
    trial[:] = 0
    best_j2, least_j2, least_price = -math.inf, math.inf, 0.0
    free = free_price_j2_hz(band)
    price, step = free, 0.25
    for i in range(_STEPS):
        total_hz, value_j2, bound_j2 = choose_splits(plans, price, band, tops, nets, trial)
        if bound_j2 < least_j2:
            least_j2, least_price = bound_j2, price
        side = 0 if total_hz > band.bandwidth_hz else 1
        ends[side] = nets
        sides[side, _PRICE], sides[side, _ASKED], sides[side, _VALUE] = price, total_hz, value_j2
        vectors[side] = trial
        if i == 0:
            vectors[1 - side] = trial
        # what is asked for fits, and what is left over is worth nothing: nothing can be better
        idle = side == 1 and price * (band.bandwidth_hz - total_hz) <= 0.1 * proven_j2
        if idle or least_j2 - best_j2 <= proven_j2:
            break
        if i == 0:
            price = first_price_j2_hz(splits.shape[0], band)
        elif sides[0, _PRICE] == free or sides[1, _PRICE] == math.inf:
            step = max(2.0 * step, abs(math.log(max(total_hz / band.bandwidth_hz, 1e-9))))
            price *= math.exp(step if side == 0 else -step)
        elif (vectors[0] == vectors[1]).all():
            middle = math.sqrt(sides[0, _PRICE] * sides[1, _PRICE])
            best_j2, price = try_splits(plans, trial, band, middle, best_j2, splits, shares, scratch)
        else:
            price = (sides[0, _VALUE] - sides[1, _VALUE]) / (sides[0, _ASKED] - sides[1, _ASKED])
        low, high = sides[0, _PRICE], sides[1, _PRICE]
        if not low < price < high or high - low <= _CLOSE * low:
            break
        first_tops(plans, band, tops)  # the lower ones were those of another price
        if low > 0.0:
            lower_tops(ends, low, high, price, band, tops)
    enough_j2 = least_j2 - proven_j2
    if best_j2 < enough_j2:
        best_j2 = try_between(plans, vectors, band, least_price, best_j2, enough_j2, splits, shares, scratch)
    return best_j2, least_j2, least_price


@jit
def search_near(plans, band, tops, nets, splits, shares, scratch, best_j2, least_j2, price):
    """Try the split vectors that the bound at a price leaves open, most promising first; best value [J^2]."""
    users, kinds = plans.shape
    trial = np.empty_like(splits)
    tops[:], trial[:] = math.inf, 0
    choose_splits(plans, price, band, tops, nets, trial)
    for n in range(users):
        top_j2 = nets[n, trial[n]]
        for s in range(kinds):
            if top_j2 > -math.inf:
                nets[n, s] = top_j2 - nets[n, s]
            else:
                nets[n, s] = 0.0 if s == 0 else math.inf
    room = kinds**users if users <= 3 else VECTORS
    sums, parents, picks = np.empty((2, room)), np.empty((users, room), np.int64), np.empty((users, room), np.int64)
    for j in range(cheapest(nets, least_j2 - best_j2, sums, parents, picks)):
        if sums[users % 2, j] >= least_j2 - best_j2:
            break
        read_choice(parents, picks, j, trial)
        best_j2, _ = try_splits(plans, trial, band, price, best_j2, splits, shares, scratch)
    return best_j2


@jit
def solve_p11(plans, band, splits, shares, powers):
    """Splits (n,), shares [Hz] (n,) and powers [W] (n,) of all users, in place; returns the value [J^2].  (s6.4)"""
    users = plans.shape[0]
    if users == 1:
        best_j2 = solve_alone(plans, band, splits, shares)
    else:
        tops, nets, scratch = np.empty(plans.shape), np.empty(plans.shape), np.empty_like(shares)
        best_j2, least_j2, price = search_price(plans, band, tops, nets, splits, shares, scratch)
        if least_j2 - best_j2 > _PROVEN * band.weight_j2 * users:
            best_j2 = search_near(plans, band, tops, nets, splits, shares, scratch, best_j2, least_j2, price)
    for n in range(users):
        powers[n] = plan_power_w(plans[n, splits[n]], shares[n], band)
    return best_j2
