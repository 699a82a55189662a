"""An environment that costs nothing.  Imports stable-baselines3, so it is imported only where that is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv


class FreeVecEnv(VecEnv):
    """Always the same observation and no reward, at no cost: what it leaves is stable-baselines3's own time.

    Args:
        n: number of rows.
        observation_space, action_space: of one row.
    """

    def __init__(self, n: int, observation_space: spaces.Space, action_space: spaces.Space) -> None:
        self.render_mode = None
        super().__init__(n, observation_space, action_space)
        observation_space.seed(0)
        self._seen = np.stack([observation_space.sample()] * n)
        self._rewards, self._dones = np.zeros(n, np.float32), np.zeros(n, np.bool_)
        self._infos: list[dict[str, Any]] = [{} for _ in range(n)]

    def reset(self) -> np.ndarray:
        """The observations (n, ...)."""
        return self._seen

    def step_async(self, actions: np.ndarray) -> None:
        """Ignore the actions (n, ...)."""

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Observations (n, ...), zero rewards (n,) float32, no row done (n,) bool, empty infos."""
        return self._seen, self._rewards, self._dones, self._infos

    def close(self) -> None:
        """Nothing to close."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The attribute, once for every chosen row."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of all rows."""
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Rows have no methods: raises ``AttributeError``."""
        raise AttributeError(f"rows of a free environment have no method {method_name!r}")

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """Always False."""
        return [False for _ in self._get_indices(indices)]
