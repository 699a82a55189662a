"""FIN's graphs and an instance's network as networkx graphs, for inspection, drawing and tests (s2, s3).

The solvers do not use them: their dynamic programme finds the same energies.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from splitgym.checks import whole_number
from splitgym.placement.branchy import BranchyDnn
from splitgym.placement.cycles import check_cycles
from splitgym.placement.fin import MOST_LEVELS
from splitgym.placement.instance import App, Instance, check_instance, load_instance
from splitgym.placement.kernel import GUARD, list_edges
from splitgym.placement.plan import Residual, app_index, check_config
from splitgym.placement.problem import lower_job, lower_net
from splitgym.quoting import an

if TYPE_CHECKING:
    import networkx as nx

SOURCE, END = "S", "Omega"


def build_extended_graph(
    instance: Instance, app: int | str = 0, config: int = 0, residual: Residual | None = None
) -> nx.DiGraph:
    """The extended graph of one application under one exit configuration, as far as "S" reaches (s2).

    Args:
        instance: the problem.
        app: place or id of the application.
        config: exit configuration, from 0; its accuracy does not matter here.
        residual: capacities that count instead of the instance's.

    Vertices are "S", (b, node id, i) and "Omega"; b is the block, from 1, and i the block at which the present run on
    the node began, 0 where all blocks fit there together (s2.1).  Edges carry ``energy_j`` [J] and ``delay_s`` [s],
    vertices ``level``: the block.  Raises ``ValueError`` for unknown names and for cyclic arcs on which a capacity can
    bind.
    """
    import networkx as nx

    place = app_index(instance, app)
    config = check_config("config", instance.dnns[instance.apps[place].dnn], config)
    check_cycles(instance, list(range(len(instance.apps))) if residual is None else [place], residual)
    edges = list_edges(lower_net(instance, residual), lower_job(instance, place, config), False)
    names = [(instance.nodes[n].id, int(i)) for n, i in zip(edges.node, edges.run, strict=True)]
    graph, depth = nx.DiGraph(), len(edges.start) - 1
    graph.add_node(SOURCE, level=0)
    for b in range(depth):
        for e in range(edges.start[b], edges.start[b + 1]):
            tail, head = (b, *names[edges.tail[e]]) if b else SOURCE, (b + 1, *names[edges.head[e]])
            graph.add_node(head, level=b + 1)
            graph.add_edge(tail, head, energy_j=float(edges.energy_j[e]), delay_s=float(edges.delay_s[e]))
    last = [vertex for vertex, b in graph.nodes(data="level") if b == depth]
    graph.add_node(END, level=depth + 1)
    graph.add_edges_from(((vertex, END) for vertex in last), energy_j=0.0, delay_s=0.0)
    return graph


def build_feasible_graph(
    instance: Instance, app: int | str = 0, config: int = 0, gamma: int = 100, residual: Residual | None = None
) -> nx.DiGraph:
    """The feasible inference graph: the replicas of the extended graph that "S" reaches (s3).

    Arguments as for :func:`build_extended_graph`, and the number of levels ``gamma``.  Vertices are "S",
    (b, node id, i, l) and "Omega", with ``level`` l; edges carry ``energy_j`` [J], ``delay_s`` [s] and ``level``, the
    levels that they take.  The path of least energy from "S" to "Omega" is what FIN finds with rounding "edge".
    """
    import networkx as nx

    gamma = whole_number("gamma", gamma, 1, MOST_LEVELS)
    extended = build_extended_graph(instance, app, config, residual)
    target_s = instance.apps[app_index(instance, app)].latency_s
    graph = nx.DiGraph()
    graph.add_node(SOURCE, level=0)
    waiting: list[tuple[Any, Any, int]] = [(SOURCE, SOURCE, 0)]
    for vertex, replica, level in waiting:  # grows while it is walked through
        for head, weights in extended[vertex].items():
            taken = math.ceil(gamma * weights["delay_s"] / target_s - GUARD)
            if level + taken > gamma:
                continue
            to = END if head == END else (*head, level + taken)
            if to not in graph and to != END:
                waiting.append((head, to, level + taken))
            graph.add_node(to, level=gamma if to == END else level + taken)
            graph.add_edge(replica, to, level=taken, **weights)
    graph.add_node(END, level=gamma)
    return graph


# ------------------------------------------------------------------ the network itself
def to_networkx(instance: Instance) -> nx.DiGraph:
    """Nodes and arcs of an instance with their fields as attributes, in SI units.

    Arcs also carry ``place``, their place in the instance.  Networks and applications are left out.
    """
    import networkx as nx

    check_instance(instance)
    graph = nx.DiGraph()
    for node in instance.nodes:
        graph.add_node(node.id, **_fields(node, ("id",)))
    for k, arc in enumerate(instance.arcs):
        graph.add_edge(arc.from_node, arc.to_node, place=k, **_fields(arc, ("from_node", "to_node")))
    return graph


def _fields(thing: Any, without: tuple[str, ...]) -> dict[str, Any]:
    return {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing) if field.name not in without}


def from_networkx(
    graph: nx.DiGraph,
    dnns: Mapping[str, BranchyDnn],
    apps: Sequence[App],
    *,
    name: str = "",
    note: str = "",
    seed: int | None = None,
    latency_mode: str = "worst",
) -> Instance:
    """An instance on the network of a directed graph; inverse of :func:`to_networkx`.

    Args:
        graph: nodes and edges with the fields of :class:`~splitgym.placement.instance.Node` and
            :class:`~splitgym.placement.instance.Arc` as attributes, in SI units; ``place`` of an edge sorts the arcs.
        dnns: networks by name.
        apps: applications.
        name, note, seed, latency_mode: as in :class:`~splitgym.placement.instance.Instance`.

    Raises ``ValueError`` naming the path of a fault, such as a missing or unknown attribute, or an undirected graph.
    """
    if not graph.is_directed() or graph.is_multigraph():
        raise ValueError(f"graph must be a networkx.DiGraph, got {an(type(graph).__name__)}")
    arcs = [{"from": str(u), "to": str(v), **fields} for u, v, fields in graph.edges(data=True)]
    arcs.sort(key=lambda arc: arc.pop("place", len(arcs)))
    table: dict[str, Any] = {
        "name": name,
        "note": note,
        "latency_mode": latency_mode,
        "nodes": [{"id": str(node), **fields} for node, fields in graph.nodes(data=True)],
        "arcs": arcs,
        "dnns": {key: dnn.to_dict() for key, dnn in dnns.items()},
        "apps": [app.to_dict() for app in apps],
    }
    return load_instance(table if seed is None else {**table, "seed": seed})
