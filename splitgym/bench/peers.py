"""Other simulators, as they are installed; ``None`` where they are not."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import subprocess
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from splitgym.bench.measuring import Chunk

CARTPOLE, ENVPOOL, MOBILE_ENV = "gymnasium CartPole-v1", "EnvPool CartPole-v1", "mobile-env"
ENVPOOL_ROWS = 1024
#: Libraries that need not live beside ours: name of the module -> name of the peer, how it is run, how to install it.
OTHERS = {
    "gymnax": ("gymnax CartPole-v1", "64 steps in one compiled loop, on all cores", "pip install gymnax six"),
    "pufferlib": ("PufferLib CartPole", "one step after the other, on one core", "pip install pufferlib"),
}


def stepping(env: gym.Env, actions: Sequence[Any], count: int) -> Chunk:
    """``count`` steps of a single environment by the given actions, over and over; resets count as no step."""
    env.reset(seed=0)
    turns = itertools.cycle(actions)

    def chunk() -> float:
        for _ in range(count):
            _, _, terminated, truncated, _ = env.step(next(turns))
            if terminated or truncated:
                env.reset()
        return count

    return chunk


def batch_stepping(env: Any, batches: Iterable[Any], n: int) -> Chunk:
    """One step of a vector environment of ``n`` rows, already reset, by the given actions, over and over."""
    turns = itertools.cycle(batches)

    def chunk() -> float:
        env.step(next(turns))
        return n

    return chunk


def ours(env_id: str, n: int, count: int, **given: Any) -> Chunk:
    """Steps of a native batch of ``n`` rows by ``count`` batches of seeded random actions, over and over."""
    env = gym.make_vec(env_id, num_envs=n, **given)
    env.reset(seed=0)
    return batch_stepping(env, sampled(env.action_space, count), n)


def sampled(space: gym.Space, count: int) -> list[Any]:
    """``count`` actions of a space, seeded."""
    space.seed(0)
    return [space.sample() for _ in range(count)]


def cartpole() -> Chunk:
    """gymnasium's CartPole-v1 through ``gym.make``."""
    env = gym.make("CartPole-v1")
    return stepping(env, sampled(env.action_space, 1000), 500)


def envpool(n: int, threads: int) -> Chunk | None:
    """EnvPool's CartPole-v1 with ``n`` rows."""
    module = _optional("envpool")
    if module is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        env = module.make_gymnasium("CartPole-v1", num_envs=n, num_threads=threads, seed=0)
        env.reset()
    return batch_stepping(env, np.random.default_rng(0).integers(0, 2, (64, n), np.int32), n)


def envpools(threads: Iterable[int], n: int = ENVPOOL_ROWS) -> dict[str, Chunk]:
    """EnvPool's CartPole-v1 with several counts of threads, by name; empty where it is not installed."""
    return {f"{ENVPOOL} {t}": chunk for t in threads if (chunk := envpool(n, t))}


def best_envpool(rates: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Rates (repeats,) of EnvPool with the count of threads that suits it in each repeat; None: not installed."""
    pools = [rate for name, rate in rates.items() if name.startswith(ENVPOOL)]
    return np.max(pools, axis=0) if pools else None


def mobile_env() -> Chunk | None:
    """mobile-env's small central scenario, a single environment."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if _optional("mobile_env") is None:
            return None
        env = gym.make("mobile-small-central-v0", disable_env_checker=True)
        return stepping(env, sampled(env.action_space, 200), 20)


def other(library: str, python: str, stack: contextlib.ExitStack, n: int) -> Chunk | None:
    """CartPole-v1 of a library of :data:`OTHERS` with ``n`` rows, in a process of another Python that ``stack`` ends.

    ``None`` where that Python has no such library, or one that does not work.
    """
    command = [python, str(Path(__file__).with_name("others.py")), library, str(n)]
    pipe = subprocess.PIPE
    process = stack.enter_context(
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
    )
    steps, said = process.stdin, process.stdout
    if steps is None or said is None or said.readline() != "ready\n":
        return None

    def chunk() -> float:
        steps.write("\n")
        steps.flush()
        return float(said.readline())

    return chunk


def _optional(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        return None
