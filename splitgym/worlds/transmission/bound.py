"""The transmission world's bound: the needed channels by water-filling over gains that are all known.

Proof.  The return is 1 for a correct answer less the price of the radio energy.  A correct answer needs at least the
bits of :func:`splitgym.worlds.inference.bound_kernel.needed_bit`, sent in the episode's slots with powers up to p_max;
any such powers cost at least the water-filling energy.  Without a correct answer the return is at most 0.
"""

from __future__ import annotations

import math

import numpy as np

from splitgym.physics.waterfilling import least_energy_j
from splitgym.worlds.bound import EPSILON, Bound
from splitgym.worlds.inference.bound_kernel import needed_bit
from splitgym.worlds.transmission.kernel import window
from splitgym.worlds.transmission.lowering import lower
from splitgym.worlds.transmission.scenario import TransmissionScenario
from splitgym.worlds.transmission.trace import TransmissionTrace

METHOD = "the channels that the sample needs, water-filling over known gains"


def bound(scenario: TransmissionScenario, trace: TransmissionTrace) -> Bound:
    """Upper bound on the return of any policy on a trace; ``per_task`` (1,) is the least energy [J].

    Raises ``ValueError`` if the trace does not fit the scenario.
    """
    p = lower(scenario)
    trace.check(p)
    x = trace.task()[0]
    first, count = window(float(x["deadline_s"]), float(x["edge_load"]), p)
    count = min(count, trace.n_slots - first)
    bits, least_j = needed_bit(x, int(p.cut), p), math.inf
    if math.isfinite(bits):
        least_j = least_energy_j(
            bits, float(x["gain"]), trace.fading.copy(), first, count, p.bandwidth_hz, p.noise_w_hz, p.slot_s,
            p.power_max_w,
        )  # fmt: skip
    price = float(p.energy_price) / float(p.budget_j)
    value = 0.0
    if math.isfinite(least_j):  # the world adds up a reward for each slot, each rounded
        value = max(1.0 - price * least_j, 0.0) + 2.0 * (count + 4) * EPSILON
    return Bound(value, np.array([price]), np.array([least_j]), METHOD)
