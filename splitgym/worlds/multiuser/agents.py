"""The central arrays of the multi-user world cut into those of its agents, one for each device, and put together."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from splitgym.encodings import ENCODINGS, Encoding
from splitgym.worlds.multiuser.axes import AXES
from splitgym.worlds.multiuser.fields import OBSERVATION_TABLE, agent_fields, common_fields, device_fields, scales_of
from splitgym.worlds.multiuser.scenario import MultiUserScenario
from splitgym.worlds.observation import places


class Agents:
    """N agents that act alike: their spaces, and the way between them and the central environment.

    Args:
        scenario: the setting.
        action: encoding of one agent's decision.
    """

    def __init__(self, scenario: MultiUserScenario, action: str = "multidiscrete") -> None:
        self.count = scenario.users.count
        self.action = action
        axes = tuple(choice.axis(scenario) for choice in AXES)
        self.encoding: Encoding = ENCODINGS[action](axes, lambda grid: _distinct(scenario, grid))
        self.fields = agent_fields(scenario)
        own = [field.name for field in device_fields(scenario)]
        central = places(OBSERVATION_TABLE.fields(scales_of(scenario)))
        self._own = [central[name] for name in own]
        self._common = [central[field.name] for field in common_fields(scenario)]
        self._averaged = [own.index(field.name[5:]) for field in self.fields if field.name.startswith("mean_")]
        self._levels = [len(axis.levels) for axis in axes]
        low, high = np.array([field.bounds for field in self.fields], np.float32).T
        self.observation_space = spaces.Box(low.copy(), high.copy(), dtype=np.float32)

    def observations(self, central: np.ndarray) -> np.ndarray:
        """Central observations (n, n_fields) float32 -> those of the agents (n, N, n_agent_fields) float32.

        Own fields, means over all devices, what all share; see :func:`splitgym.worlds.multiuser.fields.agent_fields`.
        """
        own = np.stack([central[:, place] for place in self._own], axis=1)
        means = own[:, self._averaged].mean(axis=2, dtype=np.float64).astype(np.float32)
        common = np.concatenate([means, *(central[:, place] for place in self._common)], axis=1)
        shared = np.broadcast_to(common[:, None], (len(central), self.count, common.shape[1]))
        return np.concatenate([own.transpose(0, 2, 1), shared], axis=2)

    def masks(self, central: np.ndarray) -> np.ndarray:
        """Central masks by axes (n, sum) bool -> those of the agents (n, N, mask_size) bool.

        With the ``discrete`` encoding a decision is allowed if each of its values is.
        """
        parts, begin = [], 0
        for levels in self._levels:
            end = begin + levels * self.count
            parts.append(central[:, begin:end].reshape(len(central), self.count, levels))
            begin = end
        table = self.encoding.table
        if not len(table):
            return np.concatenate(parts, axis=2)
        allowed = np.ones((len(central), self.count, len(table)), np.bool_)
        for j, part in enumerate(parts):
            place = np.searchsorted(self.encoding.levels[j, : self._levels[j]], table[:, j])
            allowed &= part[:, :, place]
        return allowed

    def values(self, actions: Any, n: int) -> np.ndarray:
        """Actions of n times N agents, row by row, -> central physical values (n, 4 N).  Raises ``ValueError``."""
        own = np.empty((n * self.count, self.encoding.width))
        self.encoding.decode(actions, own)
        return own.reshape(n, self.count, -1).transpose(0, 2, 1).reshape(n, -1)


def _distinct(scenario: MultiUserScenario, grid: np.ndarray) -> np.ndarray:
    """Distinct decisions of one agent: one power and no weight where nothing is sent."""
    local = grid["cut"] == len(scenario.dnn.cut_names) - 1
    idle = (grid["power_w"] == grid["power_w"].min()) & (grid["share"] == grid["share"].min())
    return ~local | idle
