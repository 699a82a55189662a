"""Batches of CartPole-v1 of libraries whose needs may clash with ours: a script for a Python that has them.

``python others.py LIBRARY ROWS`` says "ready", or ends if the library is missing.  For every line that it reads
it takes STEPS steps of the batch, and says how many steps of a row these were.  It imports nothing of ours.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module as there
from typing import Any

STEPS = 64


def gymnax(n: int) -> Callable[[], Any]:
    """gymnax: steps by random actions, compiled into one loop, as it is meant to be used."""
    jax: Any = there("jax")
    env, params = there("gymnax").make("CartPole-v1")

    def step(carry: Any, nothing: None) -> tuple[Any, Any]:
        key, state = carry
        key, chosen, drawn = jax.random.split(key, 3)
        actions = jax.random.randint(chosen, (n,), 0, 2)
        seen, state, reward, *_ = jax.vmap(env.step, (0, 0, 0, None))(
            jax.random.split(drawn, n), state, actions, params
        )
        return (key, state), (seen.sum(), reward.sum())

    loop = jax.jit(lambda carry: jax.lax.scan(step, carry, None, STEPS))
    keys = jax.random.split(jax.random.PRNGKey(0), n)
    carry = (jax.random.PRNGKey(1), jax.vmap(env.reset, (0, None))(keys, params)[1])

    def steps() -> None:
        nonlocal carry
        carry, sums = loop(carry)
        jax.block_until_ready(sums)

    return steps


def pufferlib(n: int) -> Callable[[], Any]:
    """PufferLib: its CartPole in C, by random actions that were drawn before, and without its report."""
    np: Any = there("numpy")
    env = there("pufferlib.ocean.cartpole.cartpole").Cartpole(num_envs=n, report_interval=1_000_000)
    env.reset()
    actions = np.random.default_rng(0).integers(0, 2, (STEPS, n), np.int32)

    def steps() -> None:
        for action in actions:
            env.step(action)

    return steps


def main() -> int:
    """Say "ready", then take steps for every line."""
    library, n = sys.argv[1], int(sys.argv[2])
    steps = {"gymnax": gymnax, "pufferlib": pufferlib}[library](n)
    steps()
    print("ready", flush=True)
    for _ in sys.stdin:
        steps()
        print(STEPS * n, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
