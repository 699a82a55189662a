"""The placement world's bound: every application placed at its best on the empty system.

Proof.  The return is the sum over applications of 1 - E / E_ref where one is accepted and of minus the penalty where
it is rejected; E_ref does not depend on decisions.  What other applications hold only takes capacity away, so each
accepted placement is feasible on the empty system, too: it meets the application's latency and accuracy targets, its
own load fits nodes and links, and its first blocks stay where they are pinned.  Its energy is therefore at least that
of the exact optimum of the application alone (label setting, :func:`splitgym.placement.exact.optimum`), whose limits
are loosened here by a millionth, so that no tolerance of the world's own comparisons lets more through.  Without a
feasible plan the application can only be rejected.  Where no two applications compete the bound is reached.

Links in both directions change nothing in this: a move places one block, so a placement is a path over (block, node)
that has as many steps as blocks, however often it comes back to a node.  Labels forget what a path used before it came
back, which only lets more through: where their plan keeps the capacities it is the optimum, and where it does not,
mixed-integer programming finds the optimum to a relative gap of 1e-9 with limits kept to 1e-10, both far below the
millionth that is given away for it.  If the programme gives up, the labels' own energy is the bound.
"""

from __future__ import annotations

import numpy as np

from splitgym.placement.exact import optimum, optimum_by_labels
from splitgym.placement.instance import App, Instance
from splitgym.placement.plan import Plan, Residual
from splitgym.worlds.bound import Bound, summed
from splitgym.worlds.placement.kernel import reference_j
from splitgym.worlds.placement.lowering import lower
from splitgym.worlds.placement.scenario import PlacementScenario
from splitgym.worlds.placement.system import parts, system_of
from splitgym.worlds.placement.trace import PlacementTrace

METHOD = "exact optimum of each application alone on the empty system"
LOOSE = 1e-6  # limits are loosened by this share


def bound(scenario: PlacementScenario, trace: PlacementTrace) -> Bound:
    """Upper bound on the return of any policy on a trace; ``per_task`` are the best rewards of the applications.

    Raises ``ValueError`` if the trace does not fit the scenario.
    """
    params, system, apps = lower(scenario), system_of(scenario), trace.apps()
    trace.check(params)
    nodes, arcs, _ = parts(scenario)
    capacity = Residual(
        np.array([node.capacity_ops_s for node in nodes]) * (1.0 + LOOSE),
        np.array([node.memory_bits for node in nodes]) * (1.0 + LOOSE),
        np.array([arc.capacity_bit_s for arc in arcs]) * (1.0 + LOOSE),
    )
    best = np.full(len(apps), -float(params.rejection_penalty))
    for k, y in enumerate(apps.view(np.recarray)):
        least_j = _least_j(_alone(scenario, int(params.pinned), y), capacity)
        if least_j < np.inf:
            base_j = reference_j(y, system, params)
            best[k] = max(best[k], 1.0 - least_j / base_j if base_j > 0.0 else 0.0)
    return Bound(summed(best), np.zeros(0), best, METHOD)


def _least_j(alone: Instance, capacity: Residual) -> float:
    """A lower bound on the energy of any plan of the instance's only application [J]; inf: there is none."""
    try:
        plan = optimum(alone, 0, residual=capacity)
    except RuntimeError:  # the mixed-integer solver gave up
        plan = optimum_by_labels(alone, 0, residual=capacity)
    if not isinstance(plan, Plan):
        return np.inf
    return plan.energy_j * (1.0 - (LOOSE if plan.method == "milp" else 1e-9))


def _alone(scenario: PlacementScenario, pinned: int, y: np.record) -> Instance:
    """An application as an instance of its own, with a little more time."""
    nodes, arcs, dnns = parts(scenario)
    name = list(dnns)[int(y.dnn)]
    app = App(
        id="app",
        dnn=name,
        source=nodes[int(y.source)].id,
        rate_hz=float(y.rate_hz),
        latency_s=float(y.latency_s) * (1.0 + LOOSE),
        accuracy=float(y.accuracy) * (1.0 - LOOSE),
        pinned_first_blocks=min(pinned, len(dnns[name].blocks)),
    )
    return Instance(latency_mode=scenario.latency_mode, nodes=nodes, arcs=arcs, dnns={name: dnns[name]}, apps=(app,))
