"""Actions of every kind against every world, encoding and shell: :func:`run_actions`.

A *case* is a fresh seed and ``PER_CASE`` actions: samples, corners of the space, values that the mask forbids,
other containers and number types, and what no space contains.  What the space contains must be played, everything
else refused with a ``ValueError`` that leaves every byte of the state as it was.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from splitgym.encodings import ENCODINGS
from splitgym.envs.parallel import SplitParallelEnv
from splitgym.envs.single import SplitEnv
from splitgym.worlds.world import WORLDS
from tests.helpers import as_native, assert_same, native, short, single
from tests.identities import assert_info, assert_task

PER_CASE = 500
ROWS = 4
HOSTILE = 0.1  # share of actions that no space contains
MOST_MESSAGE = 500

#: What no encoding can take for an action of one environment.
NOTHING: list[Any] = [
    None, "abc", b"\x00", object(), {}, {"cut": 1}, {1: 2}, [[1], [2, 3]], (), [], math.nan, 1j, -1, 10**30, 1.5,
    np.zeros((2, 2, 2)), np.full(3, None), np.array(["0"] * 4), np.float64("inf"), lambda: 0, type, ...,
]  # fmt: skip


@functools.cache
def scenario_of(world: str, preset: str) -> Any:
    """The preset with short episodes."""
    return short(world, preset)


@functools.cache
def shell_of(world: str, preset: str, action: str, *kind: Any) -> Any:
    """An environment, made once: single, vector (mode, threads), the ``SyncVectorEnv`` beside it (mode), parallel."""
    scenario = scenario_of(world, preset)
    if kind[0] == "parallel":
        return SplitParallelEnv(scenario, action)
    if kind[0] == "vector":
        return native(ROWS, world, scenario, action, autoreset_mode=kind[1], num_threads=kind[2])
    if kind[0] == "sync":
        return SyncVectorEnv([lambda: single(world, scenario, action)] * ROWS, autoreset_mode=kind[1])
    return single(world, scenario, action)


# ------------------------------------------------------------------ actions
def good_action(space: gym.Space, mask: np.ndarray | None, rng: np.random.Generator) -> Any:
    """An action that the space contains: a sample, a corner, or one that the mask forbids; in some container."""
    if isinstance(space, gym.spaces.Dict):
        return {name: good_action(part, None, rng) for name, part in space.spaces.items()}
    kind = rng.integers(4)
    if isinstance(space, gym.spaces.Discrete):
        forbidden = np.flatnonzero(~mask) if mask is not None and len(mask) == space.n else ()
        choices = [int(rng.integers(space.n)), 0, int(space.n) - 1, int(rng.choice(forbidden)) if len(forbidden) else 0]
        return [int, np.int64, np.int32, np.array][rng.integers(4)](choices[kind])
    if isinstance(space, gym.spaces.MultiDiscrete):
        top = space.nvec - 1
        levels = [rng.integers(0, space.nvec), np.zeros_like(top), top, np.where(rng.random(len(top)) < 0.5, 0, top)]
        return contained(levels[kind].astype(np.int64), rng, (np.int64, np.int32, np.int8))
    assert isinstance(space, gym.spaces.Box)
    corners = np.where(rng.random(space.shape) < 0.5, space.low, space.high)
    inside = np.clip(np.nextafter(corners, 0.0), space.low, space.high)
    values = [rng.uniform(space.low, space.high).astype(space.dtype), corners, inside, np.zeros(space.shape)]
    return contained(values[kind].astype(space.dtype), rng, (space.dtype, np.float64))


def contained(values: np.ndarray, rng: np.random.Generator, dtypes: tuple[Any, ...]) -> Any:
    """The values as an array, read-only or not contiguous, or as a list or a tuple."""
    values = values.astype(dtypes[rng.integers(len(dtypes))])
    kind = rng.integers(5)
    if kind == 0:
        return values.tolist()
    if kind == 1:
        return tuple(values.tolist())
    if kind == 2:
        return np.repeat(values, 2)[::2]
    values.flags.writeable = kind != 3
    return values


def bad_action(space: gym.Space, rng: np.random.Generator) -> Any:
    """An action that the space does not contain, often a good one with a single fault."""
    if rng.random() < 0.4:
        return (
            NOTHING[rng.integers(len(NOTHING))] if not isinstance(space, gym.spaces.Discrete) else bad_index(space, rng)
        )
    if isinstance(space, gym.spaces.Dict):
        action, names = good_action(space, None, rng), list(space.spaces)
        name = names[rng.integers(len(names))]
        kind = rng.integers(3)
        if kind == 0:
            del action[name]
        elif kind == 1:
            action["extra"] = 0
        else:
            action[name] = bad_action(space.spaces[name], rng)
        return action
    if isinstance(space, gym.spaces.Discrete):
        return bad_index(space, rng)
    whole = isinstance(space, gym.spaces.MultiDiscrete)
    values = np.array(space.sample(), np.float64)
    place = tuple(rng.integers(n) for n in values.shape)
    faults = [math.nan, math.inf, -math.inf, 1e300, -1e300, -1.0 - 1e-6 if not whole else -1.0, 10.0**9]
    values[place] = faults[rng.integers(len(faults))]
    others = [values, values[:-1], np.append(values, 0.0), values[None], values.astype(complex), values.astype(str)]
    return others[rng.integers(len(others)) if rng.random() < 0.4 else 0]


def bad_index(space: gym.spaces.Discrete, rng: np.random.Generator) -> Any:
    """What is no index of a discrete space."""
    faults = [-1, int(space.n), 10**6 + int(space.n), 10**30, 1.5, math.nan, "1", None, [1, 1], np.array([[1]]), 1j, {}]
    return faults[rng.integers(len(faults))]


# ------------------------------------------------------------------ what must hold
def state_of(env: Any) -> bytes:
    """Everything that a step may change."""
    rows = env.rows
    nature = b"".join(np.ascontiguousarray(part).tobytes() for part in rows.nature)
    return rows._rows.tobytes() + rows.seen.observations.tobytes() + rows.seen.masks.tobytes() + nature


def assert_refused(env: Any, action: Any) -> None:
    """A step with what the space does not contain is a short ``ValueError``, and nothing has happened."""
    before = state_of(env)
    told = None
    try:
        env.step(action)
    except ValueError as error:
        told = str(error)
    assert told is not None, f"played what the space does not contain: {action!r}"
    assert len(told) < MOST_MESSAGE, f"a message of {len(told)} characters: {told[:200]}..."
    assert "\n" not in told, f"a message of several lines: {told}"
    assert state_of(env) == before, "an action that was refused has changed the state"


def assert_equal(a: Any, b: Any) -> None:
    """:func:`assert_same`, quicker where the bytes are the same."""
    if isinstance(a, np.ndarray) and a.dtype != object:
        if not (isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()):
            assert_same(a, b)
    elif isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for name in a:
            assert_equal(a[name], b[name])
    elif isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        for x, y in zip(a, b, strict=True):
            assert_equal(x, y)
    else:
        assert_same(a, b)


def assert_seen(env: Any, observation: np.ndarray, mask: np.ndarray, reward: float) -> None:
    """Observation in its space, mask of the right size with something allowed, finite reward."""
    assert env.observation_space.contains(observation), "observation outside its space"
    assert mask.dtype == np.bool_
    assert mask.shape == (env.encoding.mask_size,)
    assert mask.any(), "nothing is allowed"
    assert math.isfinite(reward), f"reward {reward}"


# ------------------------------------------------------------------ cases
def any_options(world: str, rng: np.random.Generator) -> dict[str, Any]:
    """Episode options, each at random."""
    options = WORLDS[world].options
    return {name: option.choices[rng.integers(len(option.choices))] for name, option in options.items()}


def play_single(world: str, preset: str, action: str, rng: np.random.Generator) -> int:
    """One environment, alone: spaces, flags, identities of ``info``; returns how many actions were refused."""
    env: SplitEnv = shell_of(world, preset, action, "single")
    env.action_space.seed(int(rng.integers(2**31)))
    _, before = env.reset(seed=int(rng.integers(2**31)), options=any_options(world, rng))
    refused, steps = 0, 0
    for _ in range(PER_CASE):
        if rng.random() < HOSTILE:
            assert_refused(env, bad_action(env.action_space, rng))
            refused += 1
            continue
        observation, reward, terminated, truncated, info = env.step(
            good_action(env.action_space, env.action_masks(), rng)
        )
        steps += 1
        assert_seen(env, observation, env.action_masks(), reward)
        assert (type(terminated), type(truncated)) == (bool, bool)
        assert not (terminated and truncated)
        assert_info(world, env.scenario, {**info, "reward": reward, "done": terminated}, before)
        assert steps <= env.rows.horizon, "longer than the longest episode"
        before = {**info, "stepped": True}
        if terminated or truncated:
            seed = None if rng.random() < 0.5 else int(rng.integers(2**31))
            before, steps = env.reset(seed=seed, options=any_options(world, rng))[1], 0
    return refused


def play_vector(world: str, preset: str, action: str, rng: np.random.Generator) -> int:
    """A native batch beside ``SyncVectorEnv`` over single ones: equal to the bit, whatever was refused between."""
    mode = list(AutoresetMode)[rng.integers(3)]
    ours = shell_of(world, preset, action, "vector", mode, int(rng.integers(1, 3)))
    theirs = shell_of(world, preset, action, "sync", mode)
    ours.action_space.seed(int(rng.integers(2**31)))
    seed, options, refused = int(rng.integers(2**31)), any_options(world, rng), 0
    assert_equal(*(as_native(envs.reset(seed=seed, options=options)) for envs in (ours, theirs)))
    for _ in range(PER_CASE // ROWS):
        if rng.random() < HOSTILE:
            assert_refused(ours, bad_batch(ours, rng))
            refused += ROWS
            continue
        batch = ours.action_space.sample()
        a, b = ours.step(batch), theirs.step(batch)
        assert_equal(a, as_native(b))
        done = a[2] | a[3]
        if mode is AutoresetMode.DISABLED and done.any():
            assert_equal(*(as_native(envs.reset(options={"reset_mask": done})) for envs in (ours, theirs)))
    return refused


def bad_batch(envs: Any, rng: np.random.Generator) -> Any:
    """A batch with a fault in one row, or none at all."""
    batch = envs.action_space.sample()
    if rng.random() < 0.3:
        return NOTHING[rng.integers(len(NOTHING))]
    if isinstance(batch, Mapping):
        names = list(batch)
        name = names[rng.integers(len(names))]
        part = envs.single_action_space.spaces[name]
        top = part.high.max() if isinstance(part, gym.spaces.Box) else 10**6
        values = np.array(batch[name], np.float64 if isinstance(part, gym.spaces.Box) else np.int64)
        values[rng.integers(len(values))] = -1 if rng.random() < 0.5 else 2 * top + 1
        return {**batch, name: values}
    values = np.array(batch)
    values[rng.integers(len(values))] = -7 if rng.random() < 0.5 else 10**6
    return values if rng.random() < 0.7 else values[:-1]


def play_parallel(preset: str, action: str, rng: np.random.Generator) -> int:
    """The parallel environment: every agent's spaces and identities, agents left out, unknown agents."""
    env: SplitParallelEnv = shell_of("multiuser", preset, action, "parallel")
    budget, refused = env.scenario.budget, 0
    spaces = {agent: env.action_space(agent) for agent in env.possible_agents}
    for space in spaces.values():
        space.seed(int(rng.integers(2**31)))
    env.reset(seed=int(rng.integers(2**31)), options=any_options("multiuser", rng))
    for _ in range(PER_CASE // len(spaces)):
        actions = {agent: good_action(space, None, rng) for agent, space in spaces.items()}
        if rng.random() < HOSTILE:
            agent = env.possible_agents[rng.integers(len(spaces))]
            fault = {"device_x": actions[agent]} if rng.random() < 0.3 else {agent: bad_action(spaces[agent], rng)}
            assert_refused(env, {**actions, **fault})
            refused += len(spaces)
            continue
        observations, rewards, terminations, truncations, infos = env.step(actions)
        for agent in spaces:
            assert env.observation_space(agent).contains(observations[agent]), "observation outside its space"
            assert math.isfinite(rewards[agent])
            assert not terminations[agent]
            assert_task(infos[agent], budget.energy_j, budget.infrastructure_weight)
        assert env.state_space.contains(env.state())
        if any(truncations.values()):
            assert all(truncations.values())
            env.reset()
    return refused


def cases(seed: int, start: int = 0) -> Iterator[tuple[int, str, Callable[[np.random.Generator], int]]]:
    """(index, what it is, function of a generator) without end; case k depends on the seed and k only."""
    k = start
    while True:
        rng = np.random.default_rng([seed, k])
        world = list(WORLDS)[rng.integers(len(WORLDS))]
        presets = WORLDS[world].preset_names()
        preset, action = presets[rng.integers(len(presets))], list(ENCODINGS)[rng.integers(len(ENCODINGS))]
        shell = ("single", "single", "vector", "parallel" if world == "multiuser" else "vector")[rng.integers(4)]
        yield k, f"{world}/{preset} {action} {shell}", _case(world, preset, action, shell)
        k += 1


def _case(world: str, preset: str, action: str, shell: str) -> Callable[[np.random.Generator], int]:
    def play(rng: np.random.Generator) -> int:
        if shell == "parallel":
            return play_parallel(preset, action, rng)
        return (play_single if shell == "single" else play_vector)(world, preset, action, rng)

    return play


def run_actions(count: int, seed: int, progress: Callable[[int], None] | None = None, start: int = 0) -> Counter[str]:
    """At least ``count`` actions; returns how many were ``played`` and ``refused``, and the cases of every kind.

    ``progress`` takes the number so far; ``start`` is the first case.  Raises ``AssertionError`` at the first fault,
    naming the seed and the case.
    """
    counts: Counter[str] = Counter()
    for k, what, play in cases(seed, start):
        try:
            refused = play(np.random.default_rng([seed, k, 1]))
        except Exception as error:
            raise AssertionError(f"case {k} of seed {seed} ({what}): {type(error).__name__}: {error}") from error
        counts.update({"played": PER_CASE - refused, "refused": refused, what.split("/")[0]: 1, what.split()[-1]: 1})
        done = counts["played"] + counts["refused"]
        if progress is not None:
            progress(done)
        if done >= count:
            return counts
    raise AssertionError("cases() has no end")
