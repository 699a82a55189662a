"""The inference world's clairvoyant: greedy under a price of energy and a price of time, both searched.

Method.  The Lagrangian of the energy debt turns the return into a sum over tasks of correct - lambda E, lambda at most
beta / Ebar (:func:`splitgym.worlds.bound.debt_bound`).  What couples the tasks besides is the device, which one task
occupies while the next ones wait; a second price, of that time, stands for it.  Given both prices, each task takes the
decision that is worth most on the realised trace, in the state that earlier tasks left.  Prices are tried on a coarse
grid, one after the other, and the best return is kept: feasible, not optimal.
"""

from __future__ import annotations

import numpy as np

from splitgym.interrupt import aside, pieces
from splitgym.jit import one_record, records
from splitgym.worlds.clairvoyant import Clairvoyant
from splitgym.worlds.inference.clairvoyant_kernel import BEST, follow
from splitgym.worlds.inference.kernel import LOG_COLUMNS
from splitgym.worlds.inference.layout import DECISION, OUTCOME, PARAMS, STATE
from splitgym.worlds.inference.lowering import lower
from splitgym.worlds.inference.scenario import InferenceScenario
from splitgym.worlds.inference.trace import InferenceTrace

ENERGY_SHARES = (0.1, 0.03, 0.3, 0.6, 1.0)  # of beta / Ebar, the price at which energy is worth its debt
TIME_SHARES = (0.3, 0.0, 0.1, 0.6)  # of a correct answer, for the time that a task has on average
_TRIALS = 16  # powers tried of a cut and clock, about


def clairvoyant(scenario: InferenceScenario, trace: InferenceTrace) -> Clairvoyant:
    """Decisions found with the whole trace known; see :class:`splitgym.worlds.clairvoyant.Clairvoyant`.

    Raises ``ValueError`` if the trace does not fit the scenario.
    """
    params = lower(scenario)
    trace.check(params)
    search = _Search(params, trace)
    energy_1_j = float(params.debt_price) / float(params.budget_j)
    time_1_s = trace.n_tasks / float((trace.arrival_s + trace.deadline_s).max())
    for share in TIME_SHARES:
        search.play(ENERGY_SHARES[0] * energy_1_j, share * time_1_s)
    for share in ENERGY_SHARES[1:]:
        search.play(share * energy_1_j, search.best.time_price)
    search.play(search.best.multiplier, search.best.time_price, "constant")
    return search.best


class _Search:
    """Episodes of one trace under several prices; ``best`` is the one of the largest return so far."""

    def __init__(self, params: np.record, trace: InferenceTrace) -> None:
        self._params, self._tasks = one_record(params, PARAMS), records(trace.tasks())
        self._fading, self._noise = trace.fading.copy(), trace.noise.copy()
        self._states, self._best = records(np.zeros(2, STATE)), records(np.zeros(1, BEST))
        self._work = _TRIALS * trace.n_slots * (int(params.last_cut) + 1) * int(params.n_clocks)  # of a step
        self._decision, self._outcome = records(np.zeros(1, DECISION)), records(np.zeros(1, OUTCOME))
        self.best = Clairvoyant(-np.inf, 0.0, 0.0, np.zeros(0, DECISION), {})

    def play(self, energy_1_j: float, time_1_s: float, packet_control: str = "tracking") -> None:
        """Play the trace once under a price of energy [1/J] and one of time [1/s]."""
        self._states[:] = np.zeros((), STATE)
        for name in ("early_stop", "progressive", "recorded"):
            self._states[name] = True
        self._states["tracking"] = packet_control == "tracking"
        taken, log = records(np.zeros(len(self._tasks), DECISION)), np.zeros((0, LOG_COLUMNS))
        prices, value, steps = np.array([energy_1_j, time_1_s]), 0.0, 0
        for part in pieces(len(self._tasks), self._work):
            value, steps = aside(
                follow, prices, value, steps, part.stop, self._tasks, self._fading, self._noise, log, self._states,
                self._best, self._decision, self._outcome, taken, self._params, work=self._work,
            )  # fmt: skip
        if value > self.best.value:
            options = {"packet_control": packet_control, "early_stop": True, "progressive": True}
            decisions = taken[:steps].view(np.ndarray).copy()
            self.best = Clairvoyant(value, energy_1_j, time_1_s, decisions, options)
