"""Exact references: labels, mixed-integer programme, exhaustive search, least latency, least energy (FIN s5)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from splitgym.interrupt import aside
from splitgym.physics.step_cost import within
from splitgym.placement.cycles import binding_cycle
from splitgym.placement.instance import Instance, check_instance
from splitgym.placement.kernel import Edges, extend_labels
from splitgym.placement.milp import joint
from splitgym.placement.plan import Infeasible, Plan, Reason, Residual, app_index, evaluate
from splitgym.placement.problem import Problem, Survey, accurate_configs, survey
from splitgym.ranges import TARGET

#: Placements that :func:`exhaustive` agrees to try.
MOST_PLACEMENTS = 300_000
_NO_TARGET_S = TARGET.high


def optimum(instance: Instance, app: int | str | None = None, residual: Residual | None = None) -> Plan | Infeasible:
    """The cheapest feasible plan of one application.

    By label setting.  Where a capacity can bind on a cycle, labels only bound the energy from below: their plan is the
    optimum if it keeps the capacities, else mixed-integer programming decides.  ``app`` may be left out where there is
    only one; for several together see :func:`optimum_all`.  ``residual``: capacities left by other applications.
    Raises ``ValueError`` for an unknown application.
    """
    place = _only(instance, app)
    result = optimum_by_labels(instance, place, residual)
    return _optimum_by_programme(instance, place, residual) if _open(instance, place, residual, result) else result


def _open(instance: Instance, place: int, residual: Residual | None, result: Plan | Infeasible) -> bool:
    """Whether a result of the extended graph leaves a question open: on cycles it forgets what was used before."""
    if not binding_cycle(instance, [place], residual):
        return False
    if isinstance(result, Infeasible):
        return True
    return bool(evaluate(instance, place, result.exit_config, result.placement, residual)[1])


def optimum_by_labels(instance: Instance, place: int, residual: Residual | None = None) -> Plan | Infeasible:
    """:func:`optimum` of application ``place`` where no capacity can bind on a cycle, else a lower bound on its energy.

    Its latency and capacity are then those of a path that forgets what it used before it came back to a node.
    """
    found = survey(instance, place, residual)
    if isinstance(found, Infeasible):
        return found
    if not found.in_time(found.least_latency_s):
        return Infeasible(found.task.id, "latency", found.least_latency_s)
    thriftiest = found.least_energy("labels")
    if found.in_time(thriftiest.latency_s):
        return dataclasses.replace(thriftiest, certified=True)
    best = found.least_latency("labels")
    for problem in found.problems:
        if problem.least_energy_j > best.energy_j:
            break  # so are all that follow
        path = _cheapest_labels(found, problem, best.energy_j)
        if path:
            best = min(best, found.plan(problem, path, "labels"), key=lambda plan: plan.energy_j)
    return best


def _only(instance: Instance, app: int | str | None) -> int:
    if app is None and len(instance.apps) > 1:
        raise ValueError(f"name one of {len(instance.apps)} applications, or use optimum_all for all of them together")
    return app_index(instance, 0 if app is None else app)


def _cheapest_labels(found: Survey, problem: Problem, limit_j: float) -> list[int]:
    """Edges of the cheapest path in time of one configuration; empty where none costs ``limit_j`` at most."""
    edges = problem.edges
    state, cost_j, time_s = np.array([edges.source]), np.zeros(1), np.zeros(1)
    history = []
    for b in range(len(edges.start) - 1):
        rest = (found.task.latency_s, limit_j, problem.fastest[0], problem.thriftiest[0])
        work = 16 * len(state) * _most_leaving(edges, b)
        state, cost_j, time_s, before, edge = aside(extend_labels, edges, b, state, cost_j, time_s, *rest, work=work)
        history.append((before, edge))
    if not len(state):
        return []
    path, k = [], int(np.argmin(cost_j))
    for before, edge in reversed(history):
        path.append(int(edge[k]))
        k = int(before[k])
    return path[::-1]


def _most_leaving(edges: Edges, b: int) -> int:
    """Most edges of step ``b`` that leave one state."""
    return int(np.bincount(edges.tail[edges.start[b] : edges.start[b + 1]], minlength=1).max())


# ------------------------------------------------------------------ mixed-integer programme
def _optimum_by_programme(instance: Instance, place: int, residual: Residual | None) -> Plan | Infeasible:
    plans = joint(instance, [place], residual)
    return plans[0] if plans else _refusal(instance, place, residual)


def _refusal(instance: Instance, place: int, residual: Residual | None, reason: Reason = "latency") -> Infeasible:
    """Why an application has no plan; ``reason`` is that of the whole, for one which has a plan on its own."""
    fastest = least_latency(instance, place, residual)
    if isinstance(fastest, Infeasible):
        return fastest
    alone = not within(fastest.latency_s, instance.apps[place].latency_s)
    return Infeasible(fastest.app, "latency" if alone else reason, fastest.latency_s)


def optimum_all(instance: Instance) -> list[Plan] | list[Infeasible]:
    """The plans of all applications with the least total power, sum of rate_hz * energy_j [W] (s5).

    Where they have no common plan: one refusal for each application.  It has its own reason where it has no plan alone;
    else the reason of all, which is "capacity" where nothing fits even without latency targets.  Cyclic arcs are
    allowed.  Raises ``RuntimeError`` if the solver gives up.
    """
    check_instance(instance)
    apps = list(range(len(instance.apps)))
    plans = joint(instance, apps)
    if plans is not None:
        return plans
    reason: Reason = "latency"
    if not all(accurate_configs(instance, app) for app in apps):
        reason = "accuracy"
    elif joint(_relaxed(instance, apps, True), apps) is None:
        reason = "capacity"
    return [_refusal(instance, app, None, reason) for app in apps]


# ------------------------------------------------------------------ without a target of latency
def least_latency(
    instance: Instance, app: int | str = 0, residual: Residual | None = None, accurate: bool = True
) -> Plan | Infeasible:
    """The fastest placement, and the thriftiest of equally fast ones; the latency target does not count.

    Capacities, memory and pins count, and so does the accuracy target unless ``accurate`` is False.
    """
    return _extreme(instance, app_index(instance, app), residual, accurate, "latency")


def least_energy(
    instance: Instance, app: int | str = 0, residual: Residual | None = None, accurate: bool = True
) -> Plan | Infeasible:
    """The thriftiest placement, and the fastest of equally thrifty ones; see :func:`least_latency`."""
    return _extreme(instance, app_index(instance, app), residual, accurate, "energy")


def _extreme(
    instance: Instance, place: int, residual: Residual | None, accurate: bool, minimise: str
) -> Plan | Infeasible:
    free, method = _relaxed(instance, [place], accurate), f"least-{minimise}"
    found = survey(free, place, residual)
    if isinstance(found, Infeasible):
        return found  # without a path there is no placement, cycles or not
    result = found.least_latency(method) if minimise == "latency" else found.least_energy(method)
    if not _open(free, place, residual, result):
        return result
    plans = joint(free, [place], residual, minimise)
    if plans is None:
        return Infeasible(free.apps[place].id, "capacity", None)
    return dataclasses.replace(plans[0], method=method)


def _relaxed(instance: Instance, apps: list[int], accurate: bool) -> Instance:
    """The instance without latency targets of ``apps``, and without their accuracy targets unless ``accurate``."""
    changed = list(instance.apps)
    for app in apps:
        alpha = changed[app].accuracy if accurate else 0.0
        changed[app] = dataclasses.replace(changed[app], latency_s=_NO_TARGET_S, accuracy=alpha)
    return dataclasses.replace(instance, apps=tuple(changed))


# ------------------------------------------------------------------ exhaustive
def exhaustive(instance: Instance, app: int | str = 0, residual: Residual | None = None) -> Plan | Infeasible:
    """The cheapest plan found by trying every placement along the arcs through :func:`evaluate`.

    Raises ``ValueError`` where there are more than :data:`MOST_PLACEMENTS`.
    """
    place = app_index(instance, app)
    free, task = _relaxed(instance, [place], True), instance.apps[place]
    n_walks = _count_walks(instance, place)
    if n_walks > MOST_PLACEMENTS:
        raise ValueError(f"{n_walks} placements are too many to try (limit {MOST_PLACEMENTS}); use optimum")
    if not accurate_configs(instance, place):
        return Infeasible(task.id, "accuracy", None)
    best, least_s = None, math.inf
    for config, placement in _walks(instance, place):
        plan, faults = evaluate(free, place, config, placement, residual, "exhaustive")
        if faults:
            continue
        least_s = min(least_s, plan.latency_s)
        if within(plan.latency_s, task.latency_s) and (best is None or plan.energy_j < best.energy_j):
            best = plan
    if best is not None:
        return best
    return Infeasible(task.id, "latency", least_s) if least_s < math.inf else Infeasible(task.id, "capacity", None)


def _next_nodes(instance: Instance) -> dict[str, list[str]]:
    """Where the next block may run, for every node of the present one."""
    after = {node.id: [node.id] for node in instance.nodes}
    for arc in instance.arcs:
        after[arc.from_node].append(arc.to_node)
    return after


def _count_walks(instance: Instance, place: int) -> int:
    """Placements along the arcs, over the accurate configurations."""
    dnn, after = instance.dnns[instance.apps[place].dnn], _next_nodes(instance)
    depths = [dnn.depth(config) for config in accurate_configs(instance, place)]
    total, ending = 0, {instance.apps[place].source: 1}
    for depth in range(1, max(depths, default=0) + 1):
        longer: dict[str, int] = {}
        for here, count in ending.items():
            for there in after[here]:
                longer[there] = longer.get(there, 0) + count
        ending = longer
        total += sum(ending.values()) * depths.count(depth)
    return total


def _walks(instance: Instance, place: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Accurate configuration and placement, every one along the arcs."""
    dnn, after = instance.dnns[instance.apps[place].dnn], _next_nodes(instance)
    for config in accurate_configs(instance, place):
        walks: list[tuple[str, ...]] = [(instance.apps[place].source,)]
        for _ in range(dnn.depth(config)):
            walks = [(*walk, there) for walk in walks for there in after[walk[-1]]]
        for walk in walks:
            yield config, walk[1:]
