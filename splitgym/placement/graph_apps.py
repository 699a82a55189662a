"""Applications with one network on the nodes of a graph: an instance for every solver."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from splitgym.checks import items
from splitgym.names import check_label, check_name
from splitgym.placement.branchy import BranchyDnn
from splitgym.placement.generate import NO_TARGET_S, TIGHTNESS, accuracy_target, latency_target
from splitgym.placement.graph_topology import GraphTopology
from splitgym.placement.instance import App, Instance
from splitgym.quoting import listed, shown
from splitgym.registry import nearest


def graph_instance(
    topology: GraphTopology,
    dnn: BranchyDnn,
    *,
    sources: Sequence[str] = (),
    rate_hz: float = 1.0,
    latency_s: float | None = None,
    accuracy: float | None = None,
    tightness: float = 0.5,
    pinned_first_blocks: int = 0,
    latency_mode: str = "worst",
    name: str = "",
    network: str = "network",
) -> Instance:
    """An instance with one application for each source.

    Args:
        topology: nodes and arcs, see :func:`~splitgym.placement.graph_topology.load_topology`.
        dnn: network of all applications, see :func:`~splitgym.placement.profiled.network_from`.
        sources: nodes at which inputs arise; none: the first of the lowest tier from which a link leads.
        rate_hz: inferences of each application [1/s].
        latency_s: latency target [s]; ``None``: see ``tightness``.
        accuracy: accuracy target; ``None``: a demanding one that the network meets, as in random instances (FIN s7).
        tightness: where no target is given, it lies so far on the way from the least latency (0) to the latency of the
            least-energy plan (1) of the application by itself.
        pinned_first_blocks: blocks that must stay at the source.
        latency_mode: "worst" or "expected" (FIN s1.3).
        name, network: of the instance and of the network in it; no name where it cannot be one.

    Raises ``ValueError`` for an unknown source, for values out of range, and where no target is given and no placement
    is within the capacities.
    """
    if not isinstance(topology, GraphTopology):
        raise ValueError(f"topology must be a GraphTopology, see load_topology, got {shown(topology)}")
    if not isinstance(dnn, BranchyDnn):
        raise ValueError(f"dnn must be a BranchyDnn, see network_from, got {shown(dnn)}")
    check_label("network", network)
    TIGHTNESS.check("tightness", tightness)
    apps = tuple(
        App(
            id=f"a{i}",
            dnn=network,
            source=source,
            rate_hz=rate_hz,
            latency_s=NO_TARGET_S if latency_s is None else latency_s,
            accuracy=accuracy_target(dnn) if accuracy is None else accuracy,
            pinned_first_blocks=pinned_first_blocks,
        )
        for i, source in enumerate(_sources(topology, sources))
    )
    instance = Instance(
        name=name if _can_be_name(name) else "",
        latency_mode=latency_mode,
        nodes=topology.nodes,
        arcs=topology.arcs,
        dnns={network: dnn},
        apps=apps,
    )
    if latency_s is not None:
        return instance
    targets = [latency_target(instance, app, tightness) for app in range(len(apps))]
    for app, target_s in zip(apps, targets, strict=True):
        if target_s is None:
            raise ValueError(
                f"no placement of {network} at {rate_hz:g} inferences a second from {shown(app.source)} is within the "
                f"capacities and meets an accuracy of {app.accuracy:g}; ask for less, or give a latency target"
            )
    known = zip(apps, targets, strict=True)
    return dataclasses.replace(instance, apps=tuple(app.replace(latency_s=target) for app, target in known))


def _sources(topology: GraphTopology, wanted: Sequence[str]) -> list[str]:
    ids, wanted = [node.id for node in topology.nodes], items("sources", wanted, "nodes", fewest=0)
    for name in wanted:
        if name not in ids:
            raise ValueError(f"unknown source {shown(name)}{nearest(name, ids)} (nodes: {listed(ids)})")
    if wanted:
        return wanted
    lowest = min(node.tier for node in topology.nodes)
    lowest_ids = [node.id for node in topology.nodes if node.tier == lowest]
    senders = {arc.from_node for arc in topology.arcs}
    return [next((name for name in lowest_ids if name in senders), lowest_ids[0])]


def _can_be_name(name: str) -> bool:
    try:
        check_name("name", name)
    except ValueError:
        return False
    return True
