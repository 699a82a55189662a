"""Parts count no references, and no array is lost or freed too early for that."""

from __future__ import annotations

import numpy as np
import pytest

from splitgym.jit import config, jit
from splitgym.jit_parts import makes_arrays
from splitgym.worlds.world import WORLDS
from tests.helpers import run_python

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")


def total(x):
    out = 0.0
    for k in range(x.shape[0]):
        out += x[k]
    return out


def doubled(x):
    return np.full(x.shape[0], 2.0) * x


def added(x):
    return x + x  # an operator makes an array


def behind(x):
    return x[1:]


@pytest.mark.parametrize(
    ("function", "made"),
    [
        (total, False),
        (behind, False),
        (added, False),  # cannot be told from its names; found when it is compiled
        (doubled, True),
        (lambda x: x.copy()[0], True),
        (lambda x: np.float64(x[0]) + np.inf, False),
        (lambda x: np.uint64(x[0]).view(np.float64), False),
    ],
)
def test_what_makes_arrays_is_known_by_its_names(function, made):
    assert makes_arrays(function) is made


def compiled(*functions):
    found = []
    for function in functions:
        dispatcher = jit(function)
        assert dispatcher.counted  # not a file of the package
        dispatcher.counted = makes_arrays(function)
        found.append(dispatcher)
    return found


def counting(part):
    return any("NRT_" in str(made.library._final_module) for made in part._parts.values())


def test_parts_count_only_where_an_array_comes_to_be():
    (add, twice, tail, summed) = compiled(added, doubled, behind, total)

    def through(x):
        return summed(twice(x)) + summed(tail(x)) + summed(add(x))

    def plain(x):
        return summed(x) + summed(x[1:])

    outer, inner = compiled(through, plain)

    def play(x):
        return outer(x) + inner(x)

    play = jit(play)
    x = np.arange(5.0)
    assert play(x) == 2.0 * 10.0 + 10.0 + 2.0 * 10.0 + 10.0 + 10.0
    assert [counting(part) for part in (add, twice, tail, outer)] == [True] * 4
    assert [counting(part) for part in (summed, inner)] == [False] * 2


_PLAY = """
import sys
import gymnasium as gym
import splitgym
from numba.core.runtime import rtsys

env = gym.make_vec({env_id!r}, num_envs=4)
env.reset(seed=0)
env.action_space.seed(0)
actions = [env.action_space.sample() for _ in range(30)]

def state():
    stats = rtsys.get_allocation_stats()
    return stats.alloc - stats.free, [sys.getrefcount(array) for array in env.unwrapped.rows.nature]

def play():
    for action in actions:
        env.step(action)
    return state()

assert play() == play(), "arrays are lost or freed too early"
"""


@pytest.mark.parametrize("env_id", [WORLDS[name].env_id for name in WORLDS])
def test_no_array_is_lost_in_a_world(env_id):
    run_python(_PLAY.format(env_id=env_id), NUMBA_NRT_STATS="1")
