"""Upper bounds on the return of any policy, and the Lagrangian of the energy debt that several worlds share."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Bound:
    """A number that no policy can exceed in return on one trace.

    Args:
        value: the bound.
        multiplier: price of energy [1/J] at which it is reached, one for each device; empty where there is none.
        per_task: what the bound is made of: least energies [J] (inf: cannot be answered) or best rewards.
        method: the relaxation in a few words.
    """

    value: float
    multiplier: np.ndarray
    per_task: np.ndarray
    method: str


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
    return value * (1.0 + 1e-12), price
