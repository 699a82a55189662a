"""Which of a graph's links become arcs: one for each pair of nodes, and perhaps only those that lead upwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from splitgym.placement.graph_account import Book
from splitgym.placement.instance import Arc


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
