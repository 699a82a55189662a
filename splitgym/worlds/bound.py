"""Upper bounds on the return of any policy, and the Lagrangian of the energy debt that several worlds share."""

from __future__ import annotations

import dataclasses

import numpy as np

#: Whether a bound is proven to its value, or close to a proven one.
CERTIFIED, ESTIMATED = "certified", "estimated"
EPSILON = float(np.finfo(np.float64).eps)


@dataclasses.dataclass(frozen=True)
class Bound:
    """A number that no policy can exceed in return on one trace.

    Args:
        value: the bound.
        multiplier: price of energy [1/J] at which it is reached, one for each device; empty where there is none.
        per_task: what the bound is made of: least energies [J] (inf: cannot be answered) or best rewards.
        method: the relaxation in a few words.
        kind: :data:`CERTIFIED`, or :data:`ESTIMATED` where a part of it is computed on a grid.
    """

    value: float
    multiplier: np.ndarray
    per_task: np.ndarray
    method: str
    kind: str = CERTIFIED


def debt_bound(least_j: np.ndarray, budget_j: float, debt_price: float) -> tuple[float, float]:
    """Upper bound on sum(correct) - beta Q_n / Ebar over n tasks, and the multiplier [1/J] that gives it.

    ``least_j`` (n,) are lower bounds on the energy of a correct answer [J], inf where there is none.

    Proof.  Q' = max(Q + E - Ebar, 0) from Q = 0 gives Q_n >= max(sum E - n Ebar, 0).  For 0 <= lambda <= beta / Ebar
    therefore (beta / Ebar) Q_n >= lambda (sum E - n Ebar), and

        return <= sum_k (correct_k - lambda E_k) + lambda n Ebar <= sum_k max(0, 1 - lambda E*_k) + lambda n Ebar,

    since a correct answer costs at least E*_k and a wrong one at least nothing.  The right side is convex and
    piecewise linear in lambda with slope n Ebar - sum of the E*_k below 1 / lambda, so its least value lies where the
    cheapest tasks use up the budget, or at beta / Ebar.  Every lambda gives a valid bound.
    """
    cheapest = np.sort(least_j[np.isfinite(least_j)])
    total_j, most = budget_j * len(least_j), debt_price / budget_j
    fits = int(np.searchsorted(np.cumsum(cheapest), total_j, side="right"))
    price = most if fits == len(cheapest) else min(most, 1.0 / max(cheapest[fits], 1e-300))
    if fits == len(cheapest):
        price = 0.0
    value = float(np.maximum(1.0 - price * cheapest, 0.0).sum() + price * total_j)
    return value + return_rounding(len(least_j), debt_price), price


def return_rounding(n_tasks: int, debt_price: float, n_devices: int = 1) -> float:
    """How far a return that is added up in floating point may lie above its exact value; ``n_tasks`` of each device.

    A debt that is made and paid back leaves the exact return as it was, but not the sum of its rewards: where no task
    can be answered, returns of 1e-15 are seen, and the bound is 0.  In budgets, with unit roundoff e and final debt D:
    each of n tasks repays at most 1, so that no debt is above n + D; the queue loses at most e n (3 n + 3 D + 1), the
    rewards are wrong by at most 4 e (n + 2 beta n + beta D) together, their partial sums by e n (n + beta n + beta D).
    The part with D is at most the share 4 e (n + 1) of the price beta D; a price lower by this share moves the bound
    by at most 4 e (n + 1) n (1 + beta).  All of it is below 32 e (1 + beta) n^2.  N devices add N of these, and the
    sums over devices, which are wrong by e N in proportion to rewards of N n (1 + 2 beta) at most.
    """
    return 16.0 * EPSILON * (1.0 + debt_price) * n_devices * n_tasks * (n_tasks + n_devices)


def summed(rewards: np.ndarray) -> float:
    """Sum of the largest ``rewards`` (n,), no less than any policy's rewards added up in another order."""
    return float(rewards.sum() + len(rewards) * EPSILON * np.abs(rewards).sum())
