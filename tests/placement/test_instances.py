"""Published tables, generated instances and the rival MCP, against the specification and the reference cases."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest

from splitgym.placement.branchy import ExitConfig
from splitgym.placement.exact import exhaustive, least_energy, least_latency, optimum
from splitgym.placement.fin import solve_fin
from splitgym.placement.generate import hard_instance, random_dnn, random_instance, random_topology
from splitgym.placement.instance import Instance, load_instance
from splitgym.placement.mcp import mcp_code, solve_mcp
from splitgym.placement.plan import Infeasible, Plan, evaluate
from splitgym.placement.published import load_published, published_dnn, published_grid, published_instance

CASES_FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "fin_dev_cases.json"
CASES = json.loads(CASES_FILE.read_text())["cases"] if CASES_FILE.exists() else []
needs_cases = pytest.mark.skipif(not CASES, reason="needs the reference cases")
ENERGY = {"full": "full", "exp": "expected"}


def named(prefix: str) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in CASES if case["name"].startswith(prefix)]


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Paths at which two tables differ by more than 1e-12."""
    if isinstance(ours, dict) and set(ours) == set(theirs):
        return [d for k in ours for d in differences(ours[k], theirs[k], f"{path}.{k}")]
    if isinstance(ours, list) and len(ours) == len(theirs):
        return [d for i, pair in enumerate(zip(ours, theirs, strict=True)) for d in differences(*pair, f"{path}[{i}]")]
    if isinstance(ours, float):
        return [] if math.isclose(ours, theirs, rel_tol=1e-12) else [f"{path}: {ours!r} is not {theirs!r}"]
    return [] if ours == theirs else [f"{path}: {ours!r} is not {theirs!r}"]


# ------------------------------------------------------------------ published tables
@needs_cases
@pytest.mark.parametrize("case", named("paper-"))
def test_published_instances_are_the_reference(case: dict[str, Any]) -> None:
    theirs = load_instance(case["instance"])
    _, network, energy, *_ = case["name"].split("-")
    app = theirs.apps[0]
    ours = published_instance(f"b_{network}", ENERGY[energy], theirs.latency_mode, app.latency_s, app.accuracy)
    ours = dataclasses.replace(ours, name=theirs.name, note=theirs.note)
    assert differences(ours.to_dict(), theirs.to_dict()) == []


@pytest.mark.parametrize(
    ("name", "shares"),
    [
        ("b_alexnet", [0.6559, 0.2522, 0.0919]),
        ("b_resnet", [0.4151, 0.1379, 0.4470]),
        ("b_lenet", [0.9430, 0.0570]),
    ],
)
def test_published_shares(name: str, shares: list[float]) -> None:
    expected, full = published_dnn(name), published_dnn(name, "full")
    assert expected.exit_configs[-1].fractions == pytest.approx(shares, abs=5e-5)
    assert [c.active for c in full.exit_configs] == [(x + 1,) for x in range(len(shares))]
    assert [c.accuracy for c in full.exit_configs] == [c.accuracy for c in expected.exit_configs]
    assert set(load_published(name).source) >= {"blocks.ops", "exits.table_percent", "grid_latency_s"}


def test_published_grid() -> None:
    latency_s, accuracy = published_grid("b_alexnet")
    assert np.allclose(latency_s, np.arange(3, 16) * 1e-3)
    assert np.allclose(accuracy, np.arange(2, 18) * 0.05)
    for name, ends in (("b_resnet", (0.2e-3, 3e-3, 0.1, 0.9)), ("b_lenet", (17e-6, 50e-6, 0.5, 0.99))):
        latency_s, accuracy = published_grid(name)
        assert (latency_s[0], latency_s[-1], accuracy[0], accuracy[-1]) == pytest.approx(ends)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dnn": "b_alexnett"}, "did you mean 'b_alexnet'"),
        ({"dnn": "published"}, "unknown published network"),
        ({"energy": "ful"}, "did you mean 'full'"),
        ({"latency_mode": "best"}, "latency_mode"),
        ({"pinned": 6}, r"apps\[0\].pinned_first_blocks must be <= 5 blocks"),
        ({"latency_s": 0.0}, "latency_s must be a finite number >= 1e-09 and"),
    ],
)
def test_published_refuses(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        published_instance(**change)


# ------------------------------------------------------------------ generators
@pytest.mark.parametrize("n_nodes", [3, 4, 8, 20, 80, 200])
def test_random_instances(n_nodes: int) -> None:
    instance = random_instance(n_nodes, seed=0)
    assert instance == random_instance(n_nodes, seed=0)
    assert instance != random_instance(n_nodes, seed=1)
    assert load_instance(json.loads(instance.to_json())) == instance
    counts = [sum(node.tier == tier for node in instance.nodes) for tier in range(3)]
    assert sum(counts) == n_nodes
    assert min(counts) >= 1
    assert np.abs(np.array(counts) / n_nodes - [0.4, 0.4, 0.2]).max() <= 1.0 / n_nodes
    graph = nx.DiGraph([(arc.from_node, arc.to_node) for arc in instance.arcs])
    assert nx.is_directed_acyclic_graph(graph)
    tier = {node.id: node.tier for node in instance.nodes}
    assert all(tier[u] <= tier[v] for u, v in graph.edges)
    assert all(graph.out_degree(node.id) for node in instance.nodes if node.tier == 0)
    j_op = [[node.energy_j_op for node in instance.nodes if node.tier == t] for t in range(3)]
    assert max(j_op[0]) < min(j_op[1])
    assert max(j_op[1]) < min(j_op[2])
    assert isinstance(optimum(instance), Plan)


@pytest.mark.parametrize("family", ["prefix", "subsets"])
@pytest.mark.parametrize("mode", ["worst", "expected"])
def test_targets_can_be_met(family: str, mode: str) -> None:
    for seed in range(12):
        tight, mid, slack = (
            random_instance(9, family=family, tightness=x, seed=seed, latency_mode=mode) for x in (0.0, 0.5, 1.0)
        )
        fastest, thriftiest = least_latency(mid), least_energy(mid)
        assert isinstance(fastest, Plan)
        assert isinstance(thriftiest, Plan)
        assert tight.apps[0].latency_s == pytest.approx(fastest.latency_s, rel=1e-12)
        assert mid.apps[0].latency_s == pytest.approx((fastest.latency_s + thriftiest.latency_s) / 2, rel=1e-12)
        assert all(isinstance(solve_fin(x), Plan) for x in (tight, mid, slack))
        cheapest = solve_fin(slack)
        assert isinstance(cheapest, Plan)
        assert cheapest.certified


def test_several_applications() -> None:
    instance = random_instance(8, blocks=4, exits=2, apps=3, seed=5)
    assert [app.id for app in instance.apps] == ["a0", "a1", "a2"]
    assert len({dnn.digest() for dnn in instance.dnns.values()}) == 3
    assert all(isinstance(optimum(instance, app), Plan) for app in range(3))


def test_topology_without_tiers() -> None:
    nodes, arcs = random_topology(3, 0, 2, seed=0)
    assert {arc.from_node for arc in arcs} == {node.id for node in nodes if node.tier == 0}
    assert random_topology(1, 0, 0)[1] == ()


@pytest.mark.parametrize(("family", "configs"), [("prefix", 4), ("subsets", 15)])
def test_random_networks(family: str, configs: int) -> None:
    for seed in range(10):
        dnn = random_dnn(8, 4, seed, family)
        assert len(dnn.exit_configs) == configs
        assert dnn.exits[-1].after_block == 8
        assert all(min(config.fractions) >= 0.0 for config in dnn.exit_configs)
        deepest = [config.accuracy for config in dnn.exit_configs if config.active[-1] == 4]
        assert max(deepest) == pytest.approx(max(c.accuracy for c in dnn.exit_configs))
    assert len(random_dnn(1, 1).blocks) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random_topology(0, 1, 1), "mobile must be an integer >= 1"),
        (lambda: random_instance(2), "n_nodes must be an integer >= 3"),
        (lambda: random_instance(5, apps=0), "apps must be an integer >= 1"),
        (lambda: random_instance(5, tightness=math.nan), "tightness"),
        (lambda: random_instance(5, seed=-1), "seed must be an integer >= 0"),
        (lambda: random_instance(5, latency_mode="mean"), "latency_mode"),
        (lambda: random_dnn(3, 4), "exits must be an integer >= 1 and <= 3, got 4"),
        (lambda: random_dnn(20, 11), "exits must be <= 10"),
        (lambda: random_dnn(4, 2, 0, "prefixes"), "did you mean 'prefix'"),
        (lambda: hard_instance(0), "blocks must be an integer >= 1 and <= 1000, got 0"),
    ],
)
def test_generators_refuse(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_hard_instance_is_a_subset_sum() -> None:
    instance = hard_instance(7)
    points = set()
    for choice in itertools.product("fg", repeat=7):
        plan, faults = evaluate(instance, 0, 0, [f"{kind}{b}" for b, kind in enumerate(choice, 1)])
        assert not [fault for fault in faults if "latency" not in fault]
        points.add((round(plan.energy_j, 12), round(plan.latency_s, 12)))
    assert len(points) == 2**7  # no two alike, and all on one line that falls: none dominates another
    energy_j, latency_s = np.array(sorted(points)).T
    assert np.allclose(np.diff(latency_s) / np.diff(energy_j), -0.25)
    best = optimum(instance)
    assert isinstance(best, Plan)
    assert best.energy_j == pytest.approx(min(e for e, d in points if d <= instance.apps[0].latency_s))
    assert isinstance(solve_fin(hard_instance(16), gamma=200), Plan)


@needs_cases
def test_hard_instance_has_the_reference_shape() -> None:
    theirs = load_instance(next(c["instance"] for c in CASES if c["name"] == "hard-subset-sum-8"))
    ours = hard_instance(8)
    assert ours.nodes == theirs.nodes
    assert ours.arcs == theirs.arcs
    assert len(ours.dnns["net0"].blocks) == len(theirs.dnns["net0"].blocks)
    assert ours.apps[0].pinned_first_blocks == theirs.apps[0].pinned_first_blocks


# ------------------------------------------------------------------ MCP
@needs_cases
@pytest.mark.parametrize("case", [p for p in named("") if "mcp_sum" in p.values[0]["solution"]])
def test_mcp_sum_is_the_reference(case: dict[str, Any]) -> None:
    plan, theirs = solve_mcp(load_instance(case["instance"])), case["solution"]["mcp_sum"]
    assert isinstance(plan, Plan)
    assert plan.exit_config == theirs["exit_config"]
    assert (plan.energy_j, plan.latency_s) == pytest.approx((theirs["energy_j"], theirs["latency_s"]), rel=1e-9)


def costs(instance: Instance, combine: str, accurate: bool) -> float:
    """Least cost of MCP over every placement that keeps the capacities."""
    free = dataclasses.replace(instance, apps=(instance.apps[0].replace(latency_s=1e16, accuracy=0.0),))
    app, after = instance.apps[0], {node.id: [node.id] for node in instance.nodes}
    for arc in instance.arcs:
        after[arc.from_node].append(arc.to_node)
    dnn, found = instance.dnns[app.dnn], []
    for c, config in enumerate(dnn.exit_configs):
        if accurate and config.accuracy < app.accuracy:
            continue
        walks: list[tuple[str, ...]] = [(app.source,)]
        for _ in range(dnn.depth(c)):
            walks = [(*walk, there) for walk in walks for there in after[walk[-1]]]
        for walk in walks:
            plan, faults = evaluate(free, 0, c, walk[1:])
            terms = (0.5 * plan.latency_s / app.latency_s, 0.5 * app.accuracy / config.accuracy)
            found += [] if faults else [sum(terms) if combine == "sum" else max(terms)]
    return min(found)


@pytest.mark.parametrize("combine", ["sum", "max"])
@pytest.mark.parametrize("accurate", [False, True])
def test_mcp_has_the_least_cost(combine: str, accurate: bool) -> None:
    for seed in range(6):
        instance = random_instance(5, blocks=4, exits=2, seed=seed)
        plan = solve_mcp(instance, combine=combine, acc_filter=accurate)
        assert isinstance(plan, Plan)
        app = instance.apps[0]
        terms = (0.5 * plan.latency_s / app.latency_s, 0.5 * app.accuracy / plan.accuracy)
        cost = sum(terms) if combine == "sum" else max(terms)
        assert cost == pytest.approx(costs(instance, combine, accurate), rel=1e-12)
        if accurate:
            assert plan.accuracy >= app.accuracy
            assert isinstance(exhaustive(instance), Plan)


@pytest.mark.parametrize(
    ("part", "key", "value", "told"),
    [
        ("nodes", "capacity_ops_s", 11.0, "11.0 op/s is unusual; .*11 Gop/s are 11e9"),
        ("arcs", "capacity_bit_s", 200.0, "200.0 bit/s is unusual; .*200 Mbit/s are 200e6"),
    ],
)
def test_capacities_in_larger_units_are_warned_about(part: str, key: str, value: float, told: str) -> None:
    table = published_instance(accuracy=0.9).to_dict()
    table[part][0][key] = value
    with pytest.warns(UserWarning, match=f"{part}.*{key}: {told}"):
        load_instance(table)


def test_a_tightness_in_percent_is_warned_about() -> None:
    with pytest.warns(UserWarning, match="tightness: 50 is unusual; .*50 % are 0.5"):
        random_instance(5, tightness=50)


@pytest.mark.parametrize(("key", "nearest"), [("from_node", ""), ("rate_mbit_s", "; did you mean 'rate_bit_s'")])
def test_keys_of_a_files_arcs_are_told_by_the_files_names(key: str, nearest: str) -> None:
    table = published_instance(accuracy=0.9).to_dict()
    table["arcs"][0][key] = 1.0
    with pytest.raises(ValueError, match=rf"unknown key 'arcs\[0\]\.{key}'{nearest}.*valid keys: from, to, rate_bit_s"):
        load_instance(table)


def test_mcp_refuses_and_gives_up() -> None:
    instance = published_instance(accuracy=0.9)
    assert solve_mcp(instance, acc_filter=True) == Infeasible("a0", "accuracy", None)
    assert isinstance(solve_mcp(instance), Plan)
    tiny = dataclasses.replace(instance, nodes=tuple(n.replace(capacity_ops_s=1e3) for n in instance.nodes))
    assert solve_mcp(tiny) == Infeasible("a0", "capacity", None)
    with pytest.raises(ValueError, match="combine must be one of sum, max"):
        solve_mcp(instance, combine="min")
    with pytest.raises(ValueError, match="mcp_code is for"):
        mcp_code(random_instance(3))


@pytest.mark.parametrize("combine", ["sum", "max"])
def test_mcp_takes_the_least_energy_among_equals(combine: str) -> None:
    """Two configurations of one accuracy and one worst latency; the second lets half of the samples go early."""
    instance = published_instance(accuracy=0.5)
    name, dnn = next(iter(instance.dnns.items()))
    last = len(dnn.exits)
    free = tuple(dataclasses.replace(leave, branch_ops=0.0) for leave in dnn.exits)
    configs = (
        ExitConfig(active=(last,), fractions=(1.0,), accuracy=0.8),
        ExitConfig(active=(1, last), fractions=(0.5, 0.5), accuracy=0.8),
    )
    for order in (configs, configs[::-1]):
        equal = {name: dataclasses.replace(dnn, exits=free, exit_configs=order)}
        plan = solve_mcp(dataclasses.replace(instance, dnns=equal, latency_mode="worst"), combine=combine)
        assert isinstance(plan, Plan)
        assert order[plan.exit_config].active == (1, last)


def test_published_mcp() -> None:
    plan = mcp_code(published_instance("b_alexnet", "full", latency_s=0.005, accuracy=0.75))
    assert plan.placement == ("d0", "e0", "c0", "c0", "c0")
    assert plan.energy_j == pytest.approx(0.199204406867, abs=5e-13)
    assert plan.latency_s == pytest.approx(2.240e-3, abs=5e-7)
    whole = evaluate(published_instance("b_alexnet", "full"), 0, plan.exit_config, plan.placement)[0]
    assert plan.energy_j == pytest.approx(whole.energy_j, rel=1e-12)
    latency_s, accuracy = published_grid("b_alexnet")
    plans = [
        mcp_code(published_instance("b_alexnet", "full", latency_s=float(delta), accuracy=float(alpha)))
        for delta in latency_s
        for alpha in accuracy
    ]
    assert all(plan.meets_targets for plan in plans)
    assert sum(plan.placement == ("d0", "e0", "c0", "c0", "c0") for plan in plans) == 169
    # in 12 cells it claims exit 2, which is behind block 3, but places two blocks only
    assert sum(not plan.whole for plan in plans) == 12
