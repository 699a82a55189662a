"""One model for every device: the central environment against the parallel one, decision by decision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import splitgym

pytest.importorskip("pettingzoo")

ID = "SplitInferenceMultiUser-v0"


class Model:
    """Decides by the digits of what one device observes."""

    def __init__(self, space: Any) -> None:
        self.space = space

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        digits: np.ndarray = np.abs(np.array(observations, np.float64))[:, :4] * 1e3
        if hasattr(self.space, "nvec"):
            return np.int64(digits) % self.space.nvec
        if hasattr(self.space, "n"):
            return np.int64(digits[:, 0]) % self.space.n
        return np.float32(digits % 2.0 - 1.0)[:, : self.space.shape[0]]


@pytest.mark.parametrize("action", ["multidiscrete", "box", "discrete"])
def test_the_central_environment_gives_what_the_parallel_one_gives(action: str) -> None:
    env = splitgym.parallel_env("default", action=action)
    observations, _ = env.reset(seed=5)
    model, team = Model(env.action_space(env.possible_agents[0])), 0.0
    while env.agents:
        batch = model(np.stack([observations[agent] for agent in env.agents]))
        observations, rewards, *_ = env.step(dict(zip(env.agents, batch, strict=True)))
        team += float(sum(rewards.values()))
    policy = splitgym.per_device(model, action=action, name="mine")
    results = splitgym.evaluate(policy, ID, episodes=2, seed=4)
    assert results.figure("mine", "return")[1] == pytest.approx(team, rel=1e-9)


def test_another_environment_is_refused() -> None:
    policy = splitgym.per_device(lambda x: x)
    with pytest.raises(ValueError, match="decides for devices that share a band"):
        splitgym.evaluate(policy, episodes=1)
