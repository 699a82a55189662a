"""From an environment, wrapped as a model was trained in it, to the layers that do what its wrappers did."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np

from splitgym.adapters.known import ACTS, OBSERVES, WRAPPERS, does, refusal
from splitgym.adapters.layers import Actions, BatchNormalised, Layer, Normalised, Singles, Stacked
from splitgym.quoting import shown


@dataclasses.dataclass(frozen=True)
class Walk:
    """What is between a model and the environment.

    Args:
        layers: from the inside outwards.
        bottom: the environment of this package, or ``None`` where it is in other processes.
    """

    layers: tuple[Layer, ...] = ()
    bottom: Any = None

    def begin(self, n: int) -> list[Any]:
        """Memories of the layers."""
        return [layer.begin(n) for layer in self.layers]

    def observe(self, observations: Any, memories: list[Any], starts: np.ndarray) -> Any:
        """Observations (n, n_fields) of the environment -> as the model was shown them."""
        for layer, memory in zip(self.layers, memories, strict=True):
            observations = layer.observe(observations, memory, starts)
        return observations

    def acted(self, actions: Any) -> Any:
        """Actions (n, ...) of the model -> as the environment takes them."""
        for layer in reversed(self.layers):
            actions = layer.acted(actions)
        return actions


def walk(env: Any) -> Walk:
    """The layers of an environment: single, vector, or one of stable-baselines3's, wrapped or not.

    Raises ``ValueError`` for a wrapper that is unknown or cannot be done again, ``TypeError`` for
    anything but an environment of this package.
    """
    layers, single, bottom = list[Layer](), list[Any](), None  # from the outside inwards
    for wrapper in _wrappers(env):
        bottom = wrapper
        if _is_bottom(wrapper):
            break
        what = does(wrapper)
        if what == OBSERVES and isinstance(wrapper, gym.Wrapper):
            single.append(wrapper)
            continue
        if single and (what == ACTS or not isinstance(wrapper, gym.Wrapper)):
            layers.append(_singles(single))
        if what == OBSERVES:
            layers.append(_batch_layer(wrapper))
        elif what == ACTS:
            layers.append(Actions(wrapper))
    if single:
        layers.append(_singles(single))
    return Walk(tuple(reversed(layers)), bottom if hasattr(bottom, "rows") else None)


def _is_bottom(env: Any) -> bool:
    return type(env).__module__.startswith("splitgym.") or isinstance(env, _Elsewhere)


class _Elsewhere:
    """Environments of this package in other processes, with nothing around them that matters."""


def _singles(wrappers: list[Any]) -> Layer:
    layer = Singles(wrappers[::-1])
    wrappers.clear()
    return layer


def _batch_layer(wrapper: Any) -> Layer:
    name = type(wrapper).__name__
    if name == "VecNormalize":
        return Normalised(wrapper, wrapper.observation_space)
    return Stacked(wrapper) if name == "VecFrameStack" else BatchNormalised(wrapper)


def _wrappers(env: Any) -> Iterator[Any]:
    """The wrappers around an environment from the outside inwards, and at last the environment itself."""
    while True:
        if _is_bottom(env):
            yield env
            return
        own = vars(env)  # wrappers of stable-baselines3 have the attributes of what is inside as well
        inner = next((own[name] for name in ("venv", "env", "par_env") if name in own), None)
        if inner is not None:
            if "par_env" not in own:  # SuperSuit's MarkovVectorEnv is no wrapper
                yield env
            env = inner
        elif "envs" in own or "vec_envs" in own:
            env = _alike(list(own.get("envs") or own["vec_envs"]))
        elif "remotes" in own or "parent_pipes" in own:
            yield _elsewhere(env)
            return
        else:
            raise TypeError(f"need an environment of splitgym, wrapped or not, got {shown(env)}")


def _alike(envs: list[Any]) -> Any:
    """One of several environments that are wrapped alike."""
    stacks = [[type(wrapper) for wrapper in _wrappers(env)] for env in envs]
    if any(stack != stacks[0] for stack in stacks):
        raise ValueError(
            "the model's environments are wrapped in different ways; hand one: policy_from(model, env=...)"
        )
    if len(envs) > 1 and any(kind.__name__ == "NormalizeObservation" for kind in stacks[0]):
        raise refusal("NormalizeObservation", f"each of {len(envs)} environments has statistics of its own")
    return envs[0]


def _elsewhere(env: Any) -> _Elsewhere:
    """Environments in other processes, by the names of what is around them.  Raises ``ValueError`` unless they pass."""
    names = env.env_method("__str__") if hasattr(env, "env_method") else env.call("__str__")
    known = {**WRAPPERS["gymnasium"], "Monitor": "pass"}
    for name in re.findall(r"<(\w+)(?=<\w+(?:<| instance))", names[0]):
        if known.get(name) != "pass":
            raise refusal(name, "it is in another process; hand one such environment of this process")
    return _Elsewhere()
