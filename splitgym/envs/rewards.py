"""``reward="vector"``: the objectives of a world side by side, as MO-Gymnasium names them."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from splitgym.checks import word
from splitgym.quoting import shown
from splitgym.worlds.world import World

REWARDS = ("scalar", "vector")


class VectorReward:
    """Parts of the reward of a scenario: ``space`` (d,) float64, ``names``, ``weights`` (d,) of the scalar reward."""

    def __init__(self, world: World, scenario: Any) -> None:
        if not world.parts:
            raise ValueError(f'world {shown(world.name)} has no vector reward; leave out reward="vector"')
        self.world, self.scenario = world, scenario
        self.space = spaces.Box(-np.inf, np.inf, (len(world.parts),), np.float64)
        self.names = tuple(part.name for part in world.parts)
        self.weights = np.array([part.weight_in(scenario) for part in world.parts])

    def of(self, outcomes: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Vector rewards (n, d) float64 of a step from its outcomes (n,) and those of the step before."""
        return np.stack([part.value(outcomes, before, self.scenario) for part in self.world.parts], axis=1)


def set_reward(env: Any, reward: str) -> VectorReward | None:
    """Give an environment its ``cost_limit`` and, for ``"vector"``, the attributes that MO-Gymnasium reads."""
    env.reward = word("reward", reward, REWARDS)
    env.cost_limit = env.world.cost_limit(env.scenario)
    if reward == "scalar":
        return None
    if env.rows.contexts is not None:
        raise ValueError('a randomised scenario has one reward; leave out reward="vector"')
    parts = VectorReward(env.world, env.scenario)
    env.reward_space, env.reward_dim = parts.space, len(parts.names)
    env.reward_names, env.reward_weights = parts.names, parts.weights
    return parts
