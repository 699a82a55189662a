"""Which of a graph's links become arcs: one for each pair of nodes, and perhaps only those that lead upwards."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from splitgym.placement.graph_account import Book
from splitgym.placement.instance import Arc

#: modelled: features of the published networks and of ResNet-50 have some 100 kbit to some Mbit.
ROUTED_BITS = 1e6


def one_arc_each(arcs: Iterable[Arc], back: Iterable[Arc], places: Mapping[str, int], book: Book) -> list[Arc]:
    """One arc for each ordered pair of nodes, sorted by the places of their ends.

    Args:
        arcs: those of the file; of several between the same nodes the fastest counts, then the one with the least
            delay, then the one of least energy.
        back: the other directions, for pairs that have no arc of their own.
        places: node -> its place.
        book: takes a note of what is left out.
    """
    found: dict[tuple[str, str], list[Arc]] = {}
    for arc in arcs:
        found.setdefault((arc.from_node, arc.to_node), []).append(arc)
    returns: dict[tuple[str, str], list[Arc]] = {}
    for arc in back:
        if (arc.from_node, arc.to_node) not in found:
            returns.setdefault((arc.from_node, arc.to_node), []).append(arc)
    parallel = {tuple(sorted(pair, key=lambda name: places[name])) for pair, some in found.items() if len(some) > 1}
    names = [f"{a} - {b}" for a, b in sorted(parallel, key=lambda pair: [places[name] for name in pair])]
    book.note("of parallel links the fastest counts:", names)
    chosen = [
        min(some, key=lambda arc: (-arc.rate_bit_s, arc.prop_s, arc.energy_j_bit))
        for some in (*found.values(), *returns.values())
    ]
    return sorted(chosen, key=lambda arc: (places[arc.from_node], places[arc.to_node]))


def with_routes(arcs: Sequence[Arc], places: Mapping[str, int], book: Book) -> list[Arc]:
    """The arcs, and one for every route over several of them to a node to which none leads.

    A route is the quickest for :data:`ROUTED_BITS`.  Packets follow one another, so its rate is that of its slowest
    link; delays and energies add up.  Its capacity is that of the tightest link, which other routes do not take from.
    """
    import networkx as nx

    links = {(arc.from_node, arc.to_node): arc for arc in arcs}
    graph = nx.DiGraph()
    graph.add_nodes_from(places)
    for (tail, head), arc in links.items():
        graph.add_edge(tail, head, time_s=ROUTED_BITS / arc.rate_bit_s + arc.prop_s)
    routes = []
    for _, (_, paths) in nx.all_pairs_dijkstra(graph, weight="time_s"):
        for path in paths.values():
            if len(path) > 2 and (path[0], path[-1]) not in links:
                routes.append(_route([links[ends] for ends in itertools.pairwise(path)]))
    book.note(f"routes over several links: {len(routes)}, beside {len(arcs)} over one; each has its links for itself")
    return sorted([*arcs, *routes], key=lambda arc: (places[arc.from_node], places[arc.to_node]))


def _route(hops: Sequence[Arc]) -> Arc:
    """One arc in place of several in a row."""
    return Arc(
        from_node=hops[0].from_node,
        to_node=hops[-1].to_node,
        rate_bit_s=min(arc.rate_bit_s for arc in hops),
        prop_s=sum(arc.prop_s for arc in hops),
        tx_j_bit=hops[0].tx_j_bit,
        rx_j_bit=hops[0].rx_j_bit + sum(arc.energy_j_bit for arc in hops[1:]),
        capacity_bit_s=min(arc.capacity_bit_s for arc in hops),
    )


def upwards(arcs: Sequence[Arc], tiers: Mapping[str, int], places: Mapping[str, int], book: Book) -> list[Arc]:
    """The arcs that lead to a higher tier, and within a tier towards the nodes from where a higher one is nearer.

    Where neither is nearer, they lead to the node that is later in the file.  So there is no cycle.
    """
    rank = {name: (tiers[name], -hops, places[name]) for name, hops in _hops_up(arcs, tiers).items()}
    kept = [arc for arc in arcs if rank[arc.from_node] < rank[arc.to_node]]
    book.note(
        f"links lead up only, to higher tiers and within a tier towards them: {len(kept)} of {len(arcs)} directions"
    )
    return kept


def _hops_up(arcs: Sequence[Arc], tiers: Mapping[str, int]) -> dict[str, int]:
    """Node -> hops within its tier to a node with a link to a higher tier; without one the number of nodes."""
    around: dict[str, set[str]] = {name: set() for name in tiers}
    hops = dict.fromkeys(tiers, len(tiers))
    for arc in arcs:
        tail, head = arc.from_node, arc.to_node
        if tiers[tail] == tiers[head]:
            around[head].add(tail)
        elif tiers[tail] < tiers[head]:
            hops[tail] = 0
    waiting = [name for name, count in hops.items() if count == 0]
    for name in waiting:  # grows while it is walked through
        for other in around[name]:
            if hops[other] > hops[name] + 1:
                hops[other] = hops[name] + 1
                waiting.append(other)
    return hops
