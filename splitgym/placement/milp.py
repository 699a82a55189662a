"""The joint placement of several applications as a mixed-integer programme; return arcs are allowed (FIN s5).

Binary y_c chooses an exit configuration, binary z an edge of its extended graph; capacities are rows, so runs need not
be counted.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from splitgym.interrupt import aside
from splitgym.physics.step_cost import TOLERANCE, within
from splitgym.placement.instance import Instance
from splitgym.placement.kernel import Edges, Job
from splitgym.placement.plan import Plan, Residual, evaluate
from splitgym.placement.problem import Problem, accurate_configs, edges_of, lower_job, lower_net

#: Limits and objective are scaled to this size: the solver's tolerances are absolute, about 1e-6.
_SCALE = 1e4
_GAP = 1e-9
_MOST_CUTS = 200
_PATIENCE_S = 3600.0


@dataclasses.dataclass(frozen=True, eq=False)
class _Flow:
    """Columns of one application under one configuration: its choice, then its edges ``kept``."""

    app: int
    config: int
    job: Job
    edges: Edges
    kept: np.ndarray
    choice: int

    @property
    def columns(self) -> np.ndarray:
        return self.choice + 1 + np.arange(len(self.kept))

    @property
    def step(self) -> np.ndarray:
        """Block (from 0) of every kept edge."""
        return np.searchsorted(self.edges.start, self.kept, side="right") - 1


@dataclasses.dataclass(eq=False)
class _Rows:
    """Rows of a sparse matrix in the making."""

    low: list[float] = dataclasses.field(default_factory=list)
    high: list[float] = dataclasses.field(default_factory=list)
    entries: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = dataclasses.field(default_factory=list)

    def new(self, number: int, low: float, high: float) -> int:
        """Add rows with these bounds; the first one's place."""
        self.low += [low] * number
        self.high += [high] * number
        return len(self.low) - number

    def put(self, rows: np.ndarray | int, columns: np.ndarray, values: np.ndarray | float) -> None:
        """Add entries; equal places sum up."""
        places, columns, numbers = np.broadcast_arrays(rows, columns, np.asarray(values, np.float64))
        self.entries.append((places, columns, numbers))

    def constraint(self, n_columns: int) -> tuple[Any, list[float], list[float]]:
        """Sparse matrix, lower and upper bounds, as SciPy wants them."""
        from scipy.sparse import csr_matrix

        rows, columns, values = (np.concatenate([entry[k] for entry in self.entries]) for k in range(3))
        matrix = csr_matrix((values, (rows, columns)), shape=(len(self.low), n_columns))
        return matrix, self.low, self.high


def joint(
    instance: Instance, apps: list[int], residual: Residual | None = None, minimise: str = "energy"
) -> list[Plan] | None:
    """Plans of ``apps`` with the least power [W], or with the least sum of latencies [s]; ``None`` where none exist.

    Args:
        instance: the problem.
        apps: places of the applications.
        residual: capacities left to them, ``None`` for the full ones.
        minimise: "energy" or "latency".

    Raises ``RuntimeError`` if the solver gives up.
    """
    flows = _flows(instance, apps, residual)
    if {flow.app for flow in flows} != set(apps):
        return None
    rows, cost = _programme(instance, apps, flows, Residual.of(instance, residual), minimise)
    for _ in range(_MOST_CUTS):
        chosen = _solve(rows, cost)
        if chosen is None:
            return None
        plans, columns, faults = _read(instance, flows, chosen, residual)
        if not faults:
            return plans
        # the solver's tolerance let it exceed a limit by a hair: forbid exactly this solution
        rows.put(rows.new(1, -np.inf, len(columns) - 1.0), columns, 1.0)
    raise RuntimeError(f"the mixed-integer solver did not keep all limits to {TOLERANCE} in {_MOST_CUTS} attempts")


def _flows(instance: Instance, apps: list[int], residual: Residual | None) -> list[_Flow]:
    """Applications and accurate configurations that have a path in time, capacities of single blocks kept."""
    net, flows, column = lower_net(instance, residual), [], 0
    for app in apps:
        for config in accurate_configs(instance, app):
            job = lower_job(instance, app, config)
            problem = Problem(config, edges_of(net, job, True))
            kept = _in_time(problem, instance.apps[app].latency_s)
            if len(kept):
                flows.append(_Flow(app, config, job, problem.edges, kept, column))
                column += 1 + len(kept)
    return flows


def _in_time(problem: Problem, target_s: float) -> np.ndarray:
    """Edges that lie on some path within the target."""
    edges, togo_s = problem.edges, problem.fastest[0]
    since_s = np.full(togo_s.shape, np.inf)
    since_s[0, edges.source] = 0.0
    kept = []
    for b in range(len(edges.start) - 1):
        part = np.arange(edges.start[b], edges.start[b + 1])
        after_s = since_s[b, edges.tail[part]] + edges.delay_s[part]
        np.minimum.at(since_s[b + 1], edges.head[part], after_s)
        kept.append(part[within(after_s + togo_s[b + 1, edges.head[part]], target_s)])
    return np.concatenate(kept)


def _programme(
    instance: Instance, apps: list[int], flows: list[_Flow], left: Residual, minimise: str
) -> tuple[_Rows, np.ndarray]:
    """Rows of section 5 and the scaled objective."""
    rows, most = _Rows(), _SCALE * (1.0 + TOLERANCE)
    one, late = rows.new(len(apps), 1.0, 1.0), rows.new(len(apps), -np.inf, most)
    n_nodes, n_arcs = len(instance.nodes), len(instance.arcs)
    loaded = [rows.new(number, -np.inf, most) for number in (n_nodes, n_nodes, n_arcs)]
    cost = np.zeros(flows[-1].columns[-1] + 1)
    for flow in flows:
        edges, kept, job, at = flow.edges, flow.kept, flow.job, apps.index(flow.app)
        rows.put(one + at, np.array([flow.choice]), 1.0)
        rows.put(late + at, flow.columns, _SCALE * edges.delay_s[kept] / instance.apps[flow.app].latency_s)
        _conserve(rows, flow)
        load_s = job.rate_hz * job.reach_ratio[flow.step]
        node, arc = edges.node[edges.head[kept]], edges.arc[kept]
        _limit(rows, loaded[0], flow.columns, node, load_s * job.work_op[flow.step], left.node_ops_s)
        _limit(rows, loaded[1], flow.columns, node, job.memory_bit[flow.step], left.memory_bits)
        sent = arc >= 0
        traffic_bit_s = (load_s * job.sent_bit[flow.step])[sent]
        _limit(rows, loaded[2], flow.columns[sent], arc[sent], traffic_bit_s, left.arc_bit_s)
        cost[flow.columns] = job.rate_hz * edges.energy_j[kept] if minimise == "energy" else edges.delay_s[kept]
    return rows, cost * (_SCALE / _size(apps, flows, cost))


def _size(apps: list[int], flows: list[_Flow], cost: np.ndarray) -> float:
    """Lower bound of the objective, or its largest coefficient where the bound is zero."""
    bound = 0.0
    for app in apps:
        least = []
        for flow in flows:
            if flow.app == app:
                at, of_edge = flow.step, cost[flow.columns]
                least.append(sum(of_edge[at == b].min() for b in range(len(flow.job.work_op))))
        bound += min(least)
    return bound or float(cost.max()) or 1.0


def _conserve(rows: _Rows, flow: _Flow) -> None:
    """What is chosen leaves the source, and what enters a vertex before the end leaves it."""
    n_steps, n_states = len(flow.job.work_op), len(flow.edges.node)
    first = rows.new(n_steps * n_states, 0.0, 0.0)
    rows.put(first + flow.edges.source, np.array([flow.choice]), 1.0)
    rows.put(first + flow.step * n_states + flow.edges.tail[flow.kept], flow.columns, -1.0)
    inner = flow.step < n_steps - 1
    entered = (flow.step + 1) * n_states + flow.edges.head[flow.kept]
    rows.put(first + entered[inner], flow.columns[inner], 1.0)


def _limit(
    rows: _Rows, first: int, columns: np.ndarray, place: np.ndarray, load: np.ndarray, limit: np.ndarray
) -> None:
    """Loads as shares of their limits; where the limit is zero only edges without a load are left."""
    share = np.divide(load, limit[place], out=np.zeros(len(load)), where=limit[place] > 0.0)
    rows.put(first + place, columns, _SCALE * share)


def _solve(rows: _Rows, cost: np.ndarray) -> np.ndarray | None:
    """Chosen columns as booleans, ``None`` where the programme is infeasible."""
    from scipy.optimize import Bounds, milp

    solve = functools.partial(
        milp,
        cost,
        integrality=np.ones(len(cost)),
        bounds=Bounds(0.0, 1.0),
        constraints=rows.constraint(len(cost)),
        options={"mip_rel_gap": _GAP, "time_limit": _PATIENCE_S},
    )
    result = aside(solve)  # SciPy's solver lets other threads run, and hears no Ctrl-C itself
    if result.status == 2:
        return None
    if result.status != 0:
        raise RuntimeError(f"the mixed-integer solver gave up: {result.message}")
    return result.x > 0.5


def _read(
    instance: Instance, flows: list[_Flow], chosen: np.ndarray, residual: Residual | None
) -> tuple[list[Plan], np.ndarray, list[str]]:
    """Plans, their columns, and what they break together."""
    left, plans, columns, faults = Residual.of(instance, residual), [], [], []
    for flow in flows:
        if not chosen[flow.choice]:
            continue
        taken = flow.columns[chosen[flow.columns]]
        nodes = flow.edges.node[flow.edges.head[flow.kept[taken - flow.choice - 1]]]
        names = tuple(instance.nodes[n].id for n in nodes)
        plan, broken = evaluate(instance, flow.app, flow.config, names, left, "milp")
        left = left.less(instance, plan)
        plans.append(plan)
        columns.append(taken)
        faults += broken
    return plans, np.concatenate(columns), faults
