"""FIN and the exact references: hand-computed plans, solved cases, refusals, several applications, graphs."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import networkx as nx
import numpy as np
import pytest

from splitgym.placement.exact import exhaustive, least_energy, least_latency, optimum, optimum_all
from splitgym.placement.fin import solve_fin, solve_fin_all
from splitgym.placement.generate import hard_instance
from splitgym.placement.graphs import build_extended_graph, build_feasible_graph, from_networkx, to_networkx
from splitgym.placement.instance import Instance, load_instance
from splitgym.placement.plan import Infeasible, Plan, Residual, evaluate
from tests.references.fin_instances import (
    all_plans,
    random_instance,
    solved_cases,
    tighten,
    two_tiers,
    with_app,
    with_return_arcs,
    with_targets,
)

#: Instances by hand count in whole operations, whole bits and whole seconds.
pytestmark = pytest.mark.filterwarnings("ignore:.* is unusual:UserWarning")

REASONS = {
    "no exit configuration reaches the accuracy": "accuracy",
    "least latency above the target": "latency",
}
FIGURES = ("energy_j", "compute_j", "comm_j", "latency_worst_s", "latency_expected_s", "accuracy")


def energy_j(result: Plan | Infeasible) -> float:
    """Energy [J], inf without a plan."""
    return result.energy_j if isinstance(result, Plan) else math.inf


def power_w(instance: Instance, results: Any) -> float:
    """Power of all plans [W], inf where one is missing."""
    return sum(app.rate_hz * energy_j(result) for app, result in zip(instance.apps, results, strict=True))


# ------------------------------------------------------------------ by hand
# Under the second configuration blocks 1 and 2 have 4 and 8 op, and half of the samples reach block 2:
#   d d: 2*4 + (2*8)/2 = 16 J, 4 + 8 = 12 s;                 d e: 8 + (5*8 + 4)/2 = 30 J, 4 + (2 + 1 + .25) = 7.25 s;
#   e e: 5*4 + 10 + (5*8)/2 = 50 J, (1 + 2.5 + .25) + 2 = 5.75 s.
@pytest.mark.parametrize(
    ("target_s", "mode", "placement", "cost_j", "certified"),
    [
        (12.0, "worst", ("d", "d"), 16.0, True),
        (11.9, "worst", ("d", "e"), 30.0, False),
        (7.25, "worst", ("d", "e"), 30.0, False),
        (7.2, "worst", ("e", "e"), 50.0, False),
        (5.75, "worst", ("e", "e"), 50.0, False),
        (8.0, "expected", ("d", "d"), 16.0, True),
        (5.625, "expected", ("d", "e"), 30.0, False),
        (4.75, "expected", ("e", "e"), 50.0, False),
    ],
)
def test_two_tiers(target_s, mode, placement, cost_j, certified):
    instance = dataclasses.replace(two_tiers(latency_s=target_s), latency_mode=mode)
    carried = solve_fin(instance, rounding="carry")  # "edge" cannot find a plan without slack (s4.3)
    for plan in (optimum(instance), exhaustive(instance), optimum_all(instance)[0], carried):
        assert isinstance(plan, Plan)
        assert (plan.app, plan.exit_config, plan.placement) == ("a0", 1, placement)
        assert plan.energy_j == pytest.approx(cost_j, rel=1e-12)
    assert plan.certified is certified


def test_figures_of_a_plan():
    plan, faults = evaluate(two_tiers(), "a0", 1, ["d", "e"])
    assert faults == []
    assert (plan.energy_j, plan.compute_j, plan.comm_j) == (30.0, 28.0, 2.0)
    assert (plan.latency_s, plan.latency_worst_s, plan.latency_expected_s) == (7.25, 7.25, 4.0 + 3.25 / 2)
    assert (plan.accuracy, plan.method, plan.certified, plan.levels_used) == (0.9, "given", False, None)


def test_levels_by_hand():
    # target 7.5 s, 10 levels: d takes ceil(5.33) = 6, then e ceil(4.33) = 5: one too many; e e takes 5 + 3
    instance = two_tiers(latency_s=7.5)
    edge = solve_fin(instance, gamma=10, shortcuts=False)
    assert isinstance(edge, Plan)
    assert (edge.placement, edge.levels_used, edge.method) == (("e", "e"), 8, "fin-edge")
    carry = solve_fin(instance, gamma=10, rounding="carry", shortcuts=False)  # ceil(10 * 7.25 / 7.5) = 10
    assert isinstance(carry, Plan)
    assert (carry.placement, carry.levels_used, carry.method) == (("d", "e"), 10, "fin-carry")
    finer = solve_fin(instance, gamma=30, shortcuts=False)  # 16 + 13
    assert isinstance(finer, Plan)
    assert (finer.placement, finer.levels_used) == (("d", "e"), 29)
    inside = solve_fin(instance, gamma=10, shortcuts=False, window=2)
    assert isinstance(inside, Plan)
    assert inside.placement == ("e", "e")
    assert isinstance(solve_fin(instance, gamma=10, shortcuts=False, window=1), Infeasible)


def test_accuracy_selects_where_the_path_may_stop():
    plan = solve_fin(two_tiers(accuracy=0.7))
    assert isinstance(plan, Plan)
    assert (plan.exit_config, plan.placement, plan.energy_j) == (0, ("d",), 8.0)


@pytest.mark.parametrize(
    ("changes", "reason", "least_s"),
    [
        ({"accuracy": 0.95}, "accuracy", None),
        ({"latency_s": 5.7}, "latency", 5.75),
        ({"latency_s": 7.2, "pinned_first_blocks": 1}, "latency", 7.25),
    ],
)
def test_reasons(changes, reason, least_s):
    for solve in (solve_fin, optimum, exhaustive, lambda i: optimum_all(i)[0], lambda i: solve_fin_all(i)[0]):
        result = solve(two_tiers(**changes))
        assert isinstance(result, Infeasible)
        assert (result.app, result.reason, result.exact) == ("a0", reason, True)
        assert result.least_latency_s == (None if least_s is None else pytest.approx(least_s, rel=1e-12))


def test_capacity_is_a_reason_before_latency():
    instance = two_tiers(latency_s=1.0, pinned_first_blocks=1)
    device = instance.nodes[0].replace(capacity_ops_s=3.9)  # block 1 asks for 4 op/s
    instance = dataclasses.replace(instance, nodes=(device, instance.nodes[1]))
    for solve in (solve_fin, optimum, exhaustive, lambda i: optimum_all(i)[0]):
        assert solve(instance) == Infeasible("a0", "capacity", None)


def test_runs_are_counted():
    # the device holds either block, not both: 4 + 8/2 op/s
    instance = two_tiers(latency_s=100.0)
    tight = instance.nodes[0].replace(capacity_ops_s=7.9)
    for changed in (tight, instance.nodes[0].replace(memory_bits=1.5)):
        crowded = dataclasses.replace(instance, nodes=(changed, instance.nodes[1]))
        for solve in (solve_fin, optimum, exhaustive, lambda i: optimum_all(i)[0]):
            assert solve(crowded).placement == ("d", "e")
    exact = dataclasses.replace(instance, nodes=(tight.replace(capacity_ops_s=8.0), instance.nodes[1]))
    assert solve_fin(exact).placement == ("d", "d")  # type: ignore[union-attr]


def test_links_have_limits():
    link = two_tiers().arcs[0].replace(capacity_bit_s=1.9)  # half of the samples send 4 bit
    assert solve_fin(dataclasses.replace(two_tiers(), arcs=(link,))).reason == "latency"  # type: ignore[union-attr]
    link = link.replace(capacity_bit_s=2.0)
    assert solve_fin(dataclasses.replace(two_tiers(), arcs=(link,))).placement == ("d", "e")  # type: ignore[union-attr]


def test_bounds_without_targets():
    for accurate, fastest, thriftiest in ((True, 5.75, 16.0), (False, 3.75, 8.0)):
        instance = two_tiers(latency_s=1.0)
        quick, frugal = least_latency(instance, accurate=accurate), least_energy(instance, accurate=accurate)
        assert isinstance(quick, Plan)
        assert isinstance(frugal, Plan)
        assert (quick.latency_s, quick.method) == (fastest, "least-latency")
        assert (frugal.energy_j, frugal.method) == (thriftiest, "least-energy")
    assert least_latency(two_tiers(accuracy=0.95)) == Infeasible("a0", "accuracy", None)


def test_a_node_by_itself():
    alone = dataclasses.replace(two_tiers(latency_s=12.0), nodes=two_tiers().nodes[:1], arcs=())
    for solve in (solve_fin, optimum, exhaustive, lambda i: optimum_all(i)[0]):
        assert solve(alone).placement == ("d", "d")


# ------------------------------------------------------------------ the referee
def test_every_fault_is_named():
    instance = two_tiers(latency_s=5.0, accuracy=0.95, pinned_first_blocks=1)
    left = Residual(np.array([1e3, 7.0]), np.array([9.0, 1.0]), np.array([9.0]))
    _, faults = evaluate(instance, 0, 1, ("e", "e"), left)
    parts = ("apps[0].latency_s: 5.75", "apps[0].accuracy: 0.9", "block 1 is pinned to 'd'", "nodes[1].capacity_ops_s")
    for part in (*parts, "nodes[1].memory_bits", "arcs[0].capacity_bit_s"):
        assert sum(part in fault for fault in faults) == 1, part
    assert len(faults) == 6
    backwards, faults = evaluate(two_tiers(), 0, 1, ("e", "d"))
    assert faults[-1] == "no arc leads from 'e' to 'd', where block 2 is"
    assert backwards.comm_j == 10.0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("a1", 1, ("d", "e")), "unknown app 'a1'; did you mean 'a0'"),
        ((1, 1, ("d", "e")), "app must be 0..0"),
        ((0, 2, ("d", "e")), "exit_config must be 0..1, got 2"),
        ((0, 1, ("d",)), "placement must name 2 nodes"),
        ((0, 1, ("d", "x")), "unknown node 'x'"),
    ],
)
def test_evaluate_refuses(args, message):
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        evaluate(two_tiers(), *args)


def test_residual():
    plan, _ = evaluate(two_tiers(rate_hz=2.0), 0, 1, ("d", "e"))
    start = Residual.of(two_tiers())
    left = Residual(start.node_ops_s * 0 + 20.0, start.memory_bits * 0 + 0.5, start.arc_bit_s * 0 + 5.0)
    left = left.less(two_tiers(rate_hz=2.0), plan)
    assert left.node_ops_s.tolist() == [20.0 - 2 * 4, 20.0 - 2 * 4]
    assert left.memory_bits.tolist() == [0.0, 0.0]  # never negative
    assert left.arc_bit_s.tolist() == [5.0 - 2 * 0.5 * 4]
    assert solve_fin(two_tiers(), residual=left) == Infeasible("a0", "capacity", None)
    assert optimum(two_tiers(), residual=left) == Infeasible("a0", "capacity", None)


# ------------------------------------------------------------------ solved cases
@pytest.fixture(scope="module")
def cases() -> list[dict[str, Any]]:
    found = solved_cases()
    if not found:
        pytest.skip("the solved cases fin_dev_cases.json are not beside this checkout (shared/data)")
    return found


def test_solved_cases_with_one_application(cases):
    for case in cases:
        instance, solution = load_instance(case), case["solution"]
        if len(instance.apps) > 1:
            continue
        results = {"labels": optimum(instance), "milp": optimum_all(instance)[0]}
        if len(instance.nodes) <= 8:
            results["exhaustive"] = exhaustive(instance)
        for method, result in results.items():
            where = f"{case['name']}, {method}"
            if solution["status"] == "optimal":
                power = power_w(instance, [result])
                assert power == pytest.approx(solution["objective_power_w"], rel=1e-6), where
            else:
                assert isinstance(result, Infeasible), where
                assert result.reason == REASONS[solution["reason"]], where
                if "least_latency_s" in solution:
                    assert result.least_latency_s == pytest.approx(solution["least_latency_s"], rel=1e-9), where


def test_fin_on_solved_cases(cases):
    for case in cases:
        instance = load_instance(case)
        for gamma, expected in case["solution"].get("fin_edge_rounding_energy_j", {}).items():
            found = energy_j(solve_fin(instance, gamma=int(gamma), shortcuts=False))
            assert found == pytest.approx(math.inf if expected is None else expected, rel=1e-9), (case["name"], gamma)
        if "bounds" in case["solution"]:
            bounds = case["solution"]["bounds"]
            thriftiest, fastest = least_energy(instance), least_latency(instance)
            assert isinstance(fastest, Plan)
            assert energy_j(thriftiest) == pytest.approx(bounds["least_energy_ignoring_latency_j"], rel=1e-9)
            assert fastest.latency_s == pytest.approx(bounds["least_latency_s"], rel=1e-9)
            assert fastest.energy_j == pytest.approx(bounds["energy_of_least_latency_plan_j"], rel=1e-9)


def test_referee_agrees_with_solved_cases(cases):
    for case in cases:
        instance = load_instance(case)
        for expected in case["solution"].get("plans", []):
            plan, faults = evaluate(instance, expected["app"], expected["exit_config"], expected["placement"])
            assert faults == []
            for name in FIGURES:
                assert getattr(plan, name) == pytest.approx(expected[name], rel=1e-9), (case["name"], name)


def test_solved_cases_with_several_applications(cases):
    for case in cases:
        instance, solution = load_instance(case), case["solution"]
        if len(instance.apps) == 1:
            continue
        assert power_w(instance, optimum_all(instance)) == pytest.approx(solution["objective_power_w"], rel=1e-6)
        expected = solution["fin_sequential_tightest_gamma1000_power_w"]
        results = solve_fin_all(instance, gamma=1000, shortcuts=False)
        assert power_w(instance, results) == pytest.approx(math.inf if expected is None else expected, rel=1e-9)


# ------------------------------------------------------------------ cycles
def looped(**node: float) -> Instance:
    """Two tiers with an arc back to the device; ``node`` changes the server."""
    instance = two_tiers(latency_s=7.5)
    back = instance.arcs[0].replace(from_node="e", to_node="d")
    nodes = (instance.nodes[0], instance.nodes[1].replace(**node))
    return dataclasses.replace(instance, nodes=nodes, arcs=(*instance.arcs, back))


def test_cycles_that_can_bind_are_refused():
    for changes, name in (({"capacity_ops_s": 5.0}, "capacity_ops_s"), ({"memory_bits": 1.0}, "memory_bits")):
        instance = looped(**changes)
        message = rf"arcs: cycle (d -> e -> d|e -> d -> e), but nodes\[1\]\.{name} can bind"
        for solve in (solve_fin, solve_fin_all, build_extended_graph):
            with pytest.raises(ValueError, match=message):
                solve(instance)
        assert energy_j(optimum(instance)) == energy_j(exhaustive(instance)) == 30.0
    narrow = two_tiers().arcs[0].replace(capacity_bit_s=3.0)
    instance = dataclasses.replace(looped(), arcs=(narrow, looped().arcs[1]))
    with pytest.raises(ValueError, match=r"arcs\[0\]\.capacity_bit_s can bind"):
        solve_fin(instance)


def test_slack_cycles_are_solved():
    assert solve_fin(looped()).placement == ("d", "e")  # type: ignore[union-attr]
    for seed in range(0, 60, 2):
        instance = with_return_arcs(random_instance(seed, tight=0.0))
        assert energy_j(optimum(instance)) == pytest.approx(energy_j(exhaustive(instance)), rel=1e-9), seed
        assert energy_j(solve_fin(instance, gamma=1000)) >= energy_j(optimum(instance)) * (1 - 1e-9)


def test_binding_cycles_are_solved_by_the_programme():
    refused = 0
    for seed in range(0, 40, 2):
        instance = with_return_arcs(tighten(np.random.default_rng(seed), random_instance(seed, tight=0.0)))
        found, expected = optimum(instance), exhaustive(instance)
        assert energy_j(found) == pytest.approx(energy_j(expected), rel=1e-8), seed
        if isinstance(expected, Infeasible):
            refused += 1
            assert isinstance(found, Infeasible)
            assert found.reason == expected.reason, seed
            assert found.least_latency_s == pytest.approx(expected.least_latency_s), seed
    assert 0 < refused < 20


def test_an_undirected_part_outside_the_cycle_may_bind():
    # the cycle d <-> e is ample; the leaf c is not, and is entered once at most
    instance = looped()
    leaf = instance.nodes[1].replace(id="c", capacity_ops_s=4.5, power_w=1.0)
    arc = instance.arcs[0].replace(to_node="c", from_node="e")
    instance = dataclasses.replace(instance, nodes=(*instance.nodes, leaf), arcs=(*instance.arcs, arc))
    assert energy_j(solve_fin(instance, gamma=1000)) == energy_j(exhaustive(instance))


# ------------------------------------------------------------------ several applications
def contended(seed: int) -> Instance:
    """Two applications that each have plans, on capacities of the size of both of them."""
    instance = tighten(np.random.default_rng(seed), random_instance(seed, apps=2, tight=0.0), ratio=2.0)
    return with_targets(instance, [app.latency_s * 1.5 for app in instance.apps])


def best_pair_w(instance: Instance) -> float:
    """Least power [W] of two plans that fit together, by enumeration."""
    best, rates_hz = math.inf, [app.rate_hz for app in instance.apps]
    firsts, seconds = all_plans(instance, 0), all_plans(instance, 1)
    for first in firsts:
        left = Residual.of(instance).less(instance, first)
        for second in seconds:
            power = rates_hz[0] * first.energy_j + rates_hz[1] * second.energy_j
            if power >= best:
                break
            if not evaluate(instance, 1, second.exit_config, second.placement, left)[1]:
                best = power
    return best


def test_joint_optimum_and_sequential_fin():
    solved = refused = 0
    for seed in range(0, 80, 2):
        instance = contended(seed)
        best = best_pair_w(instance)
        joint = optimum_all(instance)
        assert power_w(instance, joint) == pytest.approx(best, rel=1e-7), seed
        solved, refused = solved + (best < math.inf), refused + (best == math.inf)
        orders = {order: solve_fin_all(instance, order, gamma=500) for order in ("tightest", "load", "index", "best")}
        for order, results in orders.items():
            assert [result.app for result in results] == ["a0", "a1"], order
            assert power_w(instance, results) >= best * (1 - 1e-9), (seed, order)
            check_together(instance, results)
        assert power_w(instance, orders["best"]) == min(power_w(instance, results) for results in orders.values())
    assert solved > 10
    assert refused > 10


def check_together(instance: Instance, results: list[Plan | Infeasible]) -> None:
    """Plans keep every limit when they are added up, and a proven refusal has no plan by itself."""
    left = Residual.of(instance)
    for app, result in enumerate(results):
        if isinstance(result, Plan):
            assert evaluate(instance, app, result.exit_config, result.placement, left)[1] == []
            left = left.less(instance, result)
        else:
            assert result.exact is isinstance(optimum(instance, app), Infeasible)


def test_reasons_of_a_joint_refusal():
    instance = two_tiers(latency_s=12.0)
    both = dataclasses.replace(instance, apps=(instance.apps[0], instance.apps[0].replace(id="a1")))
    small = dataclasses.replace(both, nodes=tuple(node.replace(memory_bits=1.0) for node in both.nodes))
    assert [r.reason for r in optimum_all(small) if isinstance(r, Infeasible)] == ["capacity"] * 2
    # a node holds both blocks of one application, or one block of both: first come, first served costs 16 + 50 J/s
    shared = tuple(node.replace(capacity_ops_s=8.0) for node in both.nodes)
    shared = dataclasses.replace(both, nodes=shared)
    assert power_w(shared, optimum_all(shared)) == 60.0
    assert power_w(shared, solve_fin_all(shared)) == 66.0
    hasty = with_targets(shared, [5.75, 5.75])
    assert [r.reason for r in optimum_all(hasty) if isinstance(r, Infeasible)] == ["latency"] * 2
    first, second = solve_fin_all(hasty)
    assert isinstance(first, Plan)
    assert isinstance(second, Infeasible)
    assert not second.exact  # it has a plan of its own
    picky = with_app(shared, accuracy=0.95)
    assert [r.reason for r in optimum_all(picky) if isinstance(r, Infeasible)] == ["accuracy"] * 2
    with pytest.raises(ValueError, match="name one of 2 applications"):
        optimum(both)


# ------------------------------------------------------------------ options
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": 0}, "gamma must be an integer >= 1 and <= 1000000, got 0"),
        ({"gamma": 10.5}, "gamma must be an integer"),
        ({"gamma": True}, "gamma must be an integer"),
        ({"rounding": "edges"}, r"rounding must be one of edge, carry, got 'edges'; did you mean 'edge'\?"),
        ({"window": -1}, r"window \(or None\) must be an integer >= 0, got -1"),
        ({"app": "b"}, r"unknown app 'b'.*known: a0"),
        ({"app": 3}, r"app must be 0\.\.0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        solve_fin(two_tiers(), **options)


def test_bad_orders():
    with pytest.raises(ValueError, match="order must be one of tightest, load, index, best, got 'tight'"):
        solve_fin_all(two_tiers(), "tight")
    with pytest.raises(ValueError, match="app is an option of solve_fin"):
        solve_fin_all(two_tiers(), app=0)


def test_exhaustive_knows_its_limit():
    with pytest.raises(ValueError, match="are too many to try"):
        exhaustive(hard_instance(19))


# ------------------------------------------------------------------ graphs
def test_extended_graph_by_hand():
    graph = build_extended_graph(two_tiers(), "a0", 1)
    assert set(graph) == {"S", (1, "d", 0), (1, "e", 0), (2, "d", 0), (2, "e", 0), "Omega"}
    assert graph.edges["S", (1, "e", 0)] == {"energy_j": 30.0, "delay_s": 3.75}
    assert graph.edges[(1, "d", 0), (2, "e", 0)] == {"energy_j": 22.0, "delay_s": 3.25}
    assert nx.shortest_path_length(graph, "S", "Omega", "energy_j") == 16.0
    assert nx.shortest_path_length(graph, "S", "Omega", "delay_s") == 5.75
    feasible = build_feasible_graph(two_tiers(latency_s=7.5), 0, 1, 10)
    assert set(feasible) == {"S", (1, "d", 0, 6), (1, "e", 0, 5), (2, "e", 0, 8), "Omega"}
    assert feasible.edges[(1, "e", 0, 5), (2, "e", 0, 8)]["level"] == 3
    assert nx.shortest_path_length(feasible, "S", "Omega", "energy_j") == 50.0


def test_runs_in_the_extended_graph():
    instance = two_tiers()
    nodes = (instance.nodes[0], instance.nodes[1].replace(memory_bits=1.0))
    graph = build_extended_graph(dataclasses.replace(instance, nodes=nodes), 0, 1)
    assert (1, "e", 1) in graph
    assert (2, "e", 1) not in graph  # the run would overload the server
    assert (2, "e", 2) in graph


def test_network_round_trip():
    for instance in (two_tiers(), random_instance(4), with_return_arcs(random_instance(7, tight=1.0))):
        graph = to_networkx(instance)
        again = from_networkx(
            graph, instance.dnns, instance.apps, name=instance.name, latency_mode=instance.latency_mode
        )
        assert again == instance
    assert to_networkx(two_tiers()).nodes["e"]["power_w"] == 20.0
    assert to_networkx(two_tiers()).edges["d", "e"]["prop_s"] == 0.25


def test_network_refuses():
    instance = two_tiers()
    graph = to_networkx(instance)
    del graph.nodes["e"]["power_w"]
    with pytest.raises(ValueError, match=r"nodes\[1\]\.power_w"):
        from_networkx(graph, instance.dnns, instance.apps)
    graph = to_networkx(instance)
    graph.edges["d", "e"]["bandwidth"] = 1.0
    with pytest.raises(ValueError, match=r"arcs\[0\]\.bandwidth"):
        from_networkx(graph, instance.dnns, instance.apps)
    with pytest.raises(ValueError, match=r"must be a networkx\.DiGraph, got a Graph"):
        from_networkx(nx.Graph(), instance.dnns, instance.apps)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"config must be 0\.\.1"):
        build_extended_graph(instance, 0, 2)
    with pytest.raises(ValueError, match="gamma must be an integer >= 1"):
        build_feasible_graph(instance, 0, 1, 0)
