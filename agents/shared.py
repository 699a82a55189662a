"""One policy for all devices of a multi-user environment: the native batch as many agents.

Parameter sharing: every device of every row is a row of its own to the learner.  The same as a PettingZoo bridge over
:func:`splitgym.parallel_env`, but stepped by the compiled loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv

from splitgym.adapters.each_device import to_central
from splitgym.agents.config import REWARDS, SHARED_ACTIONS
from splitgym.envs.vector import SplitVectorEnv
from splitgym.numbers import as_array
from splitgym.worlds.multiuser.agents import Agents


class SharedVecEnv(VecEnv):
    """n rows of N devices as n times N rows for stable-baselines3, row by row.

    Args:
        n_envs: rows of the native environment.
        scenario: the multi-user setting.
        reward: ``"own"``: each device its own; ``"team"``: the mean of its row.
        action: encoding of one device's decision, ``"multidiscrete"`` or ``"box"``.
        kwargs: further arguments of :class:`splitgym.envs.vector.SplitVectorEnv`.

    Infos hold ``TimeLimit.truncated`` and, at the end of an episode, ``terminal_observation``.
    Raises ``ValueError`` for another reward or encoding.
    """

    def __init__(
        self, n_envs: int, scenario: Any, reward: str = "team", action: str = "multidiscrete", **kwargs: Any
    ) -> None:
        if reward not in REWARDS or action not in SHARED_ACTIONS:
            raise ValueError(
                f"reward must be one of {REWARDS}, action one of {SHARED_ACTIONS}; got {reward!r}, {action!r}"
            )
        self.venv = SplitVectorEnv(
            n_envs, "multiuser", scenario, action, autoreset_mode=AutoresetMode.SAME_STEP, **kwargs
        )
        self.rows, self.spec = self.venv.rows, None
        self.parts, self.reward = Agents(self.venv.scenario, action), reward
        self._actions = np.zeros(0)
        super().__init__(n_envs * self.parts.count, self.parts.observation_space, self.parts.encoding.space)
        self.metadata = self.venv.metadata

    def reset(self) -> np.ndarray:
        """Begin an episode in every row; observations (n N, n_agent_fields)."""
        seeds = self._seeds[:: self.parts.count]
        central, _ = self.venv.reset(seed=None if all(seed is None for seed in seeds) else list(seeds))
        self.reset_infos = [{} for _ in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        return self._split(central)

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions (n N, n_axes) for :meth:`step_wait`."""
        self._actions = as_array(actions, "actions")

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Step every row: observations, rewards (n N,) float32, dones (n N,) bool, infos."""
        n, count = self.venv.num_envs, self.parts.count
        central, _, terminated, truncated, columns = self.venv.step(to_central(self._actions, n))
        done = terminated | truncated
        rewards = columns["device_reward"]
        infos = [{"TimeLimit.truncated": False} for _ in range(self.num_envs)]
        if done.any():
            rewards = np.where(done[:, None], columns["final_info"]["device_reward"], rewards)
            for i in np.flatnonzero(done):
                last = self.parts.observations(columns["final_obs"][i][None])[0]
                for k in range(count):
                    infos[i * count + k] = {"TimeLimit.truncated": bool(truncated[i]), "terminal_observation": last[k]}
        if self.reward == "team":
            rewards = np.broadcast_to(rewards.mean(axis=1, keepdims=True), rewards.shape)
        return self._split(central), rewards.astype(np.float32).ravel(), np.repeat(done, count), infos

    def action_masks(self) -> np.ndarray:
        """Masks of the agents, (n N, mask size) bool."""
        return self.parts.masks(self.venv.action_masks()).reshape(self.num_envs, -1)

    def close(self) -> None:
        """Close the native environment."""
        self.venv.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The attribute of every chosen row; rows share what they have.  Raises ``AttributeError``."""
        rows = list(self._get_indices(indices))
        if attr_name == "action_masks":
            return [lambda i=i: self.action_masks()[i] for i in rows]
        return [getattr(self.venv, attr_name)] * len(rows)

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the native environment, for all rows."""
        setattr(self.venv, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """``action_masks`` of every chosen row.  Raises ``AttributeError`` for anything else."""
        if method_name != "action_masks":
            raise AttributeError(f"agents of one row cannot {method_name}() alone")
        masks = self.action_masks()
        return [masks[i] for i in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Always False: rows have no wrappers (use ``VecMonitor``)."""
        return [False] * len(list(self._get_indices(indices)))

    def get_images(self) -> Sequence[np.ndarray | None]:
        """The pictures of the native environment's rows, each (height, width, 3) uint8, one for all agents of a row.

        None for each without ``render_mode="rgb_array"``.
        """
        if self.render_mode != "rgb_array":
            return [None] * self.venv.num_envs
        return list(self.venv.render())

    def _split(self, central: np.ndarray) -> np.ndarray:
        return self.parts.observations(central).reshape(self.num_envs, -1)
