"""The inference world's bound: every task served at once, by the best decision, with all gains known.

Proof that E*_k of :func:`splitgym.worlds.inference.bound_kernel.least_task_j` is at most the charged energy of any
correct answer to task k, whatever the policy, the episode options and the tasks before:

* Waiting shortens the remaining time only: slots, gains and the predictor's errors are counted from the start of
  service.  What can be done in D - w can be done in D, slot for slot.  For a fixed packet controller more slots may be
  worse; here the powers are free, so that more slots never are.
* A change of the clock takes no time, and no battery runs empty: both only take decisions away.
* For each device cut and clock the device's time and energy are the kernel's own.  If a device exit answers, nothing
  else is spent.  If not, and the cut is the last one, the answer is the full network's.
* Otherwise at least c channels must arrive, c the least number with u <= A(c / C), for an answer at an edge exit needs
  u <= share A <= A as well.  They must arrive in slots between the device's end and the deadline less the planned
  tail (and, where the real tail is longer, less that).  Any powers in [0, p_max] in any of these slots that carry the
  bits cost at least the water-filling energy.  Tracking, constant power, early stop and partial or whole reception
  are such powers.
* Infrastructure energy, where it is charged, is bounded by the cheapest edge cut.
* Sums and curves are rounded.  Complexities and each part of E* are taken a hair lower (``SLACK``) than they are, and
  :func:`splitgym.worlds.bound.return_rounding` allows for the sum of the rewards.

Where jitter, exits and edge cuts interact the parts are minimised one by one, which can only lower E*.
"""

from __future__ import annotations

import numpy as np

from splitgym.interrupt import aside, pieces
from splitgym.jit import one_record, records
from splitgym.worlds.bound import Bound, debt_bound
from splitgym.worlds.inference.bound_kernel import least_drawn_energies, least_energies
from splitgym.worlds.inference.layout import PARAMS
from splitgym.worlds.inference.lowering import lower, n_slots
from splitgym.worlds.inference.scenario import InferenceScenario
from splitgym.worlds.inference.trace import DRAW_SLOT, InferenceTrace, draw_tasks

METHOD = "energy price; each task served at once by the best decision, water-filling over known gains"


def bound(scenario: InferenceScenario, trace: InferenceTrace) -> Bound:
    """Upper bound on the return of any policy on a trace; ``per_task`` are least energies [J].

    Raises ``ValueError`` if the trace does not fit the scenario.
    """
    params = lower(scenario)
    trace.check(params)
    least_j = np.empty(trace.n_tasks)
    energies_of(records(trace.tasks()), trace.fading, params, least_j)
    return _bound_of(least_j, params)


def bound_of_key(scenario: InferenceScenario, key: np.uint64) -> Bound:
    """:func:`bound` of the trace that is drawn from a key, which is not made: no plug-in and no log may draw in it."""
    params = lower(scenario)
    tasks, least_j = draw_tasks(scenario, key, params), np.empty(params.n_tasks)
    gains, record = np.empty(n_slots(scenario)), one_record(params, PARAMS)
    work = search_work(len(gains), params) + DRAW_SLOT * len(gains)
    for part in pieces(len(tasks), work):
        drawn = (key, part.start, tasks[part], gains, params.bandwidth_hz, record, least_j[part])
        aside(least_drawn_energies, *drawn, work=work)
    return _bound_of(least_j, params)


def _bound_of(least_j: np.ndarray, params: np.record) -> Bound:
    value, price = debt_bound(least_j, float(params.budget_j), float(params.debt_price))
    return Bound(value, np.array([price]), least_j, METHOD)


def search_work(slots: int, params: np.record) -> int:
    """Elementary steps of a task's bound, about, where it may use so many ``slots``."""
    return 16 * slots * (int(params.last_cut) + 1) * int(params.n_clocks)


def energies_of(tasks: np.ndarray, fading: np.ndarray, params: np.record, out: np.ndarray) -> None:
    """Least energies [J] of tasks (n,) TASK with gains (n, n_slots) into ``out`` (n,)."""
    work, record = search_work(fading.shape[1], params), one_record(params, PARAMS)
    for part in pieces(len(tasks), work):
        gains = fading[part].copy()  # a trace's own are read-only, which would be compiled anew
        aside(least_energies, tasks[part], gains, params.bandwidth_hz, record, out[part], work=work)
