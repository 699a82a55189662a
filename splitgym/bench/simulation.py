"""Rates of the environments and of the policies' decisions."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import gymnasium as gym
import numpy as np

from splitgym.bench import peers
from splitgym.bench.measuring import Budget, Chunk, Row, Target, alternate, compare, counted
from splitgym.evaluation.policies import contender
from splitgym.policy import policy_names

ENV_ID = "SplitInference-v0"
N = 1024
#: Longest decision of a policy in a batch [us].
LIMITS_US = {"enachi": 5.0, "fin": 100.0}


class Batch:
    """Steps of the native batch by seeded random actions; counts the radio slots that they simulate."""

    def __init__(self, threads: int) -> None:
        self.env = gym.make_vec(ENV_ID, num_envs=N, num_threads=threads)
        self.env.reset(seed=0)
        self.turns = itertools.cycle(peers.sampled(self.env.action_space, 64))
        self.steps, self.slots = 0, 0

    def __call__(self) -> float:
        info: dict[str, Any] = self.env.step(next(self.turns))[4]
        self.steps += N
        self.slots += int(info["slots_used"].sum())
        return N


def batch_rows(budget: Budget) -> list[Row]:
    """The native batch with one thread and with ``budget.threads``, beside EnvPool, mobile-env, gymnax, PufferLib."""
    ours = {threads: Batch(threads) for threads in sorted({1, budget.threads})}
    chunks: dict[str, Chunk] = {f"ours {threads}": batch for threads, batch in ours.items()}
    chunks |= peers.envpools(ours)
    if mobile_env := peers.mobile_env():
        chunks[peers.MOBILE_ENV] = mobile_env
    with contextlib.ExitStack() as stack:
        for library, (name, _, _) in peers.OTHERS.items():
            if chunk := peers.other(library, budget.python, stack, N):
                chunks[name] = chunk
        rates = alternate(chunks, budget)
    pool, mobile = peers.best_envpool(rates), rates.get(peers.MOBILE_ENV)
    rows = []
    for threads, batch in ours.items():
        name, speed = f"batch of {N}, {counted(threads, 'thread')}", rates[f"ours {threads}"]
        slots = batch.slots / batch.steps
        wanted = Target(2.0) if threads == max(ours) else None
        note = f"{N} rows each, random actions; EnvPool with the threads that suit it"
        rows += [
            compare("batch", name, speed, "step/s", peers.ENVPOOL, pool, target=wanted, note=note),
            compare(
                "batch",
                name,
                speed,
                "step/s",
                peers.MOBILE_ENV,
                mobile,
                target=Target(300),
                note=f"{N} rows of ours, its one row, random actions",
            ),
            Row(
                group="batch",
                name=f"{name}: radio slots",
                value=float(np.median(speed)) * slots,
                unit="slot/s",
                note=f"{slots:.0f} slots in a step on average",
            ),
        ]
        batch.env.close()
    threads, note = max(ours), f"{N} rows each, random actions; theirs: {{}}"
    name, speed = f"batch of {N}, {counted(threads, 'thread')}", rates[f"ours {threads}"]
    for peer, how, install in peers.OTHERS.values():
        hint = f"{install}, here or in the Python of --peers"
        theirs = rates.get(peer)
        rows.append(
            compare("batch", name, speed, "step/s", peer, theirs, target=None, note=note.format(how), hint=hint)
        )
    return rows


def single_rows(budget: Budget) -> list[Row]:
    """The single environment through ``gym.make``: random actions, and everything computed on the device."""
    env = gym.make(ENV_ID)
    local = np.array([*(env.action_space.nvec[:3] - 1), 0])  # pyright: ignore[reportAttributeAccessIssue]
    rates = alternate(
        {
            "random actions": stepping_ours(peers.sampled(env.action_space, 1000)),
            "all on the device": stepping_ours([local]),
            peers.CARTPOLE: peers.cartpole(),
        },
        budget,
    )
    peer = rates.pop(peers.CARTPOLE)
    return [
        compare(
            "single",
            f"gym.make, {name}",
            rate,
            "step/s",
            peers.CARTPOLE,
            peer,
            target=Target(1.0),
            note="one environment each, through gym.make; resets count as no step",
        )
        for name, rate in rates.items()
    ]


def stepping_ours(actions: list[Any]) -> Chunk:
    """500 steps of a single environment of our own by the given actions."""
    return peers.stepping(gym.make(ENV_ID), actions, 500)


def policy_rows(budget: Budget) -> list[Row]:
    """Time of a decision in batches, for every registered policy of the world, in the encoding it asks for."""
    played = policy_names(ENV_ID)
    views = _observations(8)
    rates = alternate({name: _deciding(name, views) for name in played}, budget)
    return [
        Row(
            group="policies",
            name=f"{name}, batch of {N}",
            value=float(np.median(1e6 / rates[name])),
            unit="us",
            target=Target(LIMITS_US[name], of="value", at_most=True) if name in LIMITS_US else None,
            note="a decision, from observation to action",
        )
        for name in played
    ]


def _observations(count: int) -> list[np.ndarray]:
    """Batches that random actions lead to, a few steps apart."""
    env = gym.make_vec(ENV_ID, num_envs=N)
    views = [env.reset(seed=0)[0]]
    for step, action in enumerate(peers.sampled(env.action_space, 5 * count)):
        view = env.step(action)[0]
        if step % 5 == 4:
            views.append(view)
    return views[1:]


def _deciding(name: str, views: list[np.ndarray]) -> Chunk:
    player = contender(name)
    env = gym.make_vec(ENV_ID, num_envs=N, action=player.action, episode_options=player.episode_options)
    policy, turns = player.make(env), itertools.cycle(views)

    def chunk() -> float:
        policy.predict(next(turns))
        return N

    return chunk
