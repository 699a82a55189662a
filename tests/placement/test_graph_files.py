"""GraphML, GML and node-link JSON: the same graph from each, odd but valid files, and faults named with their place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from splitgym.placement.graph_files import read_graph

#: A device, an edge server and a cloud server in a row; written by hand, so that nothing here depends on a writer.
GRAPHML = """<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key id="t" for="node" attr.name="kind" attr.type="string"/>
  <key id="g" for="node" attr.name="gflops" attr.type="double"/>
  <key id="w" for="node" attr.name="watt" attr.type="int"/>
  <key id="m" for="edge" attr.name="mbps" attr.type="double"/>
  <key id="l" for="edge" attr.name="latency_ms" attr.type="double"/>
  <key id="n" for="edge" attr.name="nj" attr.type="double"/>
  <graph edgedefault="undirected">
    <node id="d"><data key="t">device</data><data key="g">1</data><data key="w">1</data></node>
    <node id="e"><data key="t">edge</data><data key="g">10</data><data key="w">20</data></node>
    <node id="c"><data key="t">core</data><data key="g">100</data><data key="w">300</data></node>
    <edge source="d" target="e"><data key="m">10</data><data key="l">50</data><data key="n">100</data></edge>
    <edge source="e" target="c"><data key="m">100</data><data key="l">100</data><data key="n">10</data></edge>
  </graph>
</graphml>
"""
GML = """# by hand
graph [
  node [ id 0 label "d" kind "device" gflops 1.0 watt 1 ]
  node [ id 1 label "e" kind "edge" gflops 10.0 watt 20 ]
  node [ id 2 label "c" kind "core" gflops 100.0 watt 300 ]
  edge [ source 0 target 1 mbps 10.0 latency_ms 50.0 nj 100.0 ]
  edge [ source 1 target 2 mbps 100.0 latency_ms 100.0 nj 10.0 ]
]
"""
NODES: list[dict[str, Any]] = [
    {"id": "d", "kind": "device", "gflops": 1.0, "watt": 1},
    {"id": "e", "kind": "edge", "gflops": 10.0, "watt": 20},
    {"id": "c", "kind": "core", "gflops": 100.0, "watt": 300},
]
LINKS: list[dict[str, Any]] = [
    {"source": "d", "target": "e", "mbps": 10.0, "latency_ms": 50.0, "nj": 100.0},
    {"source": "e", "target": "c", "mbps": 100.0, "latency_ms": 100.0, "nj": 10.0},
]
JSON = json.dumps({"directed": False, "multigraph": False, "graph": {}, "nodes": NODES, "links": LINKS})
FILES = {"net.graphml": GRAPHML, "net.gml": GML, "net.json": JSON}


@pytest.mark.parametrize("name", FILES)
def test_one_graph_in_three_formats(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FILES[name], encoding="utf-8")
    graph = read_graph(tmp_path / name)
    assert not graph.is_directed()
    assert list(graph) == ["d", "e", "c"]
    assert graph.nodes["e"]["gflops"] == 10.0
    assert graph.nodes["c"]["kind"] == "core"
    assert [(u, v, f["mbps"]) for u, v, f in graph.edges(data=True)] == [("d", "e", 10.0), ("e", "c", 100.0)]


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_ending_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    (tmp_path / "net.txt").write_text(FILES[name], encoding="utf-8")
    form = {"net.graphml": "GraphML", "net.gml": "GML", "net.json": "JSON"}[name]
    assert read_graph(tmp_path / "net.txt").graph["form"] == form


@pytest.mark.parametrize("kind", [nx.Graph, nx.DiGraph, nx.MultiGraph, nx.MultiDiGraph])
@pytest.mark.parametrize("ending", ["graphml", "gml", "json"])
def test_what_networkx_writes_is_read(tmp_path: Path, kind: Any, ending: str) -> None:
    graph = kind()
    graph.add_node(7, note="a < b & ü")
    graph.add_edge(7, 3, speed=2.5)
    graph.add_edge(3, 7, speed=1.5)
    if graph.is_multigraph():
        graph.add_edge(7, 3, speed=4.5)
    path = tmp_path / f"net.{ending}"
    if ending == "json":
        path.write_text(json.dumps(nx.node_link_data(graph)), encoding="utf-8")
    else:
        {"graphml": nx.write_graphml, "gml": nx.write_gml}[ending](graph, path)
    read = read_graph(path)
    assert read.is_directed() == graph.is_directed()
    assert [str(node) for node in read] == ["7", "3"]
    assert sorted(f["speed"] for _, _, f in read.edges(data=True)) == sorted(
        f["speed"] for _, _, f in graph.edges(data=True)
    )
    assert next(f for _, f in read.nodes(data=True))["note"] == "a < b & ü"


def test_parallel_links_of_a_graph_that_says_it_has_none(tmp_path: Path) -> None:
    """GML files of the Topology Zoo repeat edges without saying "multigraph 1"."""
    again = GML.replace("  edge [ source 1", "  edge [ source 1 target 0 mbps 20.0 ]\n  edge [ source 1", 1)
    (tmp_path / "net.gml").write_text(again, encoding="utf-8")
    assert sorted(f["mbps"] for _, _, f in read_graph(tmp_path / "net.gml").edges(data=True)) == [10.0, 20.0, 100.0]
    table = json.loads(JSON)
    table["links"].append({"source": "d", "target": "e", "mbps": 20.0, "key": 0})
    table["links"].append({"source": "d", "target": "e", "mbps": 30.0, "key": 0})
    (tmp_path / "net.json").write_text(json.dumps(table), encoding="utf-8")
    found = sorted(f["mbps"] for _, _, f in read_graph(tmp_path / "net.json").edges(data=True))
    assert found == [10.0, 20.0, 30.0, 100.0]


def test_labels_of_gml_name_the_nodes_only_if_each_has_its_own(tmp_path: Path) -> None:
    path = tmp_path / "net.gml"
    path.write_text(GML.replace('label "c"', 'label "e"'), encoding="utf-8")
    assert list(read_graph(path)) == [0, 1, 2]
    assert read_graph(path).graph["_note"].startswith("labels are missing or taken, so ids name the nodes")
    path.write_text(GML.replace(' label "c"', ""), encoding="utf-8")
    assert list(read_graph(path)) == [0, 1, 2]
    path.write_text(GML.replace('label "c"', 'label "Zürich"'), encoding="utf-8")
    assert list(read_graph(path)) == ["d", "e", "Zürich"]


def test_defaults_of_graphml_count_where_a_node_says_nothing(tmp_path: Path) -> None:
    text = GRAPHML.replace('"double"/>\n  <key id="w"', '"double"><default>5</default></key>\n  <key id="w"')
    text = text.replace('<data key="g">10</data>', "")
    (tmp_path / "net.graphml").write_text(text, encoding="utf-8")
    graph = read_graph(tmp_path / "net.graphml")
    assert [graph.nodes[name]["gflops"] for name in "dec"] == [1.0, 5.0, 100.0]


@pytest.mark.parametrize("other", ["", 'xmlns="http://graphml.graphdrawing.org/xmlns/graphml"'])
def test_graphml_without_its_namespace(tmp_path: Path, other: str) -> None:
    text = GRAPHML.replace('xmlns="http://graphml.graphdrawing.org/xmlns"', other)
    (tmp_path / "net.graphml").write_text(text, encoding="utf-8")
    assert list(read_graph(tmp_path / "net.graphml")) == ["d", "e", "c"]


def test_graphml_in_another_encoding(tmp_path: Path) -> None:
    text = GRAPHML.replace("utf-8", "utf-16").replace(">core<", ">Köln<")
    (tmp_path / "net.graphml").write_bytes(text.encode("utf-16"))
    assert read_graph(tmp_path / "net.graphml").nodes["c"]["kind"] == "Köln"


#: Format, what is replaced by what, and what the refusal says.
FAULTS = [
    ("net.graphml", "</graph>", "", r"line 16, column 3: it is not valid XML \(mismatched tag\)"),
    ("net.graphml", "<graphml xmlns=", "<html xmlns=", "not valid XML"),
    ("net.graphml", "graphml", "html", r"not valid XML"),
    ("net.graphml", 'target="e"', 'target="f"', r"<edge> number 1: its target is 'f'; no node has that id"),
    ("net.graphml", 'source="e" target', "target", r"<edge> number 2: its source is missing"),
    ("net.graphml", '<node id="c">', '<node id="d">', r"<node>: the id 'd' stands twice"),
    ("net.graphml", '<node id="c">', "<node>", r"<node> number 3 has no id"),
    ("net.graphml", '>10</data><data key="w">', '>ten</data><data key="w">', r"<node> 'e': 'gflops' must be of type d"),
    ("net.graphml", '<data key="w">1<', '<data key="w">1.5<', r"<node> 'd': 'watt' must be of type int, got '1\.5'"),
    ("net.graphml", 'attr.type="int"', 'attr.type="number"', r"<key> 'w': attr\.type must be int, .*, got 'number'"),
    ("net.graphml", 'key="g">1<', 'key="x">1<', r"<node> 'd': <data> has the key 'x', which no <key> declares"),
    ("net.graphml", ' attr.name="gflops"', "", r"<key> 'g' has no attr\.name"),
    ("net.graphml", "<edge source", "<hyperedge/><edge source", "it holds a <hyperedge>; put a node in its place"),
    ("net.graphml", "</graphml>", "<graph edgedefault='directed'/></graphml>", "must hold one <graph>, got 2"),
    ("net.graphml", "<edge source", "<edge directed='true' source", "number 1 is directed, other than the graph"),
    ("net.gml", "source 1", "source 9", r"not valid GML: edge #1 has undefined source 9"),
    ("net.gml", "node [ id 2", "node [ id 1", r"node id 1 is duplicated"),
    ("net.gml", "id 0", "", r"node #0 has no 'id' attribute"),
    ("net.gml", "watt 20", "watt ] 20", r"at line 4, column"),
    ("net.gml", "graph [", "grape [", "input contains no graph"),
    ("net.gml", "gflops 10.0", "gflops @", r"cannot tokenize @.* at line 4, column"),
    ("net.json", '"target": "e"', '"target": "f"', r"links\[0\]\.target is 'f'; no node has that id"),
    ("net.json", '"source": "e", ', "", r"links\[1\]\.source is missing"),
    ("net.json", '"id": "c"', '"id": "d"', r"nodes\[2\]: the id 'd' stands twice"),
    ("net.json", '"id": "c"', '"id": null', r"nodes\[2\]\.id must be a text or a whole number, got None"),
    ("net.json", '"id": "c"', '"id": [1]', r"nodes\[2\]\.id must be a text or a whole number"),
    ("net.json", '"links": [', '"lines": [', r"must hold 'nodes' and 'links' \(or 'edges'\)"),
    ("net.json", '"nodes": [', '"nodes": [4, ', r"nodes\[0\] must be a table, got 4"),
    ("net.json", '"directed": false', '"directed": "no"', r"directed must be true or false, got 'no'"),
    ("net.json", "}]}", "}]", r"net\.json is not valid JSON: .*line 1 column"),
    ("net.json", '"mbps": 10.0', '"mbps": NaN', "NaN, which is not a number"),
]


@pytest.mark.parametrize(("name", "old", "new", "message"), FAULTS)
def test_faults_are_named_with_file_and_place(tmp_path: Path, name: str, old: str, new: str, message: str) -> None:
    assert old in FILES[name]
    (tmp_path / name).write_text(FILES[name].replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        read_graph(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_number_and_a_text_are_not_the_same_node(tmp_path: Path) -> None:
    table = {"nodes": [{"id": 1}, {"id": 2}], "links": [{"source": "1", "target": 2}]}
    (tmp_path / "net.json").write_text(json.dumps(table), encoding="utf-8")
    with pytest.raises(ValueError, match=r"links\[0\]\.source is '1'; the node's id is 1, write it alike"):
        read_graph(tmp_path / "net.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"time,x\n1,2\n", "neither GraphML nor GML nor node-link JSON; let its name end in .graphml"),
        (b"\x1f\x8b\x08", "is a gzip file; unpack it"),
        (b"", "neither GraphML nor GML"),
        (b'{"nodes": [], "links": []}', "holds no node"),
        (b"<html></html>", r"expected <graphml>, got <html>; write the file with networkx"),
        (b'{"nodes": [{"id": 0}], "arcs": []}', "a placement instance, not a graph: use it as --instance"),
    ],
)
def test_what_is_no_graph(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "net.dat").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_graph(tmp_path / "net.dat")
    with pytest.raises(ValueError, match="no such graph file"):
        read_graph(tmp_path / "gone.gml")
