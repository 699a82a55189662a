"""What can be evaluated: registered names, trained agents by path, and policy objects, behind one face."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from splitgym.policy import POLICIES, load_baselines, make_policy

_ENCODING_OF_SPACE = {
    spaces.MultiDiscrete: "multidiscrete",
    spaces.Box: "box",
    spaces.Discrete: "discrete",
    spaces.Dict: "dict",
}


@dataclasses.dataclass(frozen=True)
class Contender:
    """A policy to be evaluated.

    ``make(env)`` gives a fresh policy for an environment that was made with encoding ``action`` and the episode
    options; ``agent`` marks trained ones, which are never taken as the best baseline.
    """

    name: str
    action: str
    episode_options: Mapping[str, Any]
    agent: bool
    make: Callable[[Any], Any]


def contender(policy: Any, *, seed: int = 0, trust: bool = False) -> Contender:
    """A :class:`Contender` from a registered name, the path of a trained model, or an object with ``predict``.

    Raises ``ValueError`` for an unknown name or a path that holds no model, ``TypeError`` for anything else.
    """
    if isinstance(policy, (str, Path)):
        load_baselines()
        name = str(policy)
        if name in POLICIES or not _looks_like_path(name):
            kind: Any = POLICIES[name]
            options = dict(getattr(kind, "episode_options", {}))
            return Contender(
                name, getattr(kind, "action", "dict"), options, False, lambda env: _seeded(name, kind, env, seed)
            )
        from splitgym.agents.checkpoint import load_agent

        policy = load_agent(Path(policy), trust=trust)
    if not hasattr(policy, "predict"):
        raise TypeError(f"a policy needs predict(observation, ...), got {type(policy).__name__}")
    name = getattr(policy, "name", type(policy).__name__)
    options = dict(getattr(policy, "episode_options", {}))
    return Contender(name, _encoding(policy), options, True, lambda env: _checked(policy, env))


def _checked(policy: Any, env: Any) -> Any:
    """A trained agent refuses an environment that it cannot play."""
    if hasattr(policy, "check"):
        policy.check(env)
    return policy


def _seeded(name: str, kind: Any, env: Any, seed: int) -> Any:
    """Shipped policies take a seed; a plain factory may not."""
    return make_policy(name, env, seed=seed) if isinstance(kind, type) else make_policy(name, env)


def _looks_like_path(name: str) -> bool:
    return "/" in name or "\\" in name or name.endswith(".zip") or Path(name).is_dir()


def _encoding(policy: Any) -> str:
    if hasattr(policy, "action"):
        return policy.action
    space = getattr(policy, "action_space", None)
    for kind, encoding in _ENCODING_OF_SPACE.items():
        if isinstance(space, kind):
            return encoding
    raise TypeError(
        f"{type(policy).__name__} does not say which actions it gives: it needs an attribute 'action' "
        "(name of the encoding) or 'action_space'"
    )


def act(policy: Any, observations: np.ndarray, masks: np.ndarray, state: Any, starts: np.ndarray) -> tuple[Any, Any]:
    """One batch of decisions; policies that say so (``uses_masks``) get the action masks."""
    if getattr(policy, "uses_masks", False):
        return policy.predict(observations, state=state, episode_start=starts, action_masks=masks, deterministic=True)
    return policy.predict(observations, state=state, episode_start=starts, deterministic=True)
