"""Topology files as networkx graphs: GraphML, GML and node-link JSON, read by networkx.

networkx passes over some faults: an edge to a node that is nowhere, a node that stands twice.  They are refused here,
with the file, the place in it and what to do.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splitgym.checks import file_path
from splitgym.named_files import NamedFile, named_file
from splitgym.quoting import cut, shown, tamed, where
from splitgym.reading import has_suffix, json_of, naming, text_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    import networkx as nx

#: Endings of topology files, and what they hold.
FORMS = {".graphml": "GraphML", ".xml": "GraphML", ".gml": "GML", ".json": "JSON"}
_XML = "{http://graphml.graphdrawing.org/xmlns}"
#: Types of GraphML's attributes that hold numbers.
_NUMBERS = ("int", "integer", "long", "float", "double", "real")


def read_graph(path: str | Path) -> nx.MultiGraph | nx.MultiDiGraph:
    """The graph of a GraphML, GML or node-link JSON file, with its attributes as networkx reads them.

    Links between the same two nodes are all kept, and ``graph.graph["form"]`` says what the file is.  Nodes of GML are
    named by their labels where each has one of its own, else by their ids.  Raises ``ValueError`` naming the file, the
    place and what to do: another format, malformed text, a node that stands twice, a link to a node that is nowhere.
    """
    file = named_file(str(file_path("graph", path)) if not isinstance(path, NamedFile) else path, "no such graph file")
    with naming(file):
        text = text_of(file.content, file)
        form = form_of(file, text)
        graph = _READERS[form](text, file)
        if not graph:
            raise ValueError(f"{where(file)} holds no node, so there is nowhere to place anything")
        graph.graph["form"] = form
        return graph


def form_of(path: str | Path, text: str = "") -> str:
    """ "GraphML", "GML" or "JSON", by the ending of the name, else by how the text begins."""
    for ending, form in FORMS.items():
        if has_suffix(path, ending):
            return form
    begin = text.lstrip()[:1]
    if begin in ("<", "{"):
        return "GraphML" if begin == "<" else "JSON"
    if re.search(r"^\s*graph\s*\[", text[:10_000], re.MULTILINE):
        return "GML"
    raise ValueError(
        f"{where(path)} is neither GraphML nor GML nor node-link JSON; let its name end in "
        f"{', '.join(FORMS)}, or write it with networkx.write_graphml"
    )


# ------------------------------------------------------------------ GraphML
def _graphml(text: str, path: str | Path) -> Any:
    import networkx as nx

    text = re.sub(r"^\s*<\?xml[^>]*\?>", lambda found: "\n" * found[0].count("\n"), text)  # it is decoded already
    root = _xml(text, path)
    if root.tag != f"{_XML}graphml":  # without a namespace, or with that of other writers
        text = _with_namespace(text, root.tag)
        root = _xml(text, path)
    _check_graphml(root)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of ports and untyped keys, which count for nothing here
            graph = nx.parse_graphml(text, force_multigraph=True)
    except Exception as error:  # a KeyError for an unknown type, a ValueError for no number, and their like
        raise ValueError(f"{_culprit(root) or cut(str(error))}; correct the file") from error
    for name, value in graph.graph.get("node_default", {}).items():
        for _, fields in graph.nodes(data=True):
            fields.setdefault(name, value)
    for name, value in graph.graph.get("edge_default", {}).items():
        for _, _, fields in graph.edges(data=True):
            fields.setdefault(name, value)
    return graph


def _xml(text: str, path: str | Path) -> Element:
    from xml.etree import ElementTree

    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        line, column = error.position
        what = str(error).partition(":")[0]
        raise ValueError(f"{where(path)}, line {line}, column {column + 1}: it is not valid XML ({what})") from error


def _with_namespace(text: str, tag: str) -> str:
    other, _, name = tag.rpartition("}")
    if name != "graphml":
        raise ValueError(f"expected <graphml>, got <{cut(name, 80)}>; write the file with networkx.write_graphml")
    if other:
        return text.replace(f'"{other[1:]}"', f'"{_XML[1:-1]}"').replace(f"'{other[1:]}'", f"'{_XML[1:-1]}'")
    return re.sub(r"<graphml\b", f'<graphml xmlns="{_XML[1:-1]}"', text, count=1)


def _check_graphml(root: Element) -> None:
    graphs = root.findall(f"{_XML}graph")
    if len(graphs) != 1:
        raise ValueError(f"it must hold one <graph>, got {len(graphs)}; keep one graph in a file")
    if graphs[0].find(f".//{_XML}hyperedge") is not None:
        raise ValueError("it holds a <hyperedge>; put a node in its place, with an edge to each end")
    _check_nodes(("<node>", node.get("id")) for node in root.iter(f"{_XML}node"))
    known = {node.get("id") for node in root.iter(f"{_XML}node")}
    directed = graphs[0].get("edgedefault") == "directed"
    for place, edge in enumerate(root.iter(f"{_XML}edge"), 1):
        name = f"<edge> {shown(edge.get('id'))}" if edge.get("id") else f"<edge> number {place}"
        for end in ("source", "target"):
            _check_end(f"{name}: its {end}", edge.get(end), known)
        if edge.get("directed", str(directed).lower()) != str(directed).lower():
            raise ValueError(
                f"{name} is {'un' if directed else ''}directed, other than the graph; give it edgedefault='directed' "
                "and an edge for each direction"
            )


def _culprit(root: Element) -> str:
    """The first entry of GraphML that networkx cannot read, in words; empty if none is found."""
    keys = {key.get("id"): key for key in root.iter(f"{_XML}key")}
    for key in keys.values():
        kind = key.get("attr.type", "string")
        if kind not in (*_NUMBERS, "string", "boolean") and key.get("yfiles.type") is None:
            return f"<key> {shown(key.get('id'))}: attr.type must be int, long, double, boolean or string, got {kind!r}"
        if key.get("attr.name") is None and key.get("yfiles.type") is None:
            return f"<key> {shown(key.get('id'))} has no attr.name"
    for thing in (*root.iter(f"{_XML}node"), *root.iter(f"{_XML}edge")):
        what = thing.tag.removeprefix(_XML)
        name = f"<{what}> {shown(thing.get('id') or (thing.get('source'), thing.get('target')))}"
        for data in thing.findall(f"{_XML}data"):
            key = keys.get(data.get("key"))
            if key is None:
                return f"{name}: <data> has the key {shown(data.get('key'))}, which no <key> declares"
            kind, word = key.get("attr.type", "string"), (data.text or "").strip()
            if word and not len(data) and not _is_typed(kind, word):
                return f"{name}: {shown(key.get('attr.name'))} must be of type {kind}, got {shown(word)}"
    return ""


def _is_typed(kind: str, word: str) -> bool:
    if kind == "boolean":
        return word.lower() in ("true", "false", "0", "1")
    if kind not in _NUMBERS:
        return True
    try:
        _ = float(word) if kind in ("float", "double", "real") else int(word)
    except ValueError:
        return False
    return True


# ------------------------------------------------------------------ GML
def _gml(text: str, path: str | Path) -> Any:
    import networkx as nx

    text = text.encode("ascii", "xmlcharrefreplace").decode()  # as the format writes other letters
    if not re.search(r"\bmultigraph\s+[01]\b", text):
        text = re.sub(r"(?m)^(\s*graph\s*\[)", r"\1 multigraph 1 ", text, count=1)
    else:
        text = re.sub(r"\bmultigraph\s+0\b", "multigraph 1", text, count=1)
    try:
        graph = nx.parse_gml(text, label="id")
    except Exception as error:  # NetworkXError, and what its parser stumbles over
        raise ValueError(f"{where(path)} is not valid GML: {_gml_place(str(error))}; correct the file") from error
    labels = [fields.get("label") for _, fields in graph.nodes(data=True)]
    texts = [str(label).strip() for label in labels if label is not None]
    if len(set(texts)) == len(labels) and all(texts):
        return nx.relabel_nodes(graph, dict(zip(graph, texts, strict=True)))
    if texts:
        graph.graph["_note"] = "labels are missing or taken, so ids name the nodes (names = label: where there is one)"
    return graph


def _gml_place(message: str) -> str:
    """networkx's words with the place as it is written elsewhere: ``(3, 7)`` is line 3, column 7."""
    return cut(re.sub(r"at \((\d+), (\d+)\)", r"at line \1, column \2", " ".join(tamed(message).split())), 300)


# ------------------------------------------------------------------ node-link JSON
def _node_link(text: str, path: str | Path) -> Any:
    import networkx as nx

    table = json_of(text, path)
    if "arcs" in table or "instance" in table:
        raise ValueError("it is a placement instance, not a graph: use it as --instance, or as topology.file")
    links = next((key for key in ("links", "edges") if key in table), None)
    if links is None or "nodes" not in table:
        raise ValueError(
            "it must hold 'nodes' and 'links' (or 'edges'), as networkx.node_link_data writes them; "
            f"it holds {shown(list(table))}"
        )
    nodes = _rows(table["nodes"], "nodes")
    for key in ("directed", "multigraph"):
        if not isinstance(table.get(key, False), bool):
            raise ValueError(f"{key} must be true or false, got {shown(table[key])}")
    for place, node in enumerate(nodes):
        if isinstance(node.get("id", ""), (dict, bool, float, list)) or node.get("id", 0) is None:
            raise ValueError(f"nodes[{place}].id must be a text or a whole number, got {shown(node['id'])}")
    names = [node.get("id", place) for place, node in enumerate(nodes)]
    _check_nodes((f"nodes[{place}]", name) for place, name in enumerate(names))
    rows = _rows(table[links], links)
    for place, row in enumerate(rows):
        for end in ("source", "target"):
            _check_end(f"{links}[{place}].{end}", row.get(end), set(names), names)
    rows = [{key: value for key, value in row.items() if key != "key"} for row in rows]  # names, which may be equal
    data = {"directed": table.get("directed", False), "multigraph": True, "graph": {}, "nodes": nodes}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # under which key links stand has changed between versions
        return nx.node_link_graph({**data, "links": rows, "edges": rows})


def _rows(value: Any, path: str) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise ValueError(f"{path} must be a list of tables, got {shown(value)}")
    for place, row in enumerate(value):
        if not isinstance(row, Mapping):
            raise ValueError(f"{path}[{place}] must be a table, got {shown(row)}")
    return value


# ------------------------------------------------------------------ what all have
def _check_nodes(named: Iterable[tuple[str, Any]]) -> None:
    """Refuse nodes without an id, and ids that stand twice, also as a number and a text."""
    seen: set[str] = set()
    for place, (path, name) in enumerate(named, 1):
        if name is None or str(name) == "":
            raise ValueError(f"{path} number {place} has no id; give it one" if "<" in path else f"{path} has no id")
        if str(name) in seen:
            raise ValueError(f"{path}: the id {shown(name)} stands twice; every node needs one of its own")
        seen.add(str(name))


def _check_end(path: str, name: Any, known: set[Any], names: list[Any] | None = None) -> None:
    if name is None:
        raise ValueError(f"{path} is missing; name a node")
    if isinstance(name, (dict, list)) or name not in known:
        other = next((node for node in names or () if str(node) == str(name)), None)
        hint = f"; the node's id is {shown(other)}, write it alike" if other is not None else "; no node has that id"
        raise ValueError(f"{path} is {shown(name)}{hint}")


_READERS: dict[str, Callable[[str, str | Path], Any]] = {"GraphML": _graphml, "GML": _gml, "JSON": _node_link}
