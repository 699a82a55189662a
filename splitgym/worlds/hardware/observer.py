"""The hardware world's bound for observers: the best configurations where the noise is not known in advance.

Proof.  A request's reward and the time that it takes depend on the configuration, on the one before (whether it
changes), on the wait, and on the noise, which is drawn for each request apart (``noise.hold`` = 1) and seen by nobody
before it acts.  Thresholds and arrivals do not depend on decisions; telling those of later requests in advance can only
help a policy.  What is left is a problem with the state (configuration, wait), whose best expected value backward
induction gives; no policy that acts on observations returns more on average.  The expectation over the noise is a mean
over draws, whose maximum errs upwards.

Where requests do not wait, the state is the configuration alone and the bound is **certified**, in expectation over
traces.  Where they wait, the worth is a table over the wait with lines between its points, so that it is
**estimated**; waits beyond three of the longest thresholds count as that long, which loses nothing but time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from splitgym.jit import one_record, records
from splitgym.seeding import FIRST_VALIDATION_SEED, episode_key, seed_key
from splitgym.worlds.bound import CERTIFIED, ESTIMATED, Bound
from splitgym.worlds.hardware.layout import OUTCOME, PARAMS, REQUEST
from splitgym.worlds.hardware.lowering import lower
from splitgym.worlds.hardware.observer_kernel import MODES, fill_request, first_worth
from splitgym.worlds.hardware.played import lower_runs
from splitgym.worlds.hardware.scenario import HardwareScenario
from splitgym.worlds.hardware.trace import HardwareTrace

METHOD = "backwards over configuration and wait, on average over the noise; requests to come known"
#: Columns of REQUEST that a policy does not see in advance.
HIDDEN = ("stalled", "link_factor", "link_tail_draw", "link_tail_s", "cloud_factor", "node_factor", "edge_offset_w")
#: Draws of the noise for each request; waits in the table; longest wait in it, in thresholds.
DRAWS, POINTS = 128, 129
_LONGEST = 3.0


def kind(scenario: HardwareScenario, action: str) -> str:
    """Whether the bound is certified, in expectation, or estimated; every encoding has the same decisions.

    Raises ``ValueError`` where several requests share a draw of the noise: what was seen tells of what comes then.
    """
    if scenario.noise.enabled and scenario.noise.hold > 1:
        raise ValueError(
            f"the bound for observers needs noise that is drawn for each request, got noise.hold={scenario.noise.hold}"
        )
    return ESTIMATED if scenario.requests.queueing else CERTIFIED


def observer(
    scenario: HardwareScenario,
    action: str = "dict",
    *,
    draws: int = DRAWS,
    points: int = POINTS,
    tell: Callable[[float], None] | None = None,
) -> Observer:
    """The bound for policies that see observations only; ``draws`` of the noise, ``points`` of the wait's table.

    Raises ``ValueError`` as :func:`kind` does.
    """
    kind(scenario, action)
    return Observer(scenario, draws if scenario.noise.enabled else 1, points if scenario.requests.queueing else 1)


@dataclasses.dataclass(frozen=True)
class Observer:
    """The observer's bound in one setting; see :func:`observer`."""

    scenario: HardwareScenario
    draws: int
    points: int

    def bound(self, trace: HardwareTrace) -> Bound:
        """The bound on a trace, of which only what is observed is looked at; ``per_task`` are worths to come.

        Raises ``ValueError`` if the trace does not fit the scenario.
        """
        params, (runs, _) = lower(self.scenario), lower_runs(self.scenario.hardware)
        trace.check(params)
        requests, record, pool = trace.requests(), one_record(params, PARAMS), self._noise(trace.n_requests)
        n, shape = len(requests), (int(params.n_clocks) * MODES, self.points)
        top_s = _LONGEST * float(params.threshold_max_s) if self.points > 1 else 0.0
        gaps_s = np.append(np.diff(requests["arrival_s"]), np.inf)
        behind, here = np.zeros(shape), np.zeros(shape)
        o, worth, per_task = records(np.zeros(1, OUTCOME)), np.empty((2, self.points)), np.empty(n)
        for k in range(n - 1, -1, -1):
            possible = np.repeat(requests[k : k + 1], self.draws)
            for name in HIDDEN:
                possible[name] = pool[name][k * self.draws : (k + 1) * self.draws]
            fill_request(records(possible), float(gaps_s[k]), top_s, behind, here, o, worth, runs, record)
            per_task[k] = first_worth(here, runs, record)
            behind, here = here, behind
        return Bound(float(per_task[0]), np.zeros(0), per_task, METHOD, kind(self.scenario, ""))

    def _noise(self, n: int) -> np.ndarray:
        """Requests (n * draws,) of other episodes, for their noise."""
        parts, have = list[np.ndarray](), 0
        while have < n * self.draws:
            key = episode_key(seed_key(FIRST_VALIDATION_SEED + len(parts)), 0)
            parts.append(HardwareTrace.of_key(self.scenario, key).requests())
            have += len(parts[-1])
        return np.concatenate([part.view(REQUEST) for part in parts])
