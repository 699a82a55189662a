"""Rates of the placement world and its solvers: FIN beside exact labels and the MILP, where each is at its worst."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from splitgym.bench import peers
from splitgym.bench.measuring import Budget, Chunk, Row, Target, alternate, compare, counted, median_s
from splitgym.placement.exact import optimum, optimum_all
from splitgym.placement.fin import solve_fin
from splitgym.placement.generate import hard_instance, random_instance
from splitgym.placement.instance import Instance
from splitgym.worlds.world import get_world

ENV_ID = "BlockPlacement-v0"
N = 256
_HARD = (12, 16, 20)  # blocks of the subset-sum family
_SUBSETS = "every subset of the blocks is a distinct trade-off"


def placement_rows(budget: Budget) -> list[Row]:
    """Steps of the native batch; run times of the solvers on 80 nodes and on the subset-sum family."""
    half = random_instance(80, blocks=8, exits=4, seed=0)
    large = denser(half, 523)
    size = "80 nodes, {} arcs, 8 blocks, 4 exits"
    limit = Target(5.0, of="value", at_most=True)
    jobs: list[tuple[str, Callable[[], Any], Target | None, str]] = [
        ("FIN, gamma 200", lambda: solve_fin(large, gamma=200, shortcuts=False), limit, size.format(len(large.arcs))),
        (
            "FIN, gamma 200, half the arcs",
            lambda: solve_fin(half, gamma=200, shortcuts=False),
            None,
            size.format(len(half.arcs)),
        ),
        ("FIN, gamma 2000", lambda: solve_fin(large, gamma=2000, shortcuts=False), None, "10 x the levels"),
        ("FIN, gamma 20000", lambda: solve_fin(large, gamma=20_000, shortcuts=False), None, "100 x the levels"),
        ("FIN with carry, gamma 200", lambda: solve_fin(large, gamma=200, rounding="carry"), None, "the same instance"),
        ("exact labels", lambda: optimum(large), None, "the same instance"),
        ("MILP (HiGHS)", lambda: optimum_all(large), None, "the same instance"),
    ]
    for blocks in _HARD:
        hard = hard_instance(blocks)
        jobs += [
            (f"FIN, gamma 100, hard {blocks}", lambda i=hard: solve_fin(i, gamma=100, shortcuts=False), None, _SUBSETS),
            (f"exact labels, hard {blocks}", lambda i=hard: optimum(i), None, _SUBSETS),
        ]
    rows = _batches(dataclasses.replace(budget, show=lambda share: None))
    for place, (name, job, target, note) in enumerate(jobs):
        rows.append(
            Row(group="placement", name=name, value=1e3 * median_s(job, budget), unit="ms", target=target, note=note)
        )
        budget.show((place + 1) / len(jobs))
    return rows


def denser(instance: Instance, count: int) -> Instance:
    """The instance with ``count`` arcs: those added are like one between the same tiers, and close no cycle."""
    rng, arcs = np.random.default_rng(0), list(instance.arcs)
    place = {node.id: i for i, node in enumerate(instance.nodes)}
    tier = {node.id: node.tier for node in instance.nodes}
    there = {(arc.from_node, arc.to_node) for arc in arcs}
    pairs = [(u, v) for u, v in itertools.permutations(place, 2) if place[u] < place[v] and (u, v) not in there]
    for i in rng.permutation(len(pairs)):
        u, v = pairs[i]
        like = [arc for arc in instance.arcs if (tier[arc.from_node], tier[arc.to_node]) == (tier[u], tier[v])]
        if like and len(arcs) < count:
            arcs.append(like[int(rng.integers(len(like)))].replace(from_node=u, to_node=v))
    return instance.replace(arcs=tuple(arcs))


def _batches(budget: Budget) -> list[Row]:
    """Steps of the native batch by random moves, allowed or not, beside EnvPool's."""
    batches = {threads: _stepping(threads) for threads in sorted({1, budget.threads})}
    rates = alternate({**{str(t): batch for t, batch in batches.items()}, **peers.envpools(batches)}, budget)
    return [
        compare(
            "placement",
            f"{ENV_ID}, batch of {N}, {counted(threads, 'thread')}",
            rates[str(threads)],
            "step/s",
            peers.ENVPOOL,
            peers.best_envpool(rates),
            target=Target(1.0) if threads == max(batches) else None,
            note=f"campus, random moves; {peers.ENVPOOL_ROWS} rows of EnvPool with the threads that suit it",
        )
        for threads in batches
    ]


def _stepping(threads: int) -> Chunk:
    return peers.ours(ENV_ID, N, 64, num_threads=threads, scenario=get_world("placement").load_scenario("campus"))
