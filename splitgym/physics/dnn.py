"""Computing time and energy, surrogate accuracy, per-sample uncertainty (ENACHI specification, sections 3.1, 4, 5)."""

from __future__ import annotations

import math

from splitgym.jit import jit


@jit
def compute_s(macs, clock_hz, macs_per_cycle):
    """Time of ``macs`` multiply-adds at a clock [s].  (section 3.1)"""
    return macs / macs_per_cycle / clock_hz


@jit
def compute_j(macs, clock_hz, macs_per_cycle, kappa_f):
    """Energy of ``macs`` multiply-adds at a clock [J]: kappa f^2 cycles.  (section 3.1)"""
    return kappa_f * clock_hz * clock_hz * (macs / macs_per_cycle)


@jit
def accuracy(ratio, steepness, full, chance):
    """A_s(beta) [1]: expected top-1 accuracy with a share ``ratio`` in [0, 1] of the features.  (section 4)"""
    return chance + (full - chance) * (math.expm1(-steepness * ratio) / math.expm1(-steepness))


@jit
def ratio_for(target, steepness, full, chance):
    """theta_s(a) [1]: share of the features at which the accuracy reaches ``target``; 0 below chance.  (section 4)"""
    share = (target - chance) / (full - chance)
    if share <= 0.0:
        return 0.0
    return -math.log1p(share * math.expm1(-steepness)) / steepness


@jit
def seen_ratio(complexity, steepness, full, chance, confidently_wrong):
    """theta_seen [1]: ratio at which the server becomes confident of a sample; inf if it never does.  (section 5.2)"""
    if complexity <= full:
        return ratio_for(complexity, steepness, full, chance)
    beyond = (complexity - full) / (1.0 - full)
    if beyond < confidently_wrong:
        return ratio_for(full * beyond / confidently_wrong, steepness, full, chance)
    return math.inf


@jit
def predicts_stop(ratio, theta_seen, noise, log_margin):
    """Early-stop test: log(beta / theta_seen) + noise >= log c.  (section 5.3)"""
    if ratio <= 0.0 or math.isinf(theta_seen):
        return False
    if theta_seen <= 0.0:
        return True
    return math.log(ratio / theta_seen) + noise >= log_margin


@jit
def uncertainty(ratio, theta_seen, noise, exponent):
    """H = 1 / (1 + exp(gamma (log(beta / theta_seen) + noise))) in [0, 1]; 1 as long as nothing has arrived.

    Without ``noise`` this is the uncertainty itself, with the predictor's error what the server believes.  It falls
    to a threshold exactly where :func:`predicts_stop` with that threshold's margin says so.  (sections 5.2, 5.3)
    """
    if ratio <= 0.0 or math.isinf(theta_seen):
        return 1.0
    if theta_seen <= 0.0:
        return 0.0
    return 1.0 / (1.0 + math.exp(min(exponent * (math.log(ratio / theta_seen) + noise), 700.0)))
