"""Episodes with random actions, recorded whole; and what global randomness has to do with them."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable, Iterator
from typing import Any

import gymnasium as gym
import numpy as np

from splitgym.testing.comparing import require


def sampled(space: gym.Space, n: int, seed: int) -> list[Any]:
    """``n`` samples of a space; the space is left with a new seed."""
    space.seed(seed)
    return [space.sample() for _ in range(n)]


def rollout(env: gym.Env, actions: Iterable[Any], seed: int | None = 0, **options: Any) -> list[tuple]:
    """Everything that ``reset`` and the steps returned; starts anew, without the options, at the end of an episode."""
    return [env.reset(seed=seed, options=options or None), *advance(env, actions)]


def advance(env: Any, actions: Iterable[Any]) -> list[tuple]:
    """Go on by the actions; a single environment begins its next episode at an end, as :func:`rollout` does."""
    out: list[tuple] = []
    for action in actions:
        out.append(env.step(action))
        if isinstance(env, gym.Env) and (out[-1][2] or out[-1][3]):
            out.append(env.reset())
    return out


@contextlib.contextmanager
def global_randomness(seed: int) -> Iterator[None]:
    """Global random numbers of Python and NumPy begin at ``seed`` inside, and go on as before afterwards."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002 (that others use it is what is looked for)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002


@contextlib.contextmanager
def untouched(what: str) -> Iterator[None]:
    """Raise ``AssertionError`` if somebody draws from the global random numbers of Python or NumPy inside."""
    before = _states()
    yield
    require(
        _states() == before,
        f"{what} draws from global random numbers (random.random, np.random.random, ...), so it does not depend on its "
        "seed alone; draw from a numpy.random.Generator of its own",
    )


def _states() -> list[Any]:
    name, key, *rest = np.random.get_state()  # noqa: NPY002
    return [random.getstate(), name, np.asarray(key).tobytes(), rest]
