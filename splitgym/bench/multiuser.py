"""Rates of the multi-user world: frames of N devices, and ENACHI's joint decision for them."""

from __future__ import annotations

import itertools
from typing import Any

import gymnasium as gym
import numpy as np

from splitgym.bench import peers
from splitgym.bench.measuring import Budget, Chunk, Row, Target, alternate, compare, counted
from splitgym.policy import make_policy
from splitgym.worlds.world import get_world

ENV_ID = "SplitInferenceMultiUser-v0"
SCENARIO = "enachi"
USERS = (1, 5, 20, 100)
ROWS = 64
FRAMES = 50  # of ENACHI's own episode, whose observations it is timed on
LIMIT_US, LIMIT_USERS = 120.0, 20
PEER, PEER_ROWS = "SplitInference-v0", 1024


def multiuser_rows(budget: Budget) -> list[Row]:
    """Device-frames of the native batch by random actions, and the time of a joint decision, for several N."""
    threads = sorted({1, budget.threads})
    steps = {f"{n} {t}": _stepping(n, t) for n in USERS for t in threads}
    decisions = {str(n): _deciding(n) for n in USERS}
    single = {f"{PEER} {t}": peers.ours(PEER, PEER_ROWS, 16, num_threads=t) for t in threads}
    taken = alternate({**steps, **single, **decisions}, budget)
    rates = {name: np.median(rate) for name, rate in taken.items()}
    rows = []
    for t in threads:
        for n in USERS:
            name, frames = f"batch of {ROWS}, N = {n}, {counted(t, 'thread')}", taken[f"{n} {t}"]
            note = f"{1e6 / rates[f'{n} {t}']:.3g} us a frame, random actions"
            if n != LIMIT_USERS:
                value = float(rates[f"{n} {t}"]) * n
                rows.append(Row(group="multiuser", name=name, value=value, unit="device-frame/s", note=note))
                continue
            note += f"; beside steps of {PEER_ROWS} rows of preset default, {counted(t, 'thread')}"
            target = Target(1.0) if t == max(threads) else None
            theirs = taken[f"{PEER} {t}"]
            rows.append(
                compare("multiuser", name, frames * n, "device-frame/s", PEER, theirs, target=target, note=note)
            )
    for n in USERS:
        target = Target(LIMIT_US, of="value", at_most=True) if n == LIMIT_USERS else None
        value = 1e6 / float(rates[str(n)])
        note = f"{value / n:.3g} us a device, from observation to action"
        rows.append(
            Row(group="multiuser", name=f"enachi decides, N = {n}", value=value, unit="us", target=target, note=note)
        )
    return rows


def _scenario(users: int) -> Any:
    return get_world("multiuser").load_scenario(SCENARIO, **{"users.count": users, "frames.count": 200})


def _stepping(users: int, threads: int) -> Chunk:
    return peers.ours(ENV_ID, ROWS, 16, num_threads=threads, scenario=_scenario(users))


def _deciding(users: int) -> Chunk:
    """One decision after the other on observations of an episode that ENACHI plays."""
    env = gym.make(ENV_ID, scenario=_scenario(users), action="dict")
    policy = make_policy("enachi", env)
    views = [env.reset(seed=0)[0]]
    for _ in range(FRAMES):
        views.append(env.step(policy.predict(views[-1])[0])[0])
    turns = itertools.cycle(views)

    def chunk() -> float:
        policy.predict(next(turns))
        return 1

    return chunk
