"""The multi-user world's bound: the smaller of an energy bound and a band bound.

Proof.  The return is the sum of the devices' returns, each of which telescopes as in the inference world.

* Energy: a device that had the whole band to itself in every frame, an idle edge and free choice could do whatever
  it can do with its share, so the inference world's bound holds for each device over the frames in which it has a
  task.  (Its proof is in :mod:`splitgym.worlds.inference.bound`; less bandwidth never carries more.)
* Band: debts are never negative, so the return is at most the number of correct answers.  Device n answers correctly
  in a frame only with at least w_n of the band, the least bandwidth with which full power in every slot carries the
  bits of some cut (0 where the device can do it alone).  The shares of a frame sum to at most B, so no more devices
  answer than the largest number whose least bandwidths, the smallest first, sum to at most B.

Waiting at the edge only delays, and the reserve for it is part of the planned tail.
"""

from __future__ import annotations

import numpy as np

from splitgym.interrupt import aside, pieces
from splitgym.jit import one_record, records
from splitgym.worlds.bound import Bound, debt_bound, return_rounding
from splitgym.worlds.inference.bound import energies_of, search_work
from splitgym.worlds.inference.bound_kernel import least_bands
from splitgym.worlds.inference.layout import PARAMS
from splitgym.worlds.multiuser.lowering import lower
from splitgym.worlds.multiuser.scenario import MultiUserScenario
from splitgym.worlds.multiuser.trace import MultiUserTrace

METHOD = (
    "smaller of: energy price with the whole band for each device; most devices whose least bandwidths fit the band"
)


def bound(scenario: MultiUserScenario, trace: MultiUserTrace) -> Bound:
    """Upper bound on the return of any policy on a trace; ``per_task`` (N, M) are least energies [J].

    Raises ``ValueError`` if the trace does not fit the scenario.
    """
    params = lower(scenario)
    trace.check(params)
    one, tasks = one_record(params.one, PARAMS), trace.tasks()
    work = search_work(trace.n_slots, params.one)
    here = trace.present != 0.0
    least_j, least_hz = np.full(here.shape, np.inf), np.full(here.shape, np.inf)
    for n in range(trace.n_users):
        own = records(np.ascontiguousarray(tasks[n]))
        energies_of(own, trace.fading[n], params.one, least_j[n])
        for part in pieces(trace.n_frames, work):
            aside(least_bands, own[part], trace.fading[n][part].copy(), one, least_hz[n][part], work=work)
    least_j[~here], least_hz[~here] = np.inf, np.inf
    budget_j, price = float(params.one.budget_j), float(params.one.debt_price)
    parts = [debt_bound(least_j[n][here[n]], budget_j, price) for n in range(trace.n_users)]
    fits = np.cumsum(np.sort(least_hz, axis=0), axis=0) <= float(params.one.bandwidth_hz) * (1.0 + 1e-9)
    energy = sum(value for value, _ in parts)
    value = min(energy, float(fits.sum())) + return_rounding(trace.n_frames, price, trace.n_users)
    return Bound(value, np.array([p for _, p in parts]), least_j, METHOD)
