"""Plans, refusals, what is left of the capacities, and the referee that judges a plan (FIN s1.2-1.4).

The referee is written in plain Python over the whole plan and shares nothing with the solvers' step formulas, so that
their agreement means something.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from splitgym.checks import items
from splitgym.numbers import plain_array
from splitgym.physics.step_cost import TOLERANCE
from splitgym.placement.branchy import BranchyDnn
from splitgym.placement.instance import App, Instance, check_instance
from splitgym.quoting import listed, shown
from splitgym.registry import nearest

Reason = Literal["accuracy", "capacity", "latency"]


@dataclasses.dataclass(frozen=True)
class Plan:
    """A placement with an exit configuration, and what it costs per inference.

    Attributes:
        app: id of the application.
        exit_config: place in the network's ``exit_configs``, from 0.
        placement: node ids of block 1..K_c.
        energy_j: E [J], the sum of ``compute_j`` and ``comm_j``.
        latency_s: D [s] in the instance's latency mode.
        latency_worst_s: latency of the deepest sample [s].
        latency_expected_s: latency weighted by the reach of every block [s].
        accuracy: a_c.
        method: what made the plan.
        certified: the least-energy plan of all met the target, so no plan is cheaper (s3.1).
        levels_used: level of FIN's last replica, None where no level was counted.
    """

    app: str
    exit_config: int
    placement: tuple[str, ...]
    energy_j: float
    compute_j: float
    comm_j: float
    latency_s: float
    latency_worst_s: float
    latency_expected_s: float
    accuracy: float
    method: str
    certified: bool = False
    levels_used: int | None = None


@dataclasses.dataclass(frozen=True)
class Infeasible:
    """No plan, and why, in the order of section 1.4.

    Attributes:
        app: id of the application.
        reason: "accuracy": no configuration is accurate enough; "capacity": no placement keeps pins, arcs, capacity and
            memory; "latency": the least latency exceeds the target, or FIN found no path within its levels.
        least_latency_s: least latency of an accurate placement [s], None where there is none.
        exact: whether no plan exists for certain.  False: FIN without shortcuts (or after other applications) found
            none, although there may be one.
    """

    app: str
    reason: Reason
    least_latency_s: float | None
    exact: bool = True


@dataclasses.dataclass(frozen=True, eq=False)
class Residual:
    """What applications placed earlier leave of C, M and B.

    Attributes:
        node_ops_s: compute left (N,) [op/s].
        memory_bits: memory left (N,) [bit].
        arc_bit_s: link capacity left (A,) [bit/s].
    """

    node_ops_s: np.ndarray
    memory_bits: np.ndarray
    arc_bit_s: np.ndarray

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            values = plain_array(getattr(self, field.name), f"residual.{field.name}", "fiu").astype(np.float64)
            if values.ndim != 1 or not (values >= 0.0).all():
                raise ValueError(f"residual.{field.name} must be a list of numbers >= 0, got {shown(values)}")
            object.__setattr__(self, field.name, values)

    @classmethod
    def of(cls, instance: Instance, given: Residual | None = None) -> Residual:
        """The full capacities of an instance, or those ``given``.  Raises ``ValueError`` unless they are its own."""
        check_instance(instance)
        if given is not None:
            if not isinstance(given, cls):
                raise ValueError(f"residual must be a Residual or None, got {shown(given)}")
            return given._fitting(instance)
        return cls(
            np.array([node.capacity_ops_s for node in instance.nodes], np.float64),
            np.array([node.memory_bits for node in instance.nodes], np.float64),
            np.array([arc.capacity_bit_s for arc in instance.arcs], np.float64),
        )

    def _fitting(self, instance: Instance) -> Residual:
        """Itself: what compiled loops read must have an entry for every node and arc."""
        n_nodes, n_arcs = len(instance.nodes), len(instance.arcs)
        for field, size in zip(dataclasses.fields(self), (n_nodes, n_nodes, n_arcs), strict=True):
            if len(getattr(self, field.name)) != size:
                raise ValueError(
                    f"residual.{field.name} must have {size} numbers, the instance has {n_nodes} nodes and {n_arcs} "
                    f"arcs, got {len(getattr(self, field.name))}"
                )
        return self

    def less(self, instance: Instance, plan: Plan) -> Residual:
        """What is left after ``plan``; never negative."""
        used = _loads(instance, instance.apps[app_index(instance, plan.app)], plan.exit_config, plan.placement)
        limits = (self.node_ops_s, self.memory_bits, self.arc_bit_s)
        return Residual(*(np.maximum(limit - load, 0.0) for limit, load in zip(limits, used, strict=True)))


def app_index(instance: Instance, app: int | str) -> int:
    """Place of an application given by place or id.  ``ValueError`` for an unknown one lists the known ones."""
    check_instance(instance)
    names = [a.id for a in instance.apps]
    if isinstance(app, str):
        if app not in names:
            raise ValueError(f"unknown app {shown(app)}{nearest(app, names)} (known: {listed(names)})")
        return names.index(app)
    if not isinstance(app, (int, np.integer)) or isinstance(app, bool) or not 0 <= app < len(names):
        raise ValueError(f"app must be 0..{len(names) - 1} or one of {listed(names)}, got {shown(app)}")
    return int(app)


def check_config(name: str, dnn: BranchyDnn, config: Any) -> int:
    """The place of an exit configuration.  Raises ``ValueError``, which calls it ``name``, for an unknown one."""
    last = len(dnn.exit_configs) - 1
    if not isinstance(config, (int, np.integer)) or isinstance(config, bool) or not 0 <= config <= last:
        raise ValueError(f"{name} must be 0..{last}, got {shown(config)}")
    return int(config)


def evaluate(
    instance: Instance,
    app: int | str,
    exit_config: int,
    placement: Sequence[str],
    residual: Residual | None = None,
    method: str = "given",
) -> tuple[Plan, list[str]]:
    """Figures of a placement and every constraint that it breaks, in words (s1.2, s1.3).

    Args:
        instance: the problem.
        app: place or id of the application.
        exit_config: exit configuration, from 0.
        placement: node ids of block 1..K_c.
        residual: capacities that count instead of the instance's.
        method: name to keep in the plan.

    A transfer without an arc is named and left out of the figures.  Raises ``ValueError`` for unknown names and for a
    placement of the wrong length.
    """
    place = app_index(instance, app)
    task = instance.apps[place]
    dnn = instance.dnns[task.dnn]
    exit_config = check_config("exit_config", dnn, exit_config)
    placement = _names(dnn, exit_config, placement)
    compute_j, comm_j, worst_s, expected_s = _figures(instance, task, dnn, exit_config, placement)
    plan = Plan(
        app=task.id,
        exit_config=exit_config,
        placement=tuple(placement),
        energy_j=compute_j + comm_j,
        compute_j=compute_j,
        comm_j=comm_j,
        latency_s=worst_s if instance.latency_mode == "worst" else expected_s,
        latency_worst_s=worst_s,
        latency_expected_s=expected_s,
        accuracy=dnn.exit_configs[exit_config].accuracy,
        method=method,
    )
    faults = _missed_targets(task, place, plan) + _broken_order(instance, task, plan)
    return plan, faults + _overloads(instance, task, plan, Residual.of(instance, residual))


def _names(dnn: BranchyDnn, exit_config: int, placement: Any) -> list[str]:
    """A placement as a list; ``ValueError`` unless it has a text for every block."""
    placement = items("placement", placement, "node ids", fewest=0)
    if wrong := [name for name in placement if not isinstance(name, str)]:
        raise ValueError(f"placement must be a list of node ids, got {shown(wrong[0])} in it")
    if len(placement) != dnn.depth(exit_config):
        raise ValueError(
            f"placement must name {dnn.depth(exit_config)} nodes for exit_config {exit_config}, got {len(placement)}"
        )
    return placement


def _figures(
    instance: Instance, task: App, dnn: BranchyDnn, config: int, placement: Sequence[str]
) -> tuple[float, float, float, float]:
    """Compute energy [J], transfer energy [J], worst and expected latency [s]."""
    nodes, arcs = {node.id: node for node in instance.nodes}, {(a.from_node, a.to_node): a for a in instance.arcs}
    compute_j = comm_j = worst_s = expected_s = 0.0
    here = task.source
    for name, share, ops, bits in zip(placement, dnn.reach(config), dnn.work(config), dnn.sizes(), strict=False):
        if name not in nodes:
            raise ValueError(f"unknown node {shown(name)}{nearest(name, nodes)}")
        step_s = ops / nodes[name].speed_ops_s
        compute_j += share * ops * nodes[name].power_w / nodes[name].speed_ops_s
        arc = arcs.get((here, name)) if name != here else None
        if arc is not None:
            comm_j += share * bits * (arc.tx_j_bit + arc.rx_j_bit)
            step_s += bits / arc.rate_bit_s + arc.prop_s
        worst_s += step_s
        expected_s += share * step_s
        here = name
    return compute_j, comm_j, worst_s, expected_s


def _exceeds(value: float, limit: float) -> bool:
    return value > limit + TOLERANCE * limit


def _missed_targets(task: App, place: int, plan: Plan) -> list[str]:
    faults = []
    if _exceeds(plan.latency_s, task.latency_s):
        faults.append(f"apps[{place}].latency_s: {plan.latency_s:.9g} s exceed the target of {task.latency_s:.9g} s")
    if _exceeds(task.accuracy, plan.accuracy):
        faults.append(f"apps[{place}].accuracy: {plan.accuracy:.9g} is below the target of {task.accuracy:.9g}")
    return faults


def _broken_order(instance: Instance, task: App, plan: Plan) -> list[str]:
    pinned = plan.placement[: task.pinned_first_blocks]
    faults = [
        f"block {b} is pinned to {task.source!r}, but placed on {name!r}"
        for b, name in enumerate(pinned, 1)
        if name != task.source
    ]
    arcs = {(arc.from_node, arc.to_node) for arc in instance.arcs}
    steps = zip((task.source, *plan.placement), plan.placement, strict=False)
    return faults + [
        f"no arc leads from {here!r} to {there!r}, where block {b} is"
        for b, (here, there) in enumerate(steps, 1)
        if here != there and (here, there) not in arcs
    ]


def _overloads(instance: Instance, task: App, plan: Plan, left: Residual) -> list[str]:
    loads = _loads(instance, task, plan.exit_config, plan.placement)
    names = ("nodes[{}].capacity_ops_s: load [op/s]", "nodes[{}].memory_bits: use [bit]")
    names += ("arcs[{}].capacity_bit_s: load [bit/s]",)
    limits = (left.node_ops_s, left.memory_bits, left.arc_bit_s)
    return [
        f"{name.format(k)} {load:.9g} exceeds {limit:.9g}"
        for name, used, limit_of in zip(names, loads, limits, strict=True)
        for k, (load, limit) in enumerate(zip(used.tolist(), limit_of.tolist(), strict=True))
        if _exceeds(load, limit)
    ]


def _loads(
    instance: Instance, task: App, config: int, placement: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute [op/s] and memory [bit] that a placement takes of every node, bit/s of every link."""
    nodes = {node.id: k for k, node in enumerate(instance.nodes)}
    arcs = {(arc.from_node, arc.to_node): k for k, arc in enumerate(instance.arcs)}
    dnn, here = instance.dnns[task.dnn], task.source
    ops_s, bits, arc_bit_s = np.zeros(len(nodes)), np.zeros(len(nodes)), np.zeros(len(arcs))
    rows = zip(placement, dnn.reach(config), dnn.work(config), dnn.sizes(), dnn.blocks, strict=False)
    for name, share, ops, sent_bits, block in rows:
        ops_s[nodes[name]] += task.rate_hz * share * ops
        bits[nodes[name]] += block.memory_bits
        if (here, name) in arcs:
            arc_bit_s[arcs[here, name]] += task.rate_hz * share * sent_bits
        here = name
    return ops_s, bits, arc_bit_s
