"""Arcs that lead back: where a capacity can bind on a cycle, and what is left of an instance without them.  (FIN s1.3)

On a cycle a placement may come back to a node; solvers on the extended graph forget what it used there before.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from splitgym.physics.step_cost import within
from splitgym.placement.instance import Instance
from splitgym.placement.kernel import acyclic
from splitgym.placement.plan import Residual
from splitgym.placement.problem import arcs_by_sender, lower_job


def check_cycles(instance: Instance, apps: list[int], residual: Residual | None = None) -> None:
    """Refuse cyclic arcs on which a capacity can bind: all blocks of ``apps`` together must fit there.  (s1.3)

    Raises ``ValueError`` naming a cycle and the capacity, for every node and link between nodes of one cycle.
    """
    fault = binding_cycle(instance, apps, residual)
    if fault:
        raise ValueError(f"{fault}, which FIN and labels cannot keep on a cycle; use optimum or optimum_all")


def binding_cycle(instance: Instance, apps: list[int], residual: Residual | None = None) -> str | None:
    """What :func:`check_cycles` complains about, ``None`` where cycles are harmless or absent."""
    _, out_start, arc_head = arcs_by_sender(instance)
    if acyclic(out_start, arc_head):
        return None
    import networkx as nx

    graph = nx.DiGraph([(arc.from_node, arc.to_node) for arc in instance.arcs])
    op_s, memory_bit, bit_s = _all_blocks(instance, apps)
    left = Residual.of(instance, residual)
    for part in nx.strongly_connected_components(graph):
        if len(part) == 1:
            continue
        checks = [
            (f"nodes[{k}].{name}", load, limit[k])
            for k, node in enumerate(instance.nodes)
            if node.id in part
            for name, load, limit in (
                ("capacity_ops_s", op_s, left.node_ops_s),
                ("memory_bits", memory_bit, left.memory_bits),
            )
        ]
        checks += [
            (f"arcs[{k}].capacity_bit_s", bit_s, left.arc_bit_s[k])
            for k, arc in enumerate(instance.arcs)
            if arc.from_node in part and arc.to_node in part
        ]
        for name, load, limit in checks:
            if not within(load, limit):
                cycle = [edge[0] for edge in nx.find_cycle(graph.subgraph(part))]
                return f"arcs: cycle {' -> '.join([*cycle, cycle[0]])}, but {name} can bind ({load:.9g} > {limit:.9g})"
    return None


def forward_part(instance: Instance, app: int, residual: Residual | None = None) -> tuple[Instance, Residual]:
    """The instance without arcs that lead back towards the source of ``app``, and what is left of it: no cycles.

    Kept are arcs to nodes that are more hops away, or as many and later in ``nodes``.
    """
    import networkx as nx

    graph = nx.DiGraph([(arc.from_node, arc.to_node) for arc in instance.arcs])
    graph.add_node(instance.apps[app].source)
    hops = nx.single_source_shortest_path_length(graph, instance.apps[app].source)
    rank = {node.id: (hops[node.id], k) for k, node in enumerate(instance.nodes) if node.id in hops}
    kept = [
        k for k, arc in enumerate(instance.arcs) if arc.from_node in rank and rank[arc.from_node] < rank[arc.to_node]
    ]
    left = Residual.of(instance, residual)
    part = dataclasses.replace(instance, arcs=tuple(instance.arcs[k] for k in kept))
    return part, Residual(left.node_ops_s, left.memory_bits, left.arc_bit_s[kept])


def _all_blocks(instance: Instance, apps: list[int]) -> tuple[float, float, float]:
    """Compute [op/s], memory [bit] and traffic [bit/s] of all blocks together, under the heaviest configurations."""
    heaviest = []
    for app in apps:
        jobs = [lower_job(instance, app, c) for c in range(len(instance.dnns[instance.apps[app].dnn].exit_configs))]
        loads = [
            (
                job.rate_hz * float(job.reach_ratio @ job.work_op),
                float(job.memory_bit.sum()),
                job.rate_hz * float(job.reach_ratio @ job.sent_bit),
            )
            for job in jobs
        ]
        heaviest.append(np.max(loads, axis=0))
    op_s, memory_bit, bit_s = np.sum(heaviest, axis=0)
    return float(op_s), float(memory_bit), float(bit_s)
