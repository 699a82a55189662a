"""The hardware world's clairvoyant: the best configuration of every request under a price of time, which is searched.

Each request takes the configuration that is worth most on the realised trace, in the state that earlier requests left;
only the price speaks for the requests behind it.  Feasible, not optimal.
"""

from __future__ import annotations

import numpy as np

from splitgym.interrupt import pieces
from splitgym.jit import one_record, records
from splitgym.worlds.clairvoyant import Clairvoyant
from splitgym.worlds.hardware.clairvoyant_kernel import follow
from splitgym.worlds.hardware.layout import DECISION, OUTCOME, PARAMS, STATE
from splitgym.worlds.hardware.lowering import lower
from splitgym.worlds.hardware.played import lower_runs
from splitgym.worlds.hardware.scenario import HardwareScenario
from splitgym.worlds.hardware.trace import HardwareTrace

TIME_SHARES = (0.0, 0.1, 0.3, 1.0, 3.0)  # of the reward's unit, for the time of the mean threshold


def clairvoyant(scenario: HardwareScenario, trace: HardwareTrace) -> Clairvoyant:
    """Decisions found with the whole trace known; see :class:`splitgym.worlds.clairvoyant.Clairvoyant`.

    Raises ``ValueError`` if the trace does not fit the scenario.
    """
    params = lower(scenario)
    trace.check(params)
    requests, record = records(trace.requests()), one_record(params, PARAMS)
    runs, _ = lower_runs(scenario.hardware)
    choices = 6 * int(params.n_clocks) * (int(params.last_split) + 1)
    best = Clairvoyant(-np.inf, 0.0, 0.0, np.zeros(0, DECISION), {})
    for share in TIME_SHARES if scenario.requests.queueing else TIME_SHARES[:1]:
        time_1_s = share / float(trace.threshold_s.mean())
        states, taken = records(np.zeros(2, STATE)), records(np.zeros(trace.n_requests, DECISION))
        scratch = records(np.zeros(1, DECISION)), records(np.zeros(1, OUTCOME))
        value, steps = 0.0, 0
        for part in pieces(trace.n_requests, 64 * choices):
            value, steps = follow(time_1_s, value, steps, part.stop, requests, states, *scratch, taken, runs, record)
        if value > best.value:
            best = Clairvoyant(value, 0.0, time_1_s, taken.view(np.ndarray).copy(), {})
    return best
