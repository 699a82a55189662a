"""Views of the environments for code that expects another ``step``."""

from __future__ import annotations

from typing import Any

import numpy as np

from splitgym.quoting import shown
from splitgym.worlds.tradeoffs import COST_KEY


class SafetyStep:
    """``step`` with the cost as a value of its own, as Safety-Gymnasium and the code written for it have it.

    ``step(action)`` returns ``observation, reward, cost, terminated, truncated, info``; everything else is the wrapped
    environment's, such as ``cost_limit``, the bound of an episode's sum of costs.  The cost is a float of one
    environment, an array (num_envs,) float64 of a vector environment (at the end of an episode that of the episode that
    ended, in every autoreset mode), and a dictionary by agent of a parallel environment.  Gymnasium's wrappers go
    inside: ``SafetyStep(TimeLimit(env, 100))``.

    Args:
        env: a single, vector or parallel environment of this package, in any of Gymnasium's wrappers.

    Raises:
        ValueError: an environment without a cost.
    """

    def __init__(self, env: Any) -> None:
        limit = getattr(getattr(env, "unwrapped", env), "cost_limit", np.inf)
        if not np.isfinite(limit):
            raise ValueError(f"{shown(env)} has no cost; SafetyStep takes the environments of splitgym")
        self.env, self.cost_limit = env, float(limit)

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, Any, Any]:
        """One step: ``observation, reward, cost, terminated, truncated, info``."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward, _cost(info), terminated, truncated, info

    def __getattr__(self, name: str) -> Any:
        if name == "env":  # while a copy is being made
            raise AttributeError(name)
        return getattr(self.env, name)

    def __repr__(self) -> str:
        return f"SafetyStep({self.env!r})"


def _cost(info: Any) -> Any:
    """The cost of the step that ``info`` tells of."""
    if COST_KEY not in info:
        return {agent: float(one[COST_KEY]) for agent, one in info.items()}
    cost = info[COST_KEY]
    if np.ndim(cost) == 0:
        return float(cost)
    if "final_info" not in info:
        return cost
    return np.where(info["_final_info"], info["final_info"][COST_KEY], cost)  # of the episode that ended
