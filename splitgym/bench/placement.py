"""Rates of the placement world and its solvers: FIN beside exact labels and the MILP, where each is at its worst."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from splitgym.bench import peers
from splitgym.bench.measure import Budget, Chunk, Row, Target, counted, rate
from splitgym.placement.exact import optimum, optimum_all
from splitgym.placement.fin import solve_fin
from splitgym.placement.generate import hard_instance, random_instance
from splitgym.worlds.world import get_world

ENV_ID = "BlockPlacement-v0"
N = 256
_HARD = (8, 12, 14)  # blocks of the subset-sum family
_SLOW_S = 1.0  # what takes longer is measured once


def placement_rows(budget: Budget) -> list[Row]:
    """Steps of the native batch; run times of the solvers on 80 nodes and on the subset-sum family."""
    large = random_instance(80, blocks=8, exits=4, seed=0)
    half = random_instance(40, blocks=8, exits=4, seed=0)
    arcs = f"{len(large.nodes)} nodes, {len(large.arcs)} arcs, 8 blocks"
    limit = Target(5.0, of="value", at_most=True)
    jobs: list[tuple[str, Callable[[], Any], Target | None, str]] = [
        ("FIN, gamma 200", lambda: solve_fin(large, gamma=200, shortcuts=False), limit, arcs),
        ("FIN, gamma 2000", lambda: solve_fin(large, gamma=2000, shortcuts=False), None, "ten times the levels"),
        ("FIN, gamma 200, half the nodes", lambda: solve_fin(half, gamma=200, shortcuts=False), None,
         f"{len(half.nodes)} nodes, {len(half.arcs)} arcs, 8 blocks"),
        ("FIN with carry, gamma 200", lambda: solve_fin(large, gamma=200, rounding="carry"), None, arcs),
        ("exact labels", lambda: optimum(large), None, arcs),
        ("MILP (HiGHS)", lambda: optimum_all(large), None, arcs),
    ]  # fmt: skip
    for blocks in _HARD:
        hard = hard_instance(blocks)
        note = f"subset sums, {blocks} blocks"
        jobs += [
            (f"FIN, gamma 100, hard {blocks}", lambda i=hard: solve_fin(i, gamma=100, shortcuts=False), None, note),
            (f"exact labels, hard {blocks}", lambda i=hard: optimum(i), None, note),
        ]
    rows = [_batch(threads, budget) for threads in sorted({1, budget.threads})]
    for place, (name, job, target, note) in enumerate(jobs):
        rows.append(
            Row(group="placement", name=name, value=1e3 * _median_s(job, budget), unit="ms", target=target, note=note)
        )
        budget.show((place + 1) / len(jobs))
    return rows


def _median_s(job: Callable[[], Any], budget: Budget) -> float:
    """Median time of a solver [s] after one run that does not count, but for slow ones, which run once more at most."""
    job()
    times = []
    while len(times) < budget.repeats:
        begin = time.perf_counter()
        job()
        times.append(time.perf_counter() - begin)
        if times[0] > _SLOW_S:
            break
    return float(np.median(times))


def _batch(threads: int, budget: Budget) -> Row:
    """Steps of the native batch by random allowed moves."""
    chunk = _stepping(threads)
    chunk()
    rates = [rate(chunk, budget.seconds) for _ in range(budget.repeats)]
    name = f"{ENV_ID}, batch of {N}, {counted(threads, 'thread')}"
    note = "campus, random moves"
    return Row(group="placement", name=name, value=float(np.median(rates)), unit="step/s", note=note)


def _stepping(threads: int) -> Chunk:
    env = gym.make_vec(ENV_ID, num_envs=N, num_threads=threads, scenario=get_world("placement").load_scenario("campus"))
    env.reset(seed=0)
    turns = itertools.cycle(peers.sampled(env.action_space, 64))

    def chunk() -> float:
        env.step(next(turns))
        return N

    return chunk
