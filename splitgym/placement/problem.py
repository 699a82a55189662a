"""One application as arrays for the kernel, and what every solver asks first: is there any plan?  (FIN s1.4, s2)

Solvers on the extended graph keep capacities by counting runs, which is exact as long as no node and no link is used
twice: on acyclic arcs, or where cycles cannot be overloaded (:func:`splitgym.placement.cycles.check_cycles`).
"""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np

from splitgym.interrupt import aside
from splitgym.physics.step_cost import within
from splitgym.placement.instance import App, Instance
from splitgym.placement.kernel import Edges, Job, Net, backward, list_edges
from splitgym.placement.plan import Infeasible, Plan, Residual, evaluate


def lower_net(instance: Instance, residual: Residual | None = None) -> Net:
    """Nodes and arcs as arrays, with what is left of their capacities (``None``: all of it)."""
    left, nodes, arcs = Residual.of(instance, residual), instance.nodes, instance.arcs
    order, out_start, arc_head = arcs_by_sender(instance)
    fields = np.array([(a.rate_bit_s, a.prop_s, a.energy_j_bit) for a in arcs], np.float64).reshape(len(arcs), 3)
    rate_bit_s, prop_s, j_bit = np.ascontiguousarray(fields[order].T)
    return Net(
        node_op_s=np.array([node.speed_ops_s for node in nodes], np.float64),
        node_j_op=np.array([node.energy_j_op for node in nodes], np.float64),
        node_limit_op_s=np.ascontiguousarray(left.node_ops_s, np.float64),
        node_limit_bit=np.ascontiguousarray(left.memory_bits, np.float64),
        out_start=out_start,
        arc_head=arc_head,
        arc_rate_bit_s=rate_bit_s,
        arc_prop_s=prop_s,
        arc_j_bit=j_bit,
        arc_limit_bit_s=np.asarray(left.arc_bit_s, np.float64)[order],
        arc_place=order,
    )


def arcs_by_sender(instance: Instance) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arcs (A,) in the order of their senders, first of every sender (N + 1,), receivers (A,) in that order."""
    places = {node.id: k for k, node in enumerate(instance.nodes)}
    tails = np.array([places[arc.from_node] for arc in instance.arcs], np.int64)
    heads = np.array([places[arc.to_node] for arc in instance.arcs], np.int64)
    order = np.argsort(tails, kind="stable").astype(np.int64)
    out_start = np.searchsorted(tails[order], np.arange(len(places) + 1)).astype(np.int64)
    return order, out_start, heads[order]


def lower_job(instance: Instance, app: int, config: int) -> Job:
    """One application under one exit configuration as arrays over its blocks."""
    task = instance.apps[app]
    dnn = instance.dnns[task.dnn]
    reach_ratio = np.array(dnn.reach(config), np.float64)
    return Job(
        source=instance.index(task.source),
        pinned=task.pinned_first_blocks,
        rate_hz=float(task.rate_hz),
        reach_ratio=reach_ratio,
        weight_ratio=np.ones_like(reach_ratio) if instance.latency_mode == "worst" else reach_ratio,
        work_op=np.array(dnn.work(config), np.float64),
        sent_bit=np.array(dnn.sizes()[: len(reach_ratio)], np.float64),
        memory_bit=np.array([block.memory_bits for block in dnn.blocks[: len(reach_ratio)]], np.float64),
    )


def accurate_configs(instance: Instance, app: int) -> list[int]:
    """Exit configurations that meet the application's accuracy target, from 0."""
    task = instance.apps[app]
    configs = instance.dnns[task.dnn].exit_configs
    return [c for c, config in enumerate(configs) if within(task.accuracy, config.accuracy)]


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """One application under one exit configuration, lowered.

    Attributes:
        config: exit configuration, from 0.
        edges: its extended graph.
        fastest: least latency, energy of that path, edge that begins it, of every vertex (K + 1, S).
        thriftiest: least energy, latency of that path, edge that begins it, of every vertex (K + 1, S).
    """

    config: int
    edges: Edges

    @cached_property
    def fastest(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return backward(self.edges, self.edges.delay_s, self.edges.energy_j)

    @cached_property
    def thriftiest(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return backward(self.edges, self.edges.energy_j, self.edges.delay_s)

    @property
    def least_latency_s(self) -> float:
        """Least latency of a placement [s]; inf where none exists."""
        return float(self.fastest[0][0, self.edges.source])

    @property
    def least_energy_j(self) -> float:
        """Least energy of a placement [J]; inf where none exists."""
        return float(self.thriftiest[0][0, self.edges.source])

    def follow(self, leading: np.ndarray) -> list[int]:
        """Edges from the source to the end, given the edge that begins the path at every vertex (K + 1, S)."""
        path, x = [], self.edges.source
        for b in range(len(self.edges.start) - 1):
            path.append(int(leading[b, x]))
            x = self.edges.head[path[-1]]
        return path


@dataclasses.dataclass(frozen=True, eq=False)
class Survey:
    """The problems of one application, and its plans without a latency target.

    Attributes:
        instance: the instance.
        app: place of the application.
        residual: capacities that count, ``None`` for the full ones.
        problems: those that have a placement at all, by ascending least energy.
    """

    instance: Instance
    app: int
    residual: Residual | None
    problems: list[Problem]

    @property
    def task(self) -> App:
        """The application."""
        return self.instance.apps[self.app]

    @cached_property
    def least_latency_s(self) -> float:
        """Least latency of an accurate placement [s]."""
        return min(problem.least_latency_s for problem in self.problems)

    def plan(self, problem: Problem, path: np.ndarray | list[int], method: str) -> Plan:
        """The plan of a path, with the referee's figures."""
        nodes = self.instance.nodes
        names = tuple(nodes[problem.edges.node[problem.edges.head[e]]].id for e in path)
        return evaluate(self.instance, self.app, problem.config, names, self.residual, method)[0]

    def least_latency(self, method: str) -> Plan:
        """The fastest plan; among those the thriftiest."""
        best = min(self.problems, key=lambda p: (p.least_latency_s, p.fastest[1][0, p.edges.source]))
        return self.plan(best, best.follow(best.fastest[2]), method)

    def least_energy(self, method: str) -> Plan:
        """The thriftiest plan; among those the fastest."""
        best = min(self.problems, key=lambda p: (p.least_energy_j, p.thriftiest[1][0, p.edges.source]))
        return self.plan(best, best.follow(best.thriftiest[2]), method)

    def in_time(self, latency_s: float) -> bool:
        """Whether a latency meets the application's target."""
        return bool(within(latency_s, self.task.latency_s))


def edges_of(net: Net, job: Job, one_copy: bool) -> Edges:
    """:func:`splitgym.placement.kernel.list_edges`, so that Ctrl-C is heard."""
    n_blocks = len(job.work_op)
    copies = 1 if one_copy else n_blocks
    return aside(list_edges, net, job, one_copy, work=4 * n_blocks * copies * (len(net.node_op_s) + len(net.arc_head)))


def survey(instance: Instance, app: int, residual: Residual | None = None) -> Survey | Infeasible:
    """The problems of application ``app``, or why none has a placement (targets of latency aside)."""
    name, configs = instance.apps[app].id, accurate_configs(instance, app)
    if not configs:
        return Infeasible(name, "accuracy", None)
    net = lower_net(instance, residual)
    problems = [Problem(c, edges_of(net, lower_job(instance, app, c), False)) for c in configs]
    problems = [problem for problem in problems if np.isfinite(problem.least_energy_j)]
    if not problems:
        return Infeasible(name, "capacity", None)
    return Survey(instance, app, residual, sorted(problems, key=lambda problem: problem.least_energy_j))
