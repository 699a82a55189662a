"""What a user asks for at a price of bandwidth, in closed form where there is one (ENACHI specification, section 6.3).

With z = log y, y = 1 + SNR, everything hangs on one function, g(z) = z - 1 + e^-z: the marginal value of bandwidth is
proportional to e^z g(z) while power is priced by the energy queue and to e^(-k beta) g(z) at the power limit.
"""

from __future__ import annotations

import math

from splitgym.jit import jit
from splitgym.physics.dnn import Curve, accuracy, accuracy_slope
from splitgym.physics.radio import LOG2

_STEPS = 60  # no root below needs more than a dozen
_DIGITS = 1e-9  # last relative Newton step: the error left is its square
_SERIES = 0.1  # below, g loses digits by cancellation
_STEEP = 500.0  # log of the largest price ratio whose powers of e stay finite


@jit
def g_of(z):
    """g(z) = z - 1 + e^-z [1], to full precision for small z."""
    if z > _SERIES:
        return z + math.expm1(-z)
    term = 1.0
    for j in range(11, 2, -1):
        term = 1.0 - z / j * term
    return 0.5 * z * z * term


@jit
def log_snr(log_ratio):
    """z [1] with e^z g(z) = c for a given log c: y log y - y + 1 = c with z = log y.  (section 6.3)

    Newton on z + log g(z) - log c, whose slope is z / g(z), from y = 1 + s + s^2/6 with s^2 = 2c.
    """
    s = math.exp(0.5 * (log_ratio + LOG2))
    z = math.log1p(s * (1.0 + s / 6.0))
    for _ in range(_STEPS):
        g = g_of(z)
        step = (z + math.log(g) - log_ratio) * g / z
        z = max(z - step, 0.1 * z)
        if abs(step) <= _DIGITS * z:
            break
    return z


@jit
def full_log_snr(reach):
    """z [1] with z / (e^z - 1) = 1 / b for a ``reach`` b > 1: at the power limit everything arrives just in time.

    Newton from the right on a convex function: log((e^z - 1) / z) >= z / 2.
    """
    target = math.log(reach)
    z = 2.0 * target
    for _ in range(_STEPS):
        g = g_of(z)
        sent = z - g  # 1 - e^-z
        step = (z + math.log(sent / z) - target) * z * sent / g
        z = max(z - step, 0.1 * z)
        if abs(step) <= _DIGITS * z:
            break
    return z


@jit
def clipped_log_snr(log_ratio, steepness, reach, z):
    """z [1] at the power limit: log g(z) - k beta = ``log_ratio`` with beta = b z / (e^z - 1); at most beta = 1.

    b (``reach``) is the ratio delivered at the power limit over an unlimited band; ``z`` is where to start.  Newton
    on a concave function, kept in the bracket z^2 / 2 >= g >= z - 1 and halved there when a step leaves it.
    """
    load = steepness * reach
    low = math.exp(0.5 * (log_ratio + LOG2))
    high = 1.0 + math.exp(min(log_ratio + load, _STEEP))
    z = min(max(z, low), high)
    for _ in range(_STEPS):
        g = g_of(z)
        sent = z - g
        left = 1.0 - sent
        excess = math.log(g) - load * z * left / sent - log_ratio
        if excess > 0.0:
            high = z
        else:
            low = z
        step = excess / (sent / g + load * left * g / (sent * sent))
        after = z - step
        if not low <= after <= high:
            after = math.sqrt(low * high)
        step = after - z
        z = after
        if abs(step) <= _DIGITS * z:
            break
    if reach > 1.0 and reach * z >= math.expm1(min(z, _STEEP)):
        return full_log_snr(reach)
    return z


@jit
def plan_curve(plan, band):
    """The accuracy curve of a plan: its own exponential, or the table of its cut."""
    cut = plan.cut
    points = band.cut_points[cut] if plan.steepness <= 0.0 else 0
    return Curve(
        plan.steepness, band.accuracy_full, band.accuracy_chance, points, band.cut_shares[cut], band.cut_levels[cut]
    )


@jit
def table_demand(plan, price, band, curve, load_hz, limit_hz, power_j2_hz):
    """:func:`demand` for a table: the best of its corners and, at the power limit, of the points between.

    Below the power limit a ratio costs the same per unit whatever it is, so the best one is a corner, or where the
    limit begins.  Beyond, share and cost follow from g(z) = price * load / (V c) on a piece of slope c.
    """
    reach, free, unit_j2, z = limit_hz / load_hz, 0.0, math.inf, 1.0
    if power_j2_hz > 0.0:
        log_ratio = math.log(price / power_j2_hz)
        if log_ratio < _STEEP:
            z = log_snr(log_ratio)
            unit_j2 = power_j2_hz * load_hz * math.exp(z)
            free = reach * z / math.expm1(z)  # ratios up to here need less than all power
    free_z = z
    share_hz, best_j2 = 0.0, band.weight_j2 * curve.chance
    for i in range(1, curve.points):
        begin, end = curve.shares[i - 1], curve.shares[i]
        rise_j2 = band.weight_j2 * (curve.levels[i] - curve.levels[i - 1])
        if begin >= reach:
            break
        if rise_j2 <= 0.0:
            continue
        if free > begin:
            ratio = min(end, free)
            net_j2 = band.weight_j2 * accuracy(ratio, curve) - unit_j2 * ratio
            if net_j2 > best_j2:
                share_hz, best_j2 = ratio * load_hz / free_z, net_j2
        if free < end:
            z = clipped_log_snr(math.log(price * load_hz * (end - begin) / rise_j2), 0.0, reach, z)
            ratio = reach * z / math.expm1(min(z, _STEEP))
            if ratio > end:
                ratio, z = end, full_log_snr(reach / end)
            if ratio > max(begin, free):
                asked_hz = limit_hz / math.expm1(min(z, _STEEP))
                net_j2 = band.weight_j2 * accuracy(min(ratio, 1.0), curve) - power_j2_hz * limit_hz - price * asked_hz
                if net_j2 > best_j2:
                    share_hz, best_j2 = asked_hz, net_j2
    return share_hz, best_j2 - plan.cost_j2


@jit
def demand(plan, price, band):
    """Share [Hz] at which v_s' falls to ``price`` > 0 [J^2/Hz], and v_s(w) - price w [J^2] there.  (section 6.3)

    (0, -inf) for an infeasible plan.  The share may exceed the band.
    """
    weight, chance, k, curve = band.weight_j2, band.accuracy_chance, plan.steepness, plan_curve(plan, band)
    if plan.wanted_bit <= 0.0:
        return 0.0, weight * plan.reached - plan.cost_j2
    if plan.window_s <= 0.0:
        return 0.0, -math.inf
    slope_j2 = weight * accuracy_slope(0.0, curve)
    if slope_j2 <= 0.0 and curve.points == 0:
        return 0.0, weight * chance - plan.cost_j2
    load_hz = plan.wanted_bit * LOG2 / plan.window_s  # share at beta = z = 1
    limit_hz = band.power_max_w * plan.gain / band.noise_w_hz  # share at which SNR = 1 with the power limit
    power_j2_hz = plan.queue_j * plan.window_s * band.noise_w_hz / plan.gain  # cost of SNR = 1 per Hz
    if curve.points > 0:
        return table_demand(plan, price, band, curve, load_hz, limit_hz, power_j2_hz)
    z = 1.0
    if power_j2_hz > 0.0:
        log_ratio = math.log(price / power_j2_hz)
        if log_ratio < _STEEP:
            z = log_snr(log_ratio)
            ratio = min((math.log(slope_j2 / (power_j2_hz * load_hz)) - z) / k, 1.0)
            if ratio <= 0.0:
                return 0.0, weight * chance - plan.cost_j2
            share_hz = ratio * load_hz / z
            if math.expm1(z) * share_hz <= limit_hz:
                cost_j2 = plan.cost_j2 + power_j2_hz * load_hz * math.exp(z) * ratio
                return share_hz, weight * accuracy(ratio, curve) - cost_j2
    reach = limit_hz / load_hz
    z = clipped_log_snr(math.log(price * load_hz / slope_j2), k, reach, z)
    share_hz = limit_hz / math.expm1(min(z, _STEEP))
    ratio = min(share_hz * z / load_hz, 1.0)
    cost_j2 = plan.cost_j2 + power_j2_hz * limit_hz + price * share_hz
    return share_hz, weight * accuracy(ratio, curve) - cost_j2
