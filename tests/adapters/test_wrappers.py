"""Wrappers of Gymnasium and stable-baselines3: every one of them is done again to the bit, passes or is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import wrappers as gw
from gymnasium.wrappers import vector as gv

import splitgym
from splitgym.adapters.known import ACTS, OBSERVES, PASS, WRAPPERS
from splitgym.adapters.walk import walk

ID = "SplitInference-v0"


def made(action: str = "multidiscrete") -> gym.Env:
    return gym.make(ID, action=action)


def limited(action: str = "multidiscrete") -> gym.Env:
    return gw.TimeLimit(made(action), 10_000)


def _box(env: gym.Env) -> gym.spaces.Box:
    assert isinstance(env.observation_space, gym.spaces.Box)
    return env.observation_space


#: Wrapper -> an environment inside it.
EXAMPLES: dict[str, Callable[[], gym.Env]] = {
    "DelayObservation": lambda: gw.DelayObservation(made(), 2),
    "DtypeObservation": lambda: gw.DtypeObservation(made(), np.float16),
    "DiscretizeObservation": lambda: gw.DiscretizeObservation(made(), 3, multidiscrete=True),
    "FlattenObservation": lambda: gw.FlattenObservation(gw.FrameStackObservation(made(), 3)),
    "FrameStackObservation": lambda: gw.FrameStackObservation(made(), 3, padding_type="zero"),
    "TransformObservation": lambda: gw.TransformObservation(made(), lambda x: x[::-1] * 2.0, None),
    "NormalizeObservation": lambda: _normalized(gw.NormalizeObservation(made())),
    "ReshapeObservation": lambda: gw.ReshapeObservation(made(), (1, *(_box(made()).shape))),
    "RescaleObservation": lambda: gw.RescaleObservation(made(), np.float32(-3.0), np.float32(5.0)),
    "TimeAwareObservation": lambda: gw.TimeAwareObservation(limited(), normalize_time=True),
    "ClipAction": lambda: gw.ClipAction(made("box")),
    "DiscretizeAction": lambda: gw.DiscretizeAction(made("box"), 3, multidiscrete=True),
    "TransformAction": lambda: gw.TransformAction(made("box"), lambda a: -a, None),
    "RescaleAction": lambda: gw.RescaleAction(made("box"), np.float32(0.0), np.float32(1.0)),
}


def _normalized(env: gw.NormalizeObservation) -> gym.Env:
    """With statistics of something."""
    env.reset(seed=9)
    for _ in range(50):
        env.step(env.action_space.sample())
    env.update_running_mean = False
    return env


class Watching:
    """Decides by the digits of what it sees, and remembers all of it."""

    def __init__(self, space: gym.Space) -> None:
        self.space, self.seen, self.observation_space = space, list[Any](), None

    def __call__(self, observations: Any) -> np.ndarray:
        self.seen.append(np.array(observations))
        actions = []
        for observation in np.asarray(observations, np.float64):
            digits = np.abs(np.resize(observation, self.space.shape or (1,))) * 1e3
            if isinstance(self.space, gym.spaces.MultiDiscrete):
                actions.append(np.int64(digits) % self.space.nvec)
            else:
                assert isinstance(self.space, gym.spaces.Box)
                low, high = np.maximum(self.space.low, -2), np.minimum(self.space.high, 2)
                actions.append(np.float32(low + (high - low) * (digits % 1.0)))
        return np.array(actions)


def by_hand(env: gym.Env, seed: int) -> tuple[list[Any], float]:
    """An episode in the wrapped environment: what was seen, and the return."""
    model, total, over = Watching(env.action_space), 0.0, False
    observation, _ = env.reset(seed=seed)
    while not over:
        observation, reward, terminated, truncated, _ = env.step(model(observation[None])[0])
        total, over = total + float(reward), terminated or truncated
    return model.seen, total


@pytest.mark.filterwarnings("ignore:.*precision lowered:UserWarning")  # of the cast that DtypeObservation is
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_wrapper_of_gymnasium_is_done_again_to_the_bit(name: str) -> None:
    assert WRAPPERS["gymnasium"][name] in (OBSERVES, ACTS)
    env = EXAMPLES[name]()
    model = Watching(env.action_space)
    results = splitgym.evaluate({"one": splitgym.policy_from(model, env=env)}, episodes=2, seed=3)
    for row in range(2):
        seen, total = by_hand(EXAMPLES[name]() if name != "NormalizeObservation" else env, 3 + row)
        mine = [batch[row] for batch in model.seen[1 : 1 + len(seen)]]  # the first is only to warm up
        assert all(np.array_equal(a, b[0]) and a.dtype == b.dtype for a, b in zip(mine, seen, strict=True))
        assert results.figure("one", "return")[row] == pytest.approx(total, rel=1e-12)


def test_every_wrapper_of_gymnasium_is_known() -> None:
    for library, module in (("gymnasium", gw), ("gymnasium.vector", gv)):
        names = {name for name in module.__all__ if name != "vector"}
        assert names <= set(WRAPPERS[library]), names - set(WRAPPERS[library])
    again = {name for name, what in WRAPPERS["gymnasium"].items() if what in (OBSERVES, ACTS)}
    assert again == set(EXAMPLES)


def test_those_that_pass_change_neither_observations_nor_actions() -> None:
    """By their own classes: none of them is of a kind that may change one of these."""
    for name, what in WRAPPERS["gymnasium"].items():
        if what == PASS:
            assert not issubclass(getattr(gw, name), (gym.ObservationWrapper, gym.ActionWrapper)), name


class Mine(gym.ObservationWrapper):
    """A wrapper of the user's own."""

    def observation(self, observation: Any) -> Any:
        return -observation


class Derived(gw.TimeLimit):
    """Derived from one that passes, so it may do anything."""


@pytest.mark.parametrize(
    ("wrap", "why"),
    [
        (lambda env: gw.StickyAction(env, 0.1), "StickyAction: it changes which decisions"),
        (lambda env: gw.MaxAndSkipObservation(env, 2), "MaxAndSkipObservation: it changes which decisions"),
        (lambda env: gw.RepeatAction(env, 2), "RepeatAction: it changes which decisions"),
        (Mine, "Mine: what it does is not known"),
        (lambda env: Derived(env, 10), "Derived: what it does is not known"),
        (lambda env: gw.FrameStackObservation(Mine(env), 2), "Mine: what it does is not known"),
    ],
)
def test_what_cannot_be_done_again_is_refused_with_a_way_on(wrap: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why) as error:
        splitgym.policy_from(Watching(gym.spaces.Discrete(2)), env=wrap(made()))
    assert "splitgym.policy_from(model, env=...)" in str(error.value)


def test_those_that_pass_leave_nothing_behind() -> None:
    env = gw.RecordEpisodeStatistics(gw.TransformReward(gw.TimeLimit(made(), 5), lambda r: 2 * float(r)))
    assert walk(env).layers == ()
    assert walk(env).bottom is env.unwrapped
    with pytest.raises(TypeError, match="need an environment of splitgym"):
        walk(gym.make("CartPole-v1"))


def test_statistics_of_a_native_batch_are_used() -> None:
    """Gymnasium's vector wrapper, as scripts in CleanRL's style have it."""
    envs = gv.NormalizeObservation(gym.make_vec(ID, num_envs=4, vectorization_mode="vector_entry_point"))
    envs.reset(seed=1)
    for _ in range(20):
        envs.step(envs.action_space.sample())
    mean, var = envs.obs_rms.mean.copy(), envs.obs_rms.var.copy()
    model = Watching(envs.single_action_space)
    splitgym.evaluate({"one": splitgym.policy_from(model, env=envs)}, episodes=2)
    first, _ = gym.make(ID).reset(seed=1)
    np.testing.assert_array_equal(model.seen[1][1], np.float32((first - mean) / np.sqrt(var + envs.epsilon)))
    np.testing.assert_array_equal(envs.obs_rms.mean, mean)
