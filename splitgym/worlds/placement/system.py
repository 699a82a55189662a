"""The machines and networks of a placement scenario as arrays that a kernel reads, distances to the end included."""

from __future__ import annotations

from collections.abc import Sized
from typing import NamedTuple

import numpy as np

from splitgym.interrupt import aside
from splitgym.jit import records
from splitgym.placement.branchy import BranchyDnn
from splitgym.placement.instance import Arc, Node
from splitgym.ranges import at_most
from splitgym.worlds.placement.kernel import System, fill_rest
from splitgym.worlds.placement.scenario import PlacementScenario

MAX_BLOCKS, MAX_CONFIGS = 16, 16
#: Largest table of routes to the end; filling it takes seconds.
MOST_WORK = 500_000_000

NODE = np.dtype(
    [
        ("tier", "i8"),
        ("speed_op_s", "f8"),  # F_n
        ("energy_j_op", "f8"),  # e_n
        ("capacity_op_s", "f8"),  # C_n
        ("memory_bit", "f8"),  # M_n
    ]
)
ARC = np.dtype(
    [
        ("tail", "i8"),  # sender
        ("head", "i8"),  # receiver
        ("rate_bit_s", "f8"),
        ("prop_s", "f8"),
        ("energy_j_bit", "f8"),
        ("capacity_bit_s", "f8"),
    ]
)
DNN = np.dtype(
    [
        ("n_blocks", "i8"),
        ("n_configs", "i8"),
        ("in_bit", "f8", (MAX_BLOCKS,)),  # s_{b-1}: what enters block b (from 0)
        ("memory_bit", "f8", (MAX_BLOCKS,)),
        ("depth", "i8", (MAX_CONFIGS,)),  # K_c
        ("accuracy", "f8", (MAX_CONFIGS,)),
        ("reach", "f8", (MAX_CONFIGS, MAX_BLOCKS)),  # r_b
        ("work_op", "f8", (MAX_CONFIGS, MAX_BLOCKS)),  # w_b
    ],
    align=True,
)


class _Made(NamedTuple):
    nodes: tuple[Node, ...]
    arcs: tuple[Arc, ...]
    dnns: dict[str, BranchyDnn]
    system: System


#: What they are made of -> machines and networks; generating them takes a while, and every part of a world asks.
_KEPT: dict[tuple[str, str, str], _Made] = {}


def parts(scenario: PlacementScenario) -> tuple[tuple[Node, ...], tuple[Arc, ...], dict[str, BranchyDnn]]:
    """Nodes, arcs and networks by name of a scenario."""
    return _kept(scenario)[:3]


def system_of(scenario: PlacementScenario) -> System:
    """The arrays of a scenario.  They are shared: do not write to them."""
    return _kept(scenario).system


def most_configs(dnns: dict[str, BranchyDnn]) -> int:
    """The largest number of exit configurations of any network."""
    return max(len(dnn.exit_configs) for dnn in dnns.values())


def _kept(scenario: PlacementScenario) -> _Made:
    graph = scenario.graph
    system = "" if graph is None else graph.digest()
    key = (system or scenario.topology.digest(), scenario.networks.digest(), scenario.latency_mode)
    kept = _KEPT.get(key)
    if kept is None:  # threads that ask at once make it twice
        if len(_KEPT) >= 32:
            _KEPT.clear()
        nodes, arcs, dnns = _made(scenario)
        kept = _KEPT[key] = _Made(nodes, arcs, dnns, _system(scenario.latency_mode, nodes, arcs, dnns))
    return kept


def _made(scenario: PlacementScenario) -> tuple[tuple[Node, ...], tuple[Arc, ...], dict[str, BranchyDnn]]:
    from splitgym.placement.generate import random_dnn  # the solvers behind it are not needed to import the package
    from splitgym.placement.profiled import network_from
    from splitgym.placement.published import published_dnn, published_topology
    from splitgym.placement.topology import random_topology

    top, net = scenario.topology, scenario.networks
    file, graph = scenario.instance, scenario.graph
    if graph is not None:
        nodes, arcs = graph.nodes, graph.arcs
    elif top.kind == "random":
        nodes, arcs = random_topology(top.mobile, top.edge, top.cloud, top.seed)
    else:
        nodes, arcs = (file.nodes, file.arcs) if top.kind == "file" and file else published_topology()
    if net.kind == "random":
        dnns = {f"net{i}": random_dnn(net.blocks, net.exits, net.seed + i, net.family) for i in range(net.count)}
    elif net.kind == "published":
        dnns = {name: published_dnn(name, net.energy) for name in net.names}
    elif net.kind == "profile":
        bits = 8.0 if net.bits_per_element is None else net.bits_per_element
        dnns = {profile.name: network_from(profile, bits_per_element=bits) for profile in net.profiles or ()}
    else:
        dnns = dict(file.dnns) if file else {}
    _check(dnns)
    _check_size(nodes, dnns)
    return tuple(nodes), tuple(arcs), dnns


def _check(dnns: dict[str, BranchyDnn]) -> None:
    if not dnns:
        raise ValueError("networks: at least one network is needed")
    for name, dnn in dnns.items():
        if len(dnn.blocks) >= MAX_BLOCKS or len(dnn.exit_configs) > MAX_CONFIGS:
            raise ValueError(
                f"networks: {name!r} has {len(dnn.blocks)} blocks and {len(dnn.exit_configs)} exit configurations, "
                f"the kernel takes {MAX_BLOCKS - 1} and {MAX_CONFIGS}"
            )


def _check_size(nodes: Sized, dnns: dict[str, BranchyDnn]) -> None:
    """Bound the work of finding the routes."""
    widest = len(nodes)
    work = len(dnns) * most_configs(dnns) * MAX_BLOCKS * widest * widest
    at_most(f"topology: {widest} nodes, networks: {len(dnns)}", "a table of routes", work, MOST_WORK, "entries")


def _system(latency_mode: str, nodes: tuple[Node, ...], arcs: tuple[Arc, ...], dnns: dict[str, BranchyDnn]) -> System:
    ids = {node.id: i for i, node in enumerate(nodes)}
    node_rows = [(n.tier, n.speed_ops_s, n.energy_j_op, n.capacity_ops_s, n.memory_bits) for n in nodes]
    arc_rows = [
        (ids[a.from_node], ids[a.to_node], a.rate_bit_s, a.prop_s, a.energy_j_bit, a.capacity_bit_s) for a in arcs
    ]
    arc_of = np.full((len(nodes), len(nodes)), -1, np.int64)
    for i, row in enumerate(arc_rows):
        arc_of[row[0], row[1]] = i
    shape = (len(dnns), most_configs(dnns), MAX_BLOCKS + 1, len(nodes))
    system = System(
        records(np.array(node_rows, NODE)),
        records(np.array(arc_rows, ARC).reshape(len(arcs))),
        arc_of,
        records(np.array([_dnn_row(dnn) for dnn in dnns.values()], DNN)),
        *(np.full(shape, np.inf) for _ in range(3)),
    )
    aside(fill_rest, latency_mode == "worst", system, work=4 * MAX_BLOCKS * len(nodes) * system.rest_s[:, :, 0].size)
    return system


def _dnn_row(dnn: BranchyDnn) -> tuple:
    def padded(values: tuple[float, ...], size: int) -> np.ndarray:
        return np.pad(np.array(values, np.float64), (0, size - len(values)))

    configs = range(len(dnn.exit_configs))
    reach, work = np.zeros((MAX_CONFIGS, MAX_BLOCKS)), np.zeros((MAX_CONFIGS, MAX_BLOCKS))
    for c in configs:
        reach[c], work[c] = padded(dnn.reach(c), MAX_BLOCKS), padded(dnn.work(c), MAX_BLOCKS)
    return (
        len(dnn.blocks),
        len(dnn.exit_configs),
        padded(dnn.sizes(), MAX_BLOCKS),
        padded(tuple(b.memory_bits for b in dnn.blocks), MAX_BLOCKS),
        padded(tuple(dnn.depth(c) for c in configs), MAX_CONFIGS),
        padded(tuple(e.accuracy for e in dnn.exit_configs), MAX_CONFIGS),
        reach,
        work,
    )


def typical(scenario: PlacementScenario) -> tuple[float, float]:
    """Middle of the least latencies [s], times the middle slack, and middle of their energies [J], over all sources."""
    system, apps = system_of(scenario), scenario.applications
    p, slack = min(apps.pinned_first_blocks, 1), (apps.slack_min * apps.slack_max) ** 0.5
    latency_s, energy_j = (table[:, :, p][np.isfinite(table[:, :, p])] for table in (system.rest_s, system.fast_j))
    return max(slack * float(np.median(latency_s)), 1e-9), max(float(np.median(energy_j)), 1e-12)
