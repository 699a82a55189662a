"""What wrappers do to the observations of n rows, done again by the wrappers themselves.

A layer has ``space``, that of one observation above it; ``begin(n)``, its memory of n rows; ``observe(observations,
memory, starts)``, a batch of observations as the model was shown them; and ``acted(actions)``, the model's actions as
the environment takes them.  ``starts`` (n,) bool marks rows whose episode begins.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector.utils import concatenate, create_empty_array


class Layer:
    """Base: leaves everything alone and remembers nothing."""

    space: gym.Space

    def begin(self, n: int) -> Any:
        """Memory of n rows before their first observation."""
        return None

    def observe(self, observations: Any, memory: Any, starts: np.ndarray) -> Any:
        """Observations (n, ...) from below -> those above."""
        return observations

    def acted(self, actions: Any) -> Any:
        """Actions (n, ...) from above -> those below."""
        return actions


class Source(gym.Env):
    """An environment whose observation is the one that is put into it; the bottom of a copied stack of wrappers."""

    def __init__(self, space: gym.Space) -> None:
        self.observation_space, self.next = space, None

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """The observation, as the first of an episode."""
        return self.next, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """The observation, as a later one."""
        return self.next, 0.0, False, False, {}


class Singles(Layer):
    """Wrappers of a single environment, from the inside outwards: each row has copies of its own.

    Running statistics stay as they are.
    """

    def __init__(self, wrappers: Sequence[Any]) -> None:
        self.below, self.space = wrappers[0].env.observation_space, wrappers[-1].observation_space
        self._stack = self._copied(wrappers, {})
        if hasattr(self._stack, "spec"):
            self._stack._cached_spec = None

    def _copied(self, wrappers: Iterable[Any], memo: dict[int, Any]) -> Any:
        inner: Any = Source(self.below)
        for wrapper in wrappers:
            made = object.__new__(type(wrapper))
            memo[id(wrapper)], memo[id(wrapper.env)] = made, inner
            kept = {name: value for name, value in vars(wrapper).items() if name not in ("env", "_cached_spec")}
            made.__dict__.update(copy.deepcopy(kept, memo), env=inner, _cached_spec=None)
            if hasattr(made, "update_running_mean"):
                made.update_running_mean = False
            inner = made
        return inner

    def begin(self, n: int) -> list[Any]:
        """A stack of wrappers for each row."""
        return [copy.deepcopy(self._stack) for _ in range(n)]

    def observe(self, observations: Any, memory: Any, starts: np.ndarray) -> Any:
        """One observation after the other, each through the wrappers of its row."""
        seen = []
        for stack, observation, first in zip(memory, observations, starts, strict=True):
            stack.unwrapped.next = observation
            seen.append(stack.reset()[0] if first else stack.step(None)[0])
        return concatenate(self.space, seen, create_empty_array(self.space, len(seen)))


class Actions(Layer):
    """A wrapper of a single environment that changes actions, each by itself."""

    def __init__(self, wrapper: Any) -> None:
        self.space, self._action = wrapper.observation_space, functools.partial(type(wrapper).action, _alone(wrapper))

    def acted(self, actions: Any) -> np.ndarray:
        """Each action as the environment takes it."""
        return np.stack([self._action(action) for action in actions])


def _alone(wrapper: Any) -> Any:
    """A wrapper without the environment inside, but for its spaces."""
    made = object.__new__(type(wrapper))
    below = Source(wrapper.env.observation_space)
    below.action_space = wrapper.env.action_space
    made.__dict__.update(vars(wrapper), env=below, _cached_spec=None)
    return made


class Normalised(Layer):
    """stable-baselines3's ``VecNormalize``: its statistics as they are, which nothing here changes."""

    def __init__(self, wrapper: Any, space: gym.Space) -> None:
        self.space, self._wrapper = space, wrapper

    def observe(self, observations: Any, memory: Any, starts: np.ndarray) -> Any:
        """The same as ``VecNormalize.normalize_obs``."""
        return self._wrapper.normalize_obs(observations)


class BatchNormalised(Layer):
    """Gymnasium's ``vector.NormalizeObservation``: its statistics as they are, which nothing here changes."""

    def __init__(self, wrapper: Any) -> None:
        self.space = wrapper.single_observation_space
        self._wrapper = copy.copy(wrapper)
        self._wrapper.env, self._wrapper._update_running_mean = None, False

    def observe(self, observations: Any, memory: Any, starts: np.ndarray) -> Any:
        """What the wrapper makes of a batch, as float32."""
        return np.asarray(self._wrapper.observations(observations), np.float32)


class Stacked(Layer):
    """stable-baselines3's ``VecFrameStack``."""

    def __init__(self, wrapper: Any) -> None:
        self.space, stacked = wrapper.observation_space, wrapper.stacked_obs
        order = {True: "first", False: "last"}[stacked.channels_first]
        self._make = functools.partial(
            type(stacked), n_stack=stacked.n_stack, observation_space=stacked.observation_space, channels_order=order
        )

    def begin(self, n: int) -> Any:
        """Stacks of n rows."""
        return self._make(num_envs=n)

    def observe(self, observations: Any, memory: Any, starts: np.ndarray) -> Any:
        """Each row's last observations, zeros before its episode began."""
        if starts.all():
            return memory.reset(observations).copy()
        infos = [{"terminal_observation": observation} for observation in observations]
        return memory.update(observations, starts, infos)[0].copy()
