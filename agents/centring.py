"""Centred rewards: what a learner is paid, less what it is paid on average."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecMonitor

#: Least weight of the newest rewards in their mean: it forgets what the agent earned a thousand steps ago.
_NEWEST = 1e-3


class CentredRewards(VecMonitor):
    """Rewards less their running mean over all rows; the returns that it notes of episodes are those of the rewards.

    With a discount near 1 a value is hundreds of mean rewards, the same in every state; a critic that is still on its
    way there cannot tell states apart.  Centred, it starts where it is needed.  What is best to do does not change
    where episodes end by truncation, since an infinite stream of rewards is judged there.  A training that goes on
    estimates the mean anew.

    Source: Naik, Wan, Tomar and Sutton, "Reward Centering", RLC 2024.
    """

    count, mean = 0, 0.0

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """As the environment's; rewards (n_envs,) float32 are centred by the mean that these have changed."""
        observations, rewards, done, infos = super().step_wait()
        self.count += 1
        self.mean += (float(rewards.mean()) - self.mean) * max(1.0 / self.count, _NEWEST)
        return observations, (rewards - self.mean).astype(np.float32), done, infos
