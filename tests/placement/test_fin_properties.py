"""What must hold for FIN and the exact references on random instances (FIN s4, s10)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import cache

import networkx as nx
import numpy as np
import pytest

from splitgym.placement import fin
from splitgym.placement.exact import exhaustive, least_energy, least_latency, optimum, optimum_all
from splitgym.placement.fin import solve_fin
from splitgym.placement.generate import hard_instance
from splitgym.placement.graphs import build_extended_graph, build_feasible_graph
from splitgym.placement.instance import Instance
from splitgym.placement.plan import Infeasible, Plan, evaluate
from splitgym.placement.problem import accurate_configs
from splitgym.ranges import TARGET
from tests.references.fin_instances import random_instance, with_app

SEEDS = range(260)
GAMMAS = (5, 20, 100)
TINY = 1e-9


def cost_j(result: Plan | Infeasible) -> float:
    """Energy [J], inf without a plan."""
    return result.energy_j if isinstance(result, Plan) else math.inf


@cache
def best(seed: int) -> Plan | Infeasible:
    """The optimum of a random instance."""
    return optimum(random_instance(seed))


@cache
def pure(seed: int, gamma: int, rounding: str = "edge") -> float:
    """Energy [J] that the paper's form finds on a random instance."""
    return cost_j(solve_fin(random_instance(seed), gamma=gamma, rounding=rounding, shortcuts=False))


def deepest(instance: Instance) -> int:
    """K: blocks of the deepest accurate configuration."""
    dnn = instance.dnns[instance.apps[0].dnn]
    return max((dnn.depth(config) for config in accurate_configs(instance, 0)), default=1)


def test_the_instances_are_worth_it():
    results = [best(seed) for seed in SEEDS]
    reasons = [result.reason for result in results if isinstance(result, Infeasible)]
    assert all(reasons.count(reason) >= 10 for reason in ("accuracy", "capacity", "latency"))
    assert sum(isinstance(result, Plan) and not result.certified for result in results) >= 60
    assert any(random_instance(seed).latency_mode == "expected" for seed in SEEDS)


# ------------------------------------------------------------------ exact references agree
def same(one: Plan | Infeasible, other: Plan | Infeasible, rel: float) -> bool:
    """Whether two verdicts agree: the energy, or the reason and the least latency."""
    if isinstance(one, Infeasible) and isinstance(other, Infeasible):
        times_s = (one.least_latency_s or 0.0, other.least_latency_s or 0.0)
        return one.reason == other.reason and math.isclose(*times_s, rel_tol=rel)
    return math.isclose(cost_j(one), cost_j(other), rel_tol=rel)


def test_labels_are_exhaustive():
    tried = 0
    for seed in SEEDS:
        try:
            expected = exhaustive(random_instance(seed)) if seed % 2 == 0 or seed < 60 else None
        except ValueError:
            continue
        if expected is not None:
            tried += 1
            assert same(best(seed), expected, 1e-9), seed
    assert tried >= 130


def test_labels_are_the_programme():
    for seed in SEEDS:
        assert same(best(seed), optimum_all(random_instance(seed))[0], 1e-7), seed


# ------------------------------------------------------------------ 1, 6: plans
@pytest.mark.parametrize("rounding", fin.ROUNDINGS)
def test_plans_keep_every_limit(rounding):
    for seed in SEEDS:
        instance = random_instance(seed)
        for gamma in GAMMAS:
            for shortcuts in (False, True):
                plan = solve_fin(instance, gamma=gamma, rounding=rounding, shortcuts=shortcuts)
                if isinstance(plan, Plan):
                    judged, faults = evaluate(instance, 0, plan.exit_config, plan.placement)
                    assert faults == [], seed
                    assert judged.energy_j == pytest.approx(plan.energy_j, rel=TINY)
                    assert plan.levels_used is None or 0 <= plan.levels_used <= gamma
                    assert plan.energy_j >= cost_j(best(seed)) * (1 - TINY), seed
                    if plan.certified:
                        assert plan.energy_j == pytest.approx(cost_j(best(seed)), rel=TINY)


@pytest.mark.parametrize("rounding", fin.ROUNDINGS)
def test_a_plan_if_and_only_if_feasible(rounding):
    for seed in SEEDS:
        for gamma in (1, 10):
            found = solve_fin(random_instance(seed), gamma=gamma, rounding=rounding)
            assert isinstance(found, Plan) is isinstance(best(seed), Plan), seed
            if isinstance(found, Infeasible):
                assert found == best(seed)


def test_refusals_say_whether_they_are_proven():
    unproven = 0
    for seed in SEEDS:
        found = solve_fin(random_instance(seed), gamma=3, shortcuts=False)
        if isinstance(found, Infeasible):
            assert found.exact is isinstance(best(seed), Infeasible)
            if not found.exact:
                unproven += 1
                assert found.reason == "latency"
                assert found.least_latency_s <= random_instance(seed).apps[0].latency_s  # type: ignore[operator]
    assert unproven > 20


def test_programme_and_graph_give_the_same_path():
    for seed in range(0, 200, 2):
        instance = random_instance(seed)
        for gamma in (7, 30):
            lengths = []
            for config in accurate_configs(instance, 0):
                graph = build_feasible_graph(instance, 0, config, gamma)
                if nx.has_path(graph, "S", "Omega"):
                    lengths.append(nx.shortest_path_length(graph, "S", "Omega", "energy_j"))
            assert pure(seed, gamma) == pytest.approx(min(lengths, default=math.inf), rel=TINY), (seed, gamma)


# ------------------------------------------------------------------ 2: bounds of section 4.3
@pytest.mark.parametrize("rounding", fin.ROUNDINGS)
def test_no_worse_than_the_optimum_of_a_shorter_target(rounding):
    compared = 0
    for seed in SEEDS:
        instance = random_instance(seed)
        for gamma in (7, 20, 60):
            ratio = 1.0 - deepest(instance) / gamma
            if ratio > 0.0 and isinstance(best(seed), Plan):
                shorter = cost_j(optimum(with_app(instance, latency_s=instance.apps[0].latency_s * ratio)))
                assert pure(seed, gamma, rounding) <= shorter * (1 + TINY), (seed, gamma)
                compared += shorter < math.inf
    assert compared > 200


@pytest.mark.parametrize("rounding", fin.ROUNDINGS)
def test_optimal_with_enough_levels(rounding):
    reached = 0
    for seed in SEEDS:
        plan, target_s = best(seed), random_instance(seed).apps[0].latency_s
        if isinstance(plan, Plan) and plan.latency_s < target_s:
            gamma = math.ceil(deepest(random_instance(seed)) * target_s / (target_s - plan.latency_s))
            if gamma <= 5000:
                reached += 1
                assert pure(seed, gamma, rounding) == pytest.approx(plan.energy_j, rel=TINY), seed
    assert reached > 100


# ------------------------------------------------------------------ 3: monotone, "edge" only
def wider(instance: Instance, ratio: float) -> Instance:
    """The instance with larger C, M and B."""
    nodes = tuple(
        n.replace(capacity_ops_s=n.capacity_ops_s * ratio, memory_bits=n.memory_bits * ratio) for n in instance.nodes
    )
    arcs = tuple(arc.replace(capacity_bit_s=arc.capacity_bit_s * ratio) for arc in instance.arcs)
    return dataclasses.replace(instance, nodes=nodes, arcs=arcs)


def longer(instance: Instance) -> Instance:
    """The instance with a longer latency target."""
    return with_app(instance, latency_s=instance.apps[0].latency_s * 1.13)


def laxer(instance: Instance) -> Instance:
    """The instance with a lower accuracy target."""
    return with_app(instance, accuracy=instance.apps[0].accuracy * 0.9)


@pytest.mark.parametrize(
    "ease", [longer, laxer, lambda instance: wider(instance, 1.3)], ids=["delta", "alpha", "C M B"]
)
def test_easier_never_costs_more(ease: Callable[[Instance], Instance]):
    cheaper = 0
    for seed in SEEDS:
        for gamma in GAMMAS:
            eased = cost_j(solve_fin(ease(random_instance(seed)), gamma=gamma, shortcuts=False))
            assert eased <= pure(seed, gamma) * (1 + TINY), (seed, gamma)
            cheaper += eased < pure(seed, gamma) * (1 - TINY)
    assert cheaper > 20


def test_multiples_of_gamma_never_cost_more():
    for seed in SEEDS:
        for gamma in GAMMAS:
            for multiple in (2, 3):
                assert pure(seed, multiple * gamma) <= pure(seed, gamma) * (1 + TINY), (seed, gamma)


def test_a_window_never_costs_less():
    dearer = 0
    for seed in SEEDS:
        costs = [pure(seed, 20)]
        for window in (20, 10, 3):
            costs.append(cost_j(solve_fin(random_instance(seed), gamma=20, shortcuts=False, window=window)))
        assert costs[0] == costs[1]
        assert costs[1:] == sorted(costs[1:]), seed
        dearer += costs[-1] > costs[0]
    assert dearer > 20


# ------------------------------------------------------------------ 4: exact metamorphic relations
def dearer(instance: Instance) -> Instance:
    """Four times the energy of everything."""
    nodes = tuple(node.replace(power_w=4 * node.power_w) for node in instance.nodes)
    arcs = tuple(arc.replace(tx_j_bit=4 * arc.tx_j_bit, rx_j_bit=4 * arc.rx_j_bit) for arc in instance.arcs)
    return dataclasses.replace(instance, nodes=nodes, arcs=arcs)


def faster(instance: Instance) -> Instance:
    """The same world on a clock of half the period; loads are long-run and stay."""
    nodes = tuple(n.replace(speed_ops_s=2 * n.speed_ops_s, power_w=2 * n.power_w) for n in instance.nodes)
    arcs = tuple(arc.replace(rate_bit_s=2 * arc.rate_bit_s, prop_s=arc.prop_s / 2) for arc in instance.arcs)
    changed = dataclasses.replace(instance, nodes=nodes, arcs=arcs)
    return with_app(changed, latency_s=instance.apps[0].latency_s / 2)


def permuted(instance: Instance) -> Instance:
    """Nodes and arcs in another order, and a node that no arc leads to."""
    rng = np.random.default_rng(len(instance.arcs))
    nodes = [instance.nodes[k] for k in rng.permutation(len(instance.nodes))]
    arcs = [instance.arcs[k] for k in rng.permutation(len(instance.arcs))]
    alone = nodes[0].replace(id="alone", power_w=0.0)
    return dataclasses.replace(instance, nodes=(alone, *nodes), arcs=tuple(arcs))


@pytest.mark.parametrize(("change", "factor"), [(dearer, 4.0), (faster, 1.0), (permuted, 1.0)])
def test_metamorphic(change: Callable[[Instance], Instance], factor: float):
    for seed in SEEDS:
        changed = change(random_instance(seed))
        for rounding in fin.ROUNDINGS:
            found = cost_j(solve_fin(changed, gamma=20, rounding=rounding, shortcuts=False))
            assert found == pytest.approx(factor * pure(seed, 20, rounding), rel=1e-12), seed
        assert cost_j(optimum(changed)) == pytest.approx(factor * cost_j(best(seed)), rel=1e-12), seed


# ------------------------------------------------------------------ 5: limits
def test_limits_of_the_target():
    for seed in SEEDS:
        instance = random_instance(seed)
        thriftiest, fastest = least_energy(instance), least_latency(instance)
        endless = solve_fin(with_app(instance, latency_s=TARGET.high))
        if isinstance(thriftiest, Infeasible):
            assert endless == thriftiest == fastest == best(seed)
            continue
        assert isinstance(endless, Plan)
        assert isinstance(fastest, Plan)
        assert endless.certified
        assert endless.energy_j == thriftiest.energy_j
        hasty = solve_fin(with_app(instance, latency_s=fastest.latency_s * (1 - 1e-6)))
        assert hasty == Infeasible("a0", "latency", pytest.approx(fastest.latency_s, rel=1e-12))
        assert isinstance(solve_fin(with_app(instance, latency_s=fastest.latency_s)), Plan)
        accuracies = [config.accuracy for config in instance.dnns[instance.apps[0].dnn].exit_configs]
        picky = solve_fin(with_app(instance, accuracy=max(accuracies) + 1e-6))
        assert picky == Infeasible("a0", "accuracy", None)


# ------------------------------------------------------------------ 7: size and time
def test_size_of_the_graphs():
    gamma = 12
    for seed in range(0, 120, 3):
        instance = random_instance(seed, tight=0.0)
        n_nodes, n_arcs = len(instance.nodes), len(instance.arcs)
        out = sum(arc.from_node == instance.apps[0].source for arc in instance.arcs)
        for config in accurate_configs(instance, 0):
            depth = instance.dnns[instance.apps[0].dnn].depth(config)
            extended = build_extended_graph(instance, 0, config)
            most_edges = (1 + out) + (depth - 1) * (n_nodes + n_arcs) + n_nodes
            assert extended.number_of_nodes() <= 2 + depth * n_nodes
            assert extended.number_of_edges() <= most_edges
            feasible = build_feasible_graph(instance, 0, config, gamma)
            assert feasible.number_of_nodes() <= 2 + depth * n_nodes * (gamma + 1)
            assert feasible.number_of_edges() <= (gamma + 1) * most_edges


def subset_optimum_j(hard: Instance) -> float:
    """Optimum of a hard instance from its block sizes alone: each at 3 nJ and .5 ns or 1 nJ and 1 ns per operation."""
    sizes_op = np.array([block.ops for block in hard.dnns["net0"].blocks])
    fast = (np.arange(2 ** len(sizes_op))[:, None] >> np.arange(len(sizes_op))) & 1
    costs_j, times_s = 1e-9 * (1 + 2 * fast) @ sizes_op, 1e-9 * (1 - 0.5 * fast) @ sizes_op
    return float(costs_j[times_s <= hard.apps[0].latency_s].min())


def test_hard_instances():
    for blocks in (6, 10, 14):
        hard = hard_instance(blocks, seed=blocks)
        expected = subset_optimum_j(hard)
        assert cost_j(optimum(hard)) == pytest.approx(expected, rel=1e-12)
        costs = [cost_j(solve_fin(hard, gamma=gamma, shortcuts=False)) for gamma in (50, 100, 200, 400, 10_000)]
        assert costs == sorted(costs, reverse=True)
        assert costs[-1] <= expected * 1.01
