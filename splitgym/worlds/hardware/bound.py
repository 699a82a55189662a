"""The hardware world's bound: the best configuration of every request, served at once and without switching.

Proof.  The return is the sum of the requests' rewards: (E_ref - E) / E_ref in time, else the penalty.  A request's
noise is drawn before any decision, and latency and energy of a configuration are the kernel's own ``service``.
Waiting only shortens what is left of the threshold, a reconfiguration only adds time and energy; both are left out.
Other choices are played as the configurations that they mean.  So no policy gets more for request k than the largest
reward over all configurations (of a table: all measured ones), which is what is summed.  Where requests neither wait
nor switch, the bound is reached.
"""

from __future__ import annotations

import numpy as np

from splitgym.interrupt import pieces
from splitgym.jit import one_record, records
from splitgym.worlds.bound import Bound, summed
from splitgym.worlds.hardware.bound_kernel import best_rewards
from splitgym.worlds.hardware.layout import PARAMS
from splitgym.worlds.hardware.lowering import lower
from splitgym.worlds.hardware.played import lower_runs
from splitgym.worlds.hardware.scenario import HardwareScenario
from splitgym.worlds.hardware.trace import HardwareTrace

METHOD = "best configuration of every request, served at once and without switching"


def bound(scenario: HardwareScenario, trace: HardwareTrace) -> Bound:
    """Upper bound on the return of any policy on a trace; ``per_task`` are the best rewards of the requests.

    Raises ``ValueError`` if the trace does not fit the scenario.
    """
    params = lower(scenario)
    trace.check(params)
    requests = records(trace.requests())
    best, (runs, _) = np.empty(len(requests)), lower_runs(scenario.hardware)
    record, choices = one_record(params, PARAMS), 6 * int(params.n_clocks) * (int(params.last_split) + 1)
    for part in pieces(len(best), 4 * choices):
        best_rewards(requests[part], runs, record, best[part])
    return Bound(summed(best), np.zeros(0), best, METHOD)
