"""Where the time of one step goes: of a single environment, and of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from splitgym.bench.measuring import Budget, Chunk, Row, alternate
from splitgym.bench.simulation import ENV_ID, N

_CALLS = 200  # of a part, between two looks at the clock


def part_rows(budget: Budget) -> list[Row]:
    """Times of the parts of a step: everything on the device, so that no slot is sent; then a batch, per row."""
    single = gym.make(ENV_ID)
    batch = gym.make_vec(ENV_ID, num_envs=N)
    alone, many = _of_single(single), _of_batch(batch)
    calls = {f"single: {name}": _repeated(part, _CALLS) for name, part in alone.items()}
    calls |= {f"batch of {N}: {name}": _repeated(part, 1) for name, part in many.items()}
    rates = alternate(calls, budget)
    batch.close()
    rows = []
    for name, rate in rates.items():
        share = 1 if name.startswith("single") else N
        note = "a call" if share == 1 else "a row, 1 thread"
        rows.append(Row(group="parts", name=name, value=float(np.median(1e6 / rate)) / share, unit="us", note=note))
    return rows


def _of_single(env: gym.Env) -> dict[str, Callable[[], object]]:
    """The parts of a step of a single environment, each without arguments."""
    inner: Any = env.unwrapped
    rows, encoding = inner.rows, inner.encoding
    local = np.array([*(env.action_space.nvec[:3] - 1), 0])  # pyright: ignore[reportAttributeAccessIssue]
    env.reset(seed=0)
    env.step(local)  # what the first step compiles

    def step() -> None:
        _, _, terminated, truncated, _ = env.step(local)
        if terminated or truncated:
            env.reset()

    return {
        "a step through gym.make": step,
        "decoding the action": lambda: rows.decode(encoding.one(local)),
        "the compiled loop, called for no row": lambda: rows._work(0, 0),
        "copying the observation": inner._observation.copy,
        "info": inner._info,
        "info: numbers": lambda: {name: column[0] for name, column in inner._columns},
        "info: mask": lambda: encoding.masks(inner._mask.copy()),
    }


def _of_batch(envs: Any) -> dict[str, Callable[[], object]]:
    """The parts of a step of a batch, each without arguments."""
    rows = envs.rows
    envs.action_space.seed(0)
    action = envs.action_space.sample()
    envs.reset(seed=0)
    envs.step(action)
    off = np.zeros(N, np.bool_)
    return {
        "a step, random actions": lambda: envs.step(action),
        "decoding the actions": lambda: rows.decode(action),
        "a turn in which no row moves": lambda: rows.turn(off, off),
        "infos": lambda: envs._infos(None),
        "copying outcomes": rows.outcome_copy,
        "copying observations": rows.seen.observations.copy,
    }


def _repeated(part: Callable[[], object], count: int) -> Chunk:
    """A part again and again; counts calls."""

    def chunk() -> float:
        for _ in range(count):
            part()
        return count

    return chunk
