"""A graph from elsewhere as nodes and arcs of the placement problem, with an account of where each value comes from."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splitgym.checks import file_path, table
from splitgym.named_files import NamedFile, named_file
from splitgym.placement.graph_account import Account, Book
from splitgym.placement.graph_arcs import one_arc_each, upwards, with_routes
from splitgym.placement.graph_files import read_graph
from splitgym.placement.graph_map import ALSO_READ, LINK_KEYS, NODE_KEYS, GraphMap, tier_number
from splitgym.placement.graph_values import Source, attributes, refuse_unmatched, source_of, value_of
from splitgym.placement.instance import Arc, Node
from splitgym.placement.tiers import TierTable, load_tiers, tiers_by_neighbours
from splitgym.placement.topology import MOST_NODES
from splitgym.quoting import shown
from splitgym.ranges import Range, one_warning_per_key
from splitgym.reading import naming
from splitgym.strict import from_mapping

if TYPE_CHECKING:
    import networkx as nx

#: What is filled in where an attribute is missing: value, and where it comes from.
Fill = Callable[[], tuple[float, str]]


@dataclasses.dataclass(frozen=True)
class GraphTopology:
    """Nodes and arcs of a graph.

    Attributes:
        nodes: in the order of the file.
        arcs: in the order of their senders, then of their receivers.
        accounts: where every value comes from.
        notes: what else was understood, one line each.
    """

    nodes: tuple[Node, ...]
    arcs: tuple[Arc, ...]
    accounts: tuple[Account, ...]
    notes: tuple[str, ...]

    def digest(self) -> str:
        """SHA-256 (hex) over nodes and arcs."""
        parts = [part.decisive() for part in (*self.nodes, *self.arcs)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def load_topology(path: str | Path, mapping: GraphMap | Mapping[str, Any] | None = None) -> GraphTopology:
    """Nodes and arcs of a GraphML, GML or node-link JSON file.

    Args:
        path: the file.
        mapping: what its attributes mean, also as a table; ``None``: those with the names of the fields count.

    Raises ``ValueError`` naming file, node or link, attribute and what to do.
    """
    file = path if isinstance(path, NamedFile) else named_file(str(file_path("graph", path)), "no such graph file")
    graph = read_graph(file)
    with naming(file):
        return topology_of(graph, mapping)


#: Attributes that name a thing, which formats write or leave out as they like.
_NAMING = ("id", "key", "label", "name")
#: File and mapping -> topology; scenarios are made again and again.
_KEPT: dict[tuple[str, str, str], GraphTopology] = {}


def kept_topology(file: NamedFile, mapping: GraphMap | None = None) -> GraphTopology:
    """:func:`load_topology` of a file that has been read already; the last ones are kept."""
    key = (file.sha256, Path(file).suffix, map_of(mapping).digest())
    kept = _KEPT.get(key)
    if kept is None:
        if len(_KEPT) >= 32:
            _KEPT.clear()
        kept = _KEPT[key] = load_topology(file, mapping)
    return kept


def topology_of(graph: nx.Graph | nx.DiGraph, mapping: GraphMap | Mapping[str, Any] | None = None) -> GraphTopology:
    """Nodes and arcs of a networkx graph of any of its four kinds; see :func:`load_topology`."""
    import networkx as nx

    if not isinstance(graph, nx.Graph):
        raise ValueError(f"graph must be a networkx graph, see read_graph, got {shown(graph)}")
    return _Reader(graph, map_of(mapping)).topology()


def map_of(mapping: GraphMap | Mapping[str, Any] | None) -> GraphMap:
    """A mapping from a table, from ``None``, or itself.  Raises ``ValueError`` for anything else."""
    return mapping if isinstance(mapping, GraphMap) else from_mapping(GraphMap, table("mapping", mapping), "mapping")


class _Reader:
    """One graph and one mapping."""

    def __init__(self, graph: Any, mapping: GraphMap) -> None:
        MOST_NODES.check("the number of nodes", graph.number_of_nodes())
        self.graph, self.mapping, self.book = graph, mapping, Book()
        self.table: TierTable = load_tiers(mapping.table)
        self.filled = f"tier table {self.table.name}"
        self.attributes = {
            "node": attributes(fields for _, fields in graph.nodes(data=True)),
            "edge": attributes(fields for _, _, fields in graph.edges(data=True)),
        }
        self.sources = {**self._sources("node", NODE_KEYS), **self._sources("edge", LINK_KEYS)}
        limits = [*dataclasses.fields(Node), *dataclasses.fields(Arc)]
        self.limits: dict[str, Range] = {f.name: f.metadata["limits"] for f in limits if "limits" in f.metadata}
        self.missing = mapping.missing_words()
        self.used: tuple[set[int], set[tuple[int, int]]] = set(), set()

    def topology(self) -> GraphTopology:
        names = self._names()
        tiers = self._tiers(names)
        with one_warning_per_key():
            nodes = tuple(self._node(names[node], tiers, fields) for node, fields in self.graph.nodes(data=True))
            arcs = self._arcs(names, tiers)
        self._note_unread()
        self.book.notes += self.table.words(*self.used)
        return GraphTopology(nodes, arcs, tuple(self.book.accounts()), tuple(self.book.notes))

    def _sources(self, what: str, keys: dict[str, str]) -> dict[str, list[Source]]:
        """Field -> the attributes that may hold it."""
        found: dict[str, list[Source]] = {}
        for key, field in keys.items():
            here = self.attributes[what]
            found[field] = [source_of(f"mapping.{key}", text, here) for text in getattr(self.mapping, key)]
            for source in found[field]:
                self._check(f"mapping.{key}", source.attribute, what)
            if not found[field]:
                found[field] = [Source(name) for name in (field, *ALSO_READ.get(key, ())) if name in here]
        return found

    def _note_unread(self) -> None:
        """Name the attributes that say nothing here: one of them may be what an option should have named."""
        read = {source.attribute for sources in self.sources.values() for source in sources}
        read |= {self.mapping.names, self.mapping.tiers or "tier", *_NAMING}
        for what, words in (("node", "nodes"), ("edge", "links")):
            self.book.note(f"attributes of {words} that are not read:", sorted(set(self.attributes[what]) - read))

    def _check(self, path: str, attribute: str, what: str) -> None:
        other = "edge" if what == "node" else "node"
        refuse_unmatched(path, attribute, what, self.attributes[what], (other, self.attributes[other]))

    # -------------------------------------------------------------- names and tiers
    def _names(self) -> dict[Any, str]:
        """Node of the graph -> its name."""
        ids, attribute = {node: str(node) for node in self.graph}, self.mapping.names
        bare = [
            ids[node]
            for node, fields in self.graph.nodes(data=True)
            if all(value is None or str(value) in ("", ids[node]) for value in fields.values())
        ]
        self.book.note("nodes without any attribute:", bare)
        if not attribute:
            if "_note" in self.graph.graph:  # of read_graph
                self.book.note(str(self.graph.graph["_note"]))
            return ids
        self._check("mapping.names", attribute, "node")
        texts = {node: str(fields.get(attribute) or "").strip() for node, fields in self.graph.nodes(data=True)}
        taken = list(texts.values())
        own = {node: bool(text) and taken.count(text) == 1 and text not in ids.values() for node, text in texts.items()}
        kept = [ids[node] for node in ids if not own[node] and texts[node] != ids[node]]
        self.book.note(f"nodes that keep their ids, since their {attribute} is missing or taken:", kept)
        return {node: texts[node] if own[node] else ids[node] for node in ids}

    def _tiers(self, names: dict[Any, str]) -> dict[str, int]:
        attribute = self.mapping.tiers or ("tier" if "tier" in self.attributes["node"] else "")
        if not attribute:
            return self._tiers_by_neighbours(names)
        self._check("mapping.tiers", attribute, "node")
        words, tiers = self.mapping.tier_words(), dict[str, int]()
        for node, fields in self.graph.nodes(data=True):
            name, value = names[node], fields.get(attribute)
            text = str("" if value is None else value).strip().lower()
            lacks = text in self.missing and text not in words
            path = f"node {shown(name)}: {attribute}"
            tiers[name] = tier_number(path, self.mapping.tier_else if lacks else value, words)
            self.book.add("tier", f"tier_else, {self.mapping.tier_else}" if lacks else attribute, name)
        return tiers

    def _tiers_by_neighbours(self, names: dict[Any, str]) -> dict[str, int]:
        neighbours = {name: set[str]() for name in names.values()}
        for u, v in self.graph.edges():
            if u != v:
                neighbours[names[u]].add(names[v])
                neighbours[names[v]].add(names[u])
        tiers = tiers_by_neighbours(list(neighbours), neighbours)
        for name in tiers:
            self.book.add("tier", "number of neighbours (modelled)", name)
        return tiers

    # -------------------------------------------------------------- values
    def _value(self, thing: str, fields: Mapping[str, Any], field: str, fill: Fill, *, tell: bool = True) -> float:
        """A field of a node or link; ``thing`` is "node 'a'"; ``tell``: note where it comes from."""
        name = thing.partition(" ")[2]
        for source in self.sources[field]:
            path = f"{thing}: {source.words}"
            value = value_of(path, fields.get(source.attribute), source, self.limits[field].unit, self.missing)
            if value is not None:
                if tell:
                    self.book.add(field, source.words, name)
                return self.limits[field].check(path, value, tell=False)
        value, origin = fill()
        if tell:
            self.book.add(field, origin, name)
        return value

    def _node(self, name: str, tiers: dict[str, int], fields: Mapping[str, Any]) -> Node:
        values: dict[str, float] = {}
        for field in ("speed_ops_s", "power_w", "memory_bits"):
            values[field] = self._value(
                f"node {name}",
                fields,
                field,
                lambda f=field: self._usual(tiers[name], f),
            )
        speed = values["speed_ops_s"]
        capacity = self._value(f"node {name}", fields, "capacity_ops_s", lambda: (speed, "the speed"))
        return Node(id=name, tier=tiers[name], capacity_ops_s=capacity, **values)

    def _usual(self, tier: int, field: str) -> tuple[float, str]:
        self.used[0].add(tier)
        return getattr(self.table.machine(tier), field), self.filled

    def _arc(self, ends: tuple[str, str], tiers: dict[str, int], fields: Mapping[str, Any], link: str) -> Arc:
        """One direction of a link; ``link`` is what it is called in the account, empty for a second direction."""
        low, high = (tiers[name] for name in ends)
        up = low <= high

        def fill(field: str) -> tuple[float, str]:
            usual = self.table.link(low, high)
            self.used[1].add((low, high))
            own = {"tx_j_bit": "low_j_bit" if up else "high_j_bit", "rx_j_bit": "high_j_bit" if up else "low_j_bit"}
            return getattr(usual, own.get(field, field)), self.filled

        thing, tell = f"edge {link or ' - '.join(ends)}", bool(link)
        values: dict[str, float] = {}
        for field in ("rate_bit_s", "prop_s", "tx_j_bit", "rx_j_bit"):
            values[field] = self._value(thing, fields, field, lambda f=field: fill(f), tell=tell)
        rate = values["rate_bit_s"]
        capacity = self._value(thing, fields, "capacity_bit_s", lambda: (rate, "the rate"), tell=tell)
        return Arc(from_node=ends[0], to_node=ends[1], capacity_bit_s=capacity, **values)

    def _arcs(self, names: dict[Any, str], tiers: dict[str, int]) -> tuple[Arc, ...]:
        directed, loops, arcs, back = self.graph.is_directed(), list[str](), list[Arc](), list[Arc]()
        for u, v, fields in self.graph.edges(data=True):
            ends = names[u], names[v]
            if u == v:
                loops.append(names[u])
                continue
            arcs.append(self._arc(ends, tiers, fields, f"{ends[0]} {'->' if directed else '-'} {ends[1]}"))
            if not directed or self.mapping.arcs != "file":
                back.append(self._arc((ends[1], ends[0]), tiers, fields, ""))
        self.book.note("links from a node to itself are left out:", loops)
        places = {name: place for place, name in enumerate(names.values())}
        if not directed:
            arcs, back = [*arcs, *back], []
        arcs = one_arc_each(arcs, back, places, self.book)
        if self.mapping.routes == "all":
            arcs = with_routes(arcs, places, self.book)
        ways = "directed" if directed else "undirected"
        if self.mapping.arcs == "up":
            arcs = upwards(arcs, tiers, places, self.book)
        elif directed and self.mapping.arcs == "file":
            self.book.note("directed: links lead as the file says (arcs = both: both ways)")
        else:
            self.book.note(f"{ways}: every link leads both ways (arcs = up: to higher tiers only)")
        return tuple(arcs)
