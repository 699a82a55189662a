"""Rates of the hardware world, and the time that DynaSplit's online phase takes."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from splitgym.bench import peers
from splitgym.bench.measuring import Budget, Chunk, Row, Target, alternate, compare, counted
from splitgym.fronts import Front
from splitgym.policy import make_policy

ENV_ID = "HardwareSplit-v0"
N = 1024
#: Medians that the published system needs (arXiv 2410.23881, released measurements of vgg16), for the notes.
PUBLISHED = {"choose": "published system: 4 ms (vgg16), 9 ms (vit)", "load": "published system: 29 s (vgg16)"}


def hardware_rows(budget: Budget) -> list[Row]:
    """Steps of the native batch, and choosing a configuration: one request, one observation, a batch, loading."""
    policy: Any = make_policy("dynasplit", gym.make(ENV_ID))
    batches = {threads: _stepping(threads) for threads in sorted({1, budget.threads})}
    with tempfile.TemporaryDirectory() as folder:
        file = policy.front.save(Path(folder) / "front.json")
        chunks: dict[str, Chunk] = {f"batch {t}": batch for t, batch in batches.items()}
        chunks |= {"choose": _choosing(policy.front), "one": _deciding(policy, 1), "many": _deciding(policy, N)}
        chunks |= peers.envpools(batches)
        rates = alternate({**chunks, "load": lambda: len(Front.load(file)) and 1.0}, budget)
    limit = Target(10.0, of="value", at_most=True)
    rows = [
        compare(
            "hardware",
            f"{ENV_ID}, batch of {N}, {counted(threads, 'thread')}",
            rates[f"batch {threads}"],
            "step/s",
            peers.ENVPOOL,
            peers.best_envpool(rates),
            target=Target(6.0) if threads == max(batches) else None,
            note=f"random actions; {peers.ENVPOOL_ROWS} rows of EnvPool with the threads that suit it",
        )
        for threads in batches
    ]
    return [
        *rows,
        _us("dynasplit, choose for one request", rates["choose"], limit, PUBLISHED["choose"]),
        _us("dynasplit, one observation", rates["one"], limit, "policy.predict: from observation to action"),
        _us(f"dynasplit, batch of {N}", rates["many"], limit, "a decision, from observation to action"),
        _us("dynasplit, load a front", rates["load"], None, PUBLISHED["load"]),
    ]


def _us(name: str, rates: np.ndarray, target: Target | None, note: str) -> Row:
    return Row(group="hardware", name=name, value=float(np.median(1e6 / rates)), unit="us", target=target, note=note)


def _stepping(threads: int) -> Chunk:
    return peers.ours(ENV_ID, N, 64, num_threads=threads)


def _choosing(front: Front) -> Chunk:
    limits_s = np.random.default_rng(0).uniform(0.05, 5.0, 1000).tolist()

    def chunk() -> float:
        for limit_s in limits_s:
            front.choose(limit_s)
        return len(limits_s)

    return chunk


def _deciding(policy: Any, n: int) -> Chunk:
    env = gym.make_vec(ENV_ID, num_envs=n)
    views = [env.reset(seed=seed)[0] for seed in range(8)]
    turns = itertools.cycle([view[0] for view in views] if n == 1 else views)

    def chunk() -> float:
        policy.predict(next(turns))
        return n

    return chunk
