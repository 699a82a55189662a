"""Graphs as topologies: attributes in other units, what is filled in and named, directions, and plans by hand."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from splitgym.cli import main
from splitgym.placement import GraphMap, graph_instance, load_topology
from splitgym.placement.branchy import BranchExit, BranchyDnn, ExitConfig, PlacedBlock
from splitgym.placement.exact import optimum
from splitgym.placement.fin import solve_fin
from splitgym.placement.graph_topology import topology_of
from splitgym.placement.graph_values import Source, value_of
from splitgym.placement.instance import Arc, Node, load_instance
from splitgym.placement.kernel import acyclic
from splitgym.placement.plan import Plan
from splitgym.placement.problem import arcs_by_sender
from splitgym.reading import MISSING
from splitgym.recorded.fields import is_missing
from tests.helpers import ROOT
from tests.placement.test_graph_files import FILES, LINKS, NODES

SAMPLE = ROOT.parent / "shared" / "data" / "samples" / "topology.graphml"
#: What the attributes of the three files by hand mean.
MAPPING = {
    "tiers": "kind",
    "tier": "core=cloud",
    "speed": "gflops=1e9",
    "power": "watt",
    "link_rate": "mbps=1e6",
    "link_delay": "latency_ms=1e-3",
    "link_tx": "nj=1e-9",
    "link_rx": "nj=1e-9",
}
#: Two blocks of a billion operations behind an input of 8 Mbit; 1 Mbit between them.
TWO_BLOCKS = BranchyDnn(
    input_bits=8e6,
    blocks=(PlacedBlock(ops=1e9, out_bits=1e6), PlacedBlock(ops=1e9, out_bits=0.0)),
    exits=(BranchExit(after_block=2),),
    exit_configs=(ExitConfig(active=(1,), fractions=(1.0,), accuracy=0.9),),
)


def written(folder: Path, name: str) -> Path:
    (folder / name).write_text(FILES[name], encoding="utf-8")
    return folder / name


def origins(topology: Any, field: str) -> dict[str, tuple[str, ...]]:
    return {account.origin: account.names for account in topology.accounts if account.field == field}


# ------------------------------------------------------------------ one graph, three formats, plans by hand
@pytest.mark.parametrize("name", FILES)
def test_nodes_and_arcs_by_hand(tmp_path: Path, name: str) -> None:
    topology = load_topology(written(tmp_path, name), MAPPING)
    usual = {"capacity_ops_s": 1e9, "memory_bits": 2e8}
    assert topology.nodes[0] == Node(id="d", tier=0, speed_ops_s=1e9, power_w=1.0, **usual)
    assert [node.tier for node in topology.nodes] == [0, 1, 2]
    assert [node.energy_j_op for node in topology.nodes] == [1e-9, 2e-9, 3e-9]
    assert [(arc.from_node, arc.to_node) for arc in topology.arcs] == [("d", "e"), ("e", "d"), ("e", "c"), ("c", "e")]
    first = topology.arcs[0]
    assert (first.rate_bit_s, first.prop_s, first.capacity_bit_s) == pytest.approx((10e6, 0.05, 10e6), rel=1e-15)
    assert (first.tx_j_bit, first.rx_j_bit) == pytest.approx((100e-9, 100e-9), rel=1e-15)
    assert first.replace(from_node="e", to_node="d") == topology.arcs[1]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("latency_s", "placement", "energy_j", "needed_s"),
    [  # device 1 s and 1 J a block, edge .1 s and 2 J, cloud .01 s and 3 J
        (2.0, ("d", "d"), 2.0, 2.0),
        (1.3, ("d", "e"), 1.0 + 0.2 + 2.0, 1.0 + (0.1 + 0.05) + 0.1),
        (1.08, ("e", "e"), 1.6 + 4.0, (0.8 + 0.05) + 0.2),
    ],
)
def test_plans_by_hand(
    tmp_path: Path, name: str, latency_s: float, placement: tuple[str, ...], energy_j: float, needed_s: float
) -> None:
    topology = load_topology(written(tmp_path, name), MAPPING)
    instance = graph_instance(topology, TWO_BLOCKS, latency_s=latency_s, accuracy=0.9, rate_hz=0.1)
    assert instance.apps[0].source == "d"
    for plan in (optimum(instance), solve_fin(instance, gamma=1000, rounding="carry", returns="avoid")):
        assert isinstance(plan, Plan)
        assert plan.placement == placement
        assert plan.energy_j == pytest.approx(energy_j, rel=1e-12)
        assert plan.latency_s == pytest.approx(needed_s, rel=1e-12)


# ------------------------------------------------------------------ what is filled in, and what is said of it
def test_what_is_missing_is_filled_and_named() -> None:
    graph: Any = nx.Graph()
    graph.add_node("a", tier=0, gflops=5)
    graph.add_node("b", tier="edge", gflops="-")
    graph.add_node("x")
    graph.add_edge("a", "b", mbps=7.0)
    graph.add_edge("b", "x", mbps=float("nan"))
    topology = topology_of(graph, {"speed": "gflops=1e9", "link_rate": "mbps=1e6"})
    assert [node.tier for node in topology.nodes] == [0, 1, 1]
    assert [node.speed_ops_s for node in topology.nodes] == [5e9, 153.4e9, 153.4e9]
    assert [node.power_w for node in topology.nodes] == [6.0, 140.0, 140.0]
    assert [node.capacity_ops_s for node in topology.nodes] == [5e9, 153.4e9, 153.4e9]
    assert origins(topology, "tier") == {"tier": ("a", "b"), "tier_else, edge": ("x",)}
    assert origins(topology, "speed_ops_s") == {"gflops x 1e+09": ("a",), "tier table three-tiers": ("b", "x")}
    assert origins(topology, "rate_bit_s") == {"mbps x 1e+06": ("a - b",), "tier table three-tiers": ("b - x",)}
    assert topology.notes[0] == "nodes without any attribute: x"
    assert "three-tiers, edge: 1.534e+11 op/s, 140 W, 2.8e+09 bit" in topology.notes
    assert not any("cloud" in note for note in topology.notes)
    up, down = topology.arcs[0], topology.arcs[1]
    assert (up.from_node, up.tx_j_bit, up.rx_j_bit) == ("a", 30e-9, 37e-9)
    assert (down.from_node, down.tx_j_bit, down.rx_j_bit) == ("b", 37e-9, 30e-9)


def test_several_attributes_and_units() -> None:
    graph: Any = nx.Graph()
    fields = ({"link speed": "10 Gbps"}, {"Bandwidth": 2e6}, {"link speed": "155 Mbit/s", "Bandwidth": 1}, {"note": 1})
    for place, values in enumerate(fields):
        graph.add_edge(place, place + 1, **values)
    topology = topology_of(graph, {"link_rate": ["link speed", "Bandwidth=1e3"], "arcs": "up", "tiers": ""})
    rates = {frozenset((a.from_node, a.to_node)): a.rate_bit_s for a in topology.arcs}
    assert [rates[frozenset((str(i), str(i + 1)))] for i in range(3)] == [10e9, 2e9, 155e6]
    assert list(origins(topology, "rate_bit_s")) == ["link speed", "Bandwidth x 1000", "tier table three-tiers"]
    zoo = nx.Graph([(1, 2, {"LinkSpeedRaw": 45e6, "LinkLabel": "45 Mbps"})])
    assert topology_of(zoo).arcs[0].rate_bit_s == 45e6
    own = nx.DiGraph([(1, 2, {"rate_bit_s": 3e6, "LinkSpeedRaw": 1.0})])
    assert topology_of(own).arcs[0].rate_bit_s == 3e6


@pytest.mark.parametrize(
    ("text", "rate_bit_s"),
    [
        ("1e6", 1e6),
        (" 2.5 Gb/s ", 2.5e9),
        ("100Mbps", 1e8),
        ("1 MB/s", 8e6),
        ("10G Ethernet", 1e10),
        ("10GbE", 1e10),
        ("64 kbit/s", 64e3),
    ],
)
def test_texts_with_units(text: str, rate_bit_s: float) -> None:
    assert topology_of(nx.Graph([(1, 2, {"speed": text})]), {"link_rate": "speed"}).arcs[0].rate_bit_s == rate_bit_s


@pytest.mark.parametrize(
    ("value", "mapping", "message"),
    [
        ("fast", "speed", r"edge 1 - 2: speed must be a number, .* got 'fast'; .* missing = 'fast'"),
        ("2,5", "speed", "got '2,5'"),
        ("10 Gbps", "speed=1e6", "is '10 Gbps', with a unit of its own; leave the factor 1e"),
        ("10 ms", "speed", "perhaps with a unit such as Mbit/s, got '10 ms'"),
        (True, "speed", "must be a number, got True"),
        ([1], "speed", r"must be a number, got \[1\]"),
        (-1.0, "speed", r"edge 1 - 2: speed must be a finite number >= 1 and <= 1e\+18 bit/s, got -1\.0"),
        (float("inf"), "speed", "finite number"),
        (1.0, "speed=0", "must be ATTRIBUTE=FACTOR with a factor > 0, such as gflops=1e9, got 'speed=0'"),
        (1.0, "speed=fast", "must be ATTRIBUTE=FACTOR"),
        (
            1.0,
            "speeds",
            r"mapping\.link_rate: no edge has the attribute 'speeds'; did you mean 'speed'\? \(",
        ),
        (1.0, "load", r"no edge has the attribute 'load'; nodes have it"),
    ],
)
def test_values_that_are_refused(value: Any, mapping: str, message: str) -> None:
    graph: Any = nx.Graph([(1, 2, {"speed": value, "name": "x"})])
    graph.nodes[1]["load"] = 1
    with pytest.raises(ValueError, match=message):
        topology_of(graph, {"link_rate": mapping})


@pytest.mark.parametrize("text", sorted(MISSING))
def test_logs_and_graphs_know_the_same_words_for_nothing(text: str) -> None:
    assert is_missing(text.upper())
    assert value_of("x", text.upper(), Source("speed"), "op/s") is None


def test_infinite_is_missing_in_a_log_alone() -> None:
    assert is_missing("-Inf")
    with pytest.raises(ValueError, match="x must be a number"):
        value_of("x", "-Inf", Source("speed"), "op/s")


def test_a_text_may_be_declared_missing() -> None:
    graph: Any = nx.Graph([(1, 2, {"speed": "DWDM"}), (2, 3, {"speed": "n/a"}), (3, 4, {"speed": 9e6})])
    topology = topology_of(graph, {"link_rate": "speed", "missing": "dwdm"})
    assert origins(topology, "rate_bit_s") == {"tier table three-tiers": ("1 - 2", "2 - 3"), "speed": ("3 - 4",)}


def test_names_with_an_equals_sign() -> None:
    graph: Any = nx.Graph([(1, 2, {"a=b": 2e6, "c=d": 3.0})])
    assert topology_of(graph, {"link_rate": "a=b"}).arcs[0].rate_bit_s == 2e6
    assert topology_of(graph, {"link_rate": "c=d=1e6"}).arcs[0].rate_bit_s == 3e6


# ------------------------------------------------------------------ tiers and names
def test_tiers_from_words_numbers_and_neighbours() -> None:
    graph: Any = nx.Graph([(1, 2), (2, 3), (3, 4), (3, 5)])
    for node, value in {1: "Mobile", 2: 1, 3: "2", 4: True, 5: 1.0}.items():
        graph.nodes[node]["layer"] = value
    topology = topology_of(graph, {"tiers": "layer", "tier": "true=cloud"})
    assert [node.tier for node in topology.nodes] == [0, 1, 2, 2, 1]
    # neighbours: 1, 2, 3, 1, 1; those of 4 and 5 have three, that of 1 has two: 40 % of 5 are mobile, 20 % cloud
    assert [node.tier for node in topology_of(graph).nodes] == [0, 1, 2, 0, 1]
    graph.nodes[1]["layer"] = "core"
    with pytest.raises(ValueError, match=r"node '1': layer must be a tier, .* got 'core'; say .*tier = 'core=cloud'"):
        topology_of(graph, {"tiers": "layer", "tier": "true=cloud"})
    with pytest.raises(ValueError, match=r"no node has the attribute 'level' \(nodes have: 'layer'\)"):
        topology_of(graph, {"tiers": "level"})


def test_nodes_named_by_an_attribute() -> None:
    graph: Any = nx.Graph([(0, 1), (1, 2), (2, 3), (3, 4)])
    for node, label in {0: "Linz", 1: "Graz", 2: "Graz", 3: None, 4: "1"}.items():
        graph.nodes[node]["label"] = label
    topology = topology_of(graph, {"names": "label"})
    assert [node.id for node in topology.nodes] == ["Linz", "1", "2", "3", "4"]
    assert "nodes that keep their ids, since their label is missing or taken: 1, 2, 3, 4" in topology.notes


# ------------------------------------------------------------------ which links become arcs
def test_directions() -> None:
    graph: Any = nx.DiGraph([("c", "e", {"rate_bit_s": 1e6}), ("e", "c", {"rate_bit_s": 2e6}), ("e", "m"), ("m", "m")])
    for node, tier in {"m": 0, "e": 1, "c": 2}.items():
        graph.nodes[node]["tier"] = tier
    found = {}
    for arcs in ("file", "both", "up"):
        topology = topology_of(graph, {"arcs": arcs})
        found[arcs] = {f"{arc.from_node}{arc.to_node}": arc.rate_bit_s for arc in topology.arcs}
        assert "links from a node to itself are left out: m" in topology.notes
    assert found["file"] == {"ce": 1e6, "ec": 2e6, "em": 220e6}
    assert found["both"] == {"ce": 1e6, "ec": 2e6, "em": 220e6, "me": 220e6}
    assert found["up"] == {"ec": 2e6, "me": 220e6}


def test_of_parallel_links_the_fastest_counts() -> None:
    graph: Any = nx.MultiGraph()
    for rate, delay in ((1e6, 0.1), (5e6, 0.3), (5e6, 0.2)):
        graph.add_edge("a", "b", rate_bit_s=rate, prop_s=delay)
    graph.add_edge("b", "a", rate_bit_s=4e6, prop_s=0.1)
    topology = topology_of(graph)
    assert [(arc.from_node, arc.rate_bit_s, arc.prop_s) for arc in topology.arcs] == [("a", 5e6, 0.2), ("b", 5e6, 0.2)]
    assert "of parallel links the fastest counts: a - b" in topology.notes


@pytest.mark.parametrize("seed", range(20))
def test_upward_links_have_no_cycle_and_lose_no_way_up(seed: int) -> None:
    graph = nx.gnp_random_graph(12, 0.25, seed=seed)
    topology = topology_of(graph, {"arcs": "up"})
    instance = graph_instance(topology, TWO_BLOCKS, latency_s=10.0, accuracy=0.5, rate_hz=1e-3)
    _, out_start, arc_head = arcs_by_sender(instance)
    assert acyclic(out_start, arc_head)
    tiers = {node.id: node.tier for node in topology.nodes}
    up = nx.DiGraph([(arc.from_node, arc.to_node) for arc in topology.arcs])
    up.add_nodes_from(tiers)
    for low in (0, 1):  # who reaches a higher tier within the own one still does
        inner = graph.subgraph([node for node in graph if tiers[str(node)] == low])
        for part in nx.connected_components(inner):
            leads = any(tiers[str(other)] > low for node in part for other in graph[node])
            for node in part:
                assert any(tiers[other] > low for other in nx.descendants(up, str(node))) == leads


def test_routes_by_hand(tmp_path: Path) -> None:
    """From the device to the cloud over the edge server, which computes nothing."""
    topology = load_topology(written(tmp_path, "net.gml"), {**MAPPING, "routes": "all", "arcs": "up"})
    found = {f"{arc.from_node}{arc.to_node}": arc for arc in topology.arcs}
    assert list(found) == ["de", "dc", "ec"]
    route = found["dc"]
    assert (route.rate_bit_s, route.capacity_bit_s) == (10e6, 10e6)
    assert route.prop_s == pytest.approx(0.05 + 0.1, rel=1e-12)
    assert route.energy_j_bit == pytest.approx(2 * 100e-9 + 2 * 10e-9, rel=1e-12)
    instance = graph_instance(topology, TWO_BLOCKS, latency_s=1.0, accuracy=0.9, rate_hz=0.1)
    plan = optimum(instance)
    assert isinstance(plan, Plan)
    assert plan.placement == ("c", "c")
    assert plan.latency_s == pytest.approx(0.8 + 0.15 + 2 * 0.01, rel=1e-12)
    assert plan.energy_j == pytest.approx(8e6 * 220e-9 + 2 * 3.0, rel=1e-12)


def test_routes_are_shortest_paths() -> None:
    graph = nx.gnp_random_graph(15, 0.2, seed=3)
    topology = topology_of(graph, {"routes": "all"})
    pairs = {(arc.from_node, arc.to_node) for arc in topology.arcs}
    assert pairs == {(str(u), str(v)) for u in graph for v in nx.node_connected_component(graph, u) if u != v}
    direct = {(arc.from_node, arc.to_node): arc for arc in topology_of(graph).arcs}
    assert {pair: arc for pair, arc in direct.items() if arc not in topology.arcs} == {}
    for u, v, arc in ((arc.from_node, arc.to_node, arc) for arc in topology.arcs):
        if (u, v) in direct:
            continue
        least = min(
            sum(1e6 / direct[hop].rate_bit_s + direct[hop].prop_s for hop in itertools.pairwise(map(str, path)))
            for path in nx.all_simple_paths(graph, int(u), int(v), cutoff=6)
        )
        assert 1e6 / arc.rate_bit_s + arc.prop_s <= least * (1 + 1e-12)


# ------------------------------------------------------------------ tables, sources, refusals
def test_a_tier_table_of_ones_own(tmp_path: Path) -> None:
    table = {
        "name": "mine",
        "machines": [{"tier": 0, "speed_ops_s": 1e9, "power_w": 2.0, "memory_bits": 8e9}],
        "links": [],
        "source": {"machines": "measured: at home"},
    }
    lines = "\n".join(f"{key} = {json.dumps(value).replace(': ', ' = ')}" for key, value in table.items())
    (tmp_path / "mine.toml").write_text(lines, encoding="utf-8")
    graph: Any = nx.Graph([(1, 2, {"rate_bit_s": 1e6, "prop_s": 0, "tx_j_bit": 0, "rx_j_bit": 0})])
    for node in graph:
        graph.nodes[node]["tier"] = 0
    mapping = GraphMap(table=str(tmp_path / "mine.toml"))
    assert [node.power_w for node in topology_of(graph, mapping).nodes] == [2.0, 2.0]
    graph.nodes[2]["tier"] = 3
    with pytest.raises(ValueError, match=r"tier table 'mine' has no machine of tier 3 \(it has: 0\)"):
        topology_of(graph, mapping)
    graph.nodes[2]["tier"] = 0
    del graph.edges[1, 2]["prop_s"]
    with pytest.raises(ValueError, match=r"tier table 'mine' has no link between the tiers 0 and 0"):
        topology_of(graph, mapping)
    (tmp_path / "mine.toml").write_text(lines.replace("power_w", "watt"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"mine\.toml: unknown key 'table\.machines\[0\]\.watt'"):
        topology_of(graph, GraphMap(table=str(tmp_path / "mine.toml")))


def test_sources_and_targets() -> None:
    graph: Any = nx.DiGraph([("b", "a"), ("a", "c")])
    nx.set_node_attributes(graph, {"a": 1, "b": 0, "c": 2}, "tier")
    topology = topology_of(graph)
    two = graph_instance(topology, TWO_BLOCKS, sources=["b", "a"], latency_s=9.0, accuracy=0.9, pinned_first_blocks=1)
    assert [(app.id, app.source, app.pinned_first_blocks) for app in two.apps] == [("a0", "b", 1), ("a1", "a", 1)]
    fast, slow = (graph_instance(topology, TWO_BLOCKS, rate_hz=1e-3, tightness=x).apps[0].latency_s for x in (0.0, 1.0))
    assert fast < slow
    with pytest.raises(ValueError, match=r"unknown source 'x' \(nodes: b, a, c\)|unknown source 'x'"):
        graph_instance(topology, TWO_BLOCKS, sources=["x"])
    with pytest.raises(ValueError, match=r"sources must be a list of nodes, got 'b'"):
        graph_instance(topology, TWO_BLOCKS, sources="b")  # a text is a list of its letters to Python
    with pytest.raises(ValueError, match="no placement of network at 1e\\+08 inferences a second from 'b'"):
        graph_instance(topology, TWO_BLOCKS, rate_hz=1e8)


def test_a_mapping_refuses_what_it_does_not_know() -> None:
    for table, message in (
        ({"sped": "x"}, "unknown key 'mapping.sped'; did you mean 'speed'"),
        ({"routes": "any"}, "mapping.routes must be one of links, all, got 'any'"),
        ({"arcs": "down"}, "mapping.arcs must be one of file, both, up, got 'down'"),
        ({"tier": "core"}, r"mapping\.tier\[0\] must be VALUE=TIER, such as core=cloud, got 'core'"),
        ({"tier": "core=top"}, r"mapping\.tier\[0\] must be a tier, 0 to 1000 or one of mobile"),
        ({"tier_else": "none"}, r"mapping\.tier_else must be a tier"),
        ({"speed": [1]}, r"mapping\.speed\[0\] must be a text"),
        ({"table": "gone.toml"}, r"mapping\.table: no such file"),
    ):
        with pytest.raises(ValueError, match=message):
            topology_of(nx.Graph([(1, 2)]), table)


# ------------------------------------------------------------------ the command
def options() -> list[str]:
    return [part for key, value in MAPPING.items() for part in (f"--{key.replace('_', '-')}", value)]


def test_the_command_gives_one_plan_for_three_formats(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "two.json").write_text(json.dumps(TWO_BLOCKS.to_dict()), encoding="utf-8")
    answers = []
    for name in FILES:
        target = [
            "--latency-s",
            "1.3",
            "--accuracy",
            "0.9",
            "--rate-hz",
            "0.1",
            "--network",
            str(tmp_path / "two.json"),
        ]
        command = ["place", "--graph", str(written(tmp_path, name)), *options(), *target]
        save = str(tmp_path / f"{name}.toml")
        assert main([*command, "--json", "--out", str(tmp_path / "plan"), "--save", save]) == 0
        answer = json.loads(capsys.readouterr().out)
        best = next(row for row in answer["results"] if row["method"] == answer["best"])
        assert best["outcomes"][0]["placement"] == ["d", "e"]
        assert answer["optimum_w"] == pytest.approx(0.32, rel=1e-12)
        assert load_instance(save).dnns == {"two": TWO_BLOCKS}
        for row in answer["results"]:
            del row["run_s"]
        answers.append({**answer, "files": None, "instance": None})
    assert answers[0] == answers[1] == answers[2]
    assert (tmp_path / "plan.png").stat().st_size > 10_000


def test_the_command_prints_the_mapping(tmp_path: Path, capsys: Any) -> None:
    table = {"nodes": [*NODES, {"id": "x"}], "links": LINKS}
    (tmp_path / "net.json").write_text(json.dumps(table), encoding="utf-8")
    given = ["--speed", "gflops=1e9", "--tiers", "kind", "--tier", "core=cloud", "--network", "b_alexnet"]
    assert (
        main(["place", "--graph", str(tmp_path / "net.json"), *given, "--out", str(tmp_path / "p"), "--markdown"]) == 0
    )
    said = capsys.readouterr().out
    assert "| speed_ops_s" in said
    assert "| gflops x 1e+09" in said
    assert "tier_else, edge" in said
    assert "nodes without any attribute: x" in said
    assert "three-tiers, edge: 1.534e+11 op/s" in said
    assert main(["place", "--graph", str(tmp_path / "net.json"), "--speed", "flops"]) == 2
    said = capsys.readouterr().err
    assert "no node has the attribute 'flops'; did you mean 'gflops'? (nodes have: 'kind', 'gflops', 'watt')" in said
    assert main(["place", "--random", "5", "--speed", "flops"]) == 2
    assert "--speed flops is not for --random, only for --graph" in capsys.readouterr().err


@pytest.mark.skipif(not SAMPLE.is_file(), reason="the shared samples are not here")
@pytest.mark.parametrize("option", [[], ["--arcs", "both"], ["--arcs", "up"], ["--names", "label"]])
def test_a_file_of_the_topology_zoo(tmp_path: Path, option: list[str], capsys: Any) -> None:
    assert main(["place", "--graph", str(SAMPLE), *option, "--json", "--out", str(tmp_path / "p")]) == 0
    answer = json.loads(capsys.readouterr().out)
    row = next(row for row in answer["results"] if row["method"] == "fin edge")
    assert row["feasible"]
    assert row["gap"] == pytest.approx(0.0, abs=1e-9)


def test_arcs_are_those_of_an_instance() -> None:
    """The fields' own names are read as they are, so what to_networkx writes comes back."""
    from splitgym.placement.generate import random_instance
    from splitgym.placement.graphs import to_networkx

    instance = random_instance(8, blocks=3, exits=1, seed=2)
    topology = topology_of(to_networkx(instance))
    assert topology.nodes == instance.nodes
    assert sorted(topology.arcs, key=str) == sorted(instance.arcs, key=str)
    assert all(isinstance(arc, Arc) for arc in topology.arcs)


def test_attributes_that_nobody_reads_are_named() -> None:
    """A rate under a name that no option gives is not passed over in silence."""
    graph = nx.Graph()
    graph.add_node("a", tier=0, city="Ulm", label="A")
    graph.add_node("b", tier=1, speed_ops_s=1e11)
    graph.add_edge("a", "b", bandwidth=100.0)
    notes = topology_of(graph).notes
    assert "attributes of nodes that are not read: city" in notes
    assert "attributes of links that are not read: bandwidth" in notes
    mapped = topology_of(graph, {"link_rate": "bandwidth=1e6"})
    assert mapped.arcs[0].rate_bit_s == 100e6
    assert not any("links that are not read" in note for note in mapped.notes)
