"""The multi-user world as a PettingZoo parallel environment: one agent for each device."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from pettingzoo import ParallelEnv

from splitgym.cards import Card, Carded
from splitgym.checks import whole_number, word
from splitgym.envs.canvas import RENDER_MODES, Canvas, render_mode_of
from splitgym.envs.describe import card
from splitgym.envs.rows import Rows, option_table
from splitgym.quoting import cut, shown
from splitgym.registry import nearest
from splitgym.seeding import seed_key
from splitgym.worlds.multiuser.agents import Agents
from splitgym.worlds.multiuser.layout import SHOWN_OF_DEVICE
from splitgym.worlds.records import RETURNED, REWARD
from splitgym.worlds.tradeoffs import COST_KEY, energy_cost
from splitgym.worlds.world import MASK, get_world

_ON, _OFF = np.ones(1, np.bool_), np.zeros(1, np.bool_)
REWARDS = ("own", "team")


class SplitParallelEnv(Carded, ParallelEnv):
    """``SplitInferenceMultiUser-v0`` with one agent for each device, ``user_0``, ``user_1``, ...

    Args:
        scenario: preset name, TOML path, table or scenario object of the multi-user world.
        action: encoding of an agent's decision: ``"multidiscrete"``, ``"box"``, ``"discrete"`` or ``"dict"``.
        reward: ``"own"``: each agent's own; ``"team"``: the mean of all, the same for everyone.
        max_cycles: truncate after so many frames; ``None``: when the scenario's frames are over.
        episode_options: defaults of the episode options that ``reset(options=...)`` may override.
        render_mode: ``None``, ``"ansi"``, ``"rgb_array"`` or ``"human"``.

    All agents live until the end of the episode, which is a truncation for all of them.  An agent without a task in a
    frame observes ``present`` = 0; its action is ignored and may be left out, its reward is 0.  ``infos[agent]`` has
    what came of its frame in SI units, ``action_mask`` in the form that its ``action_space.sample`` takes, and
    ``cost``, its energy in budgets of one task, whose sum over an episode is bounded by ``cost_limit`` for each agent.
    ``state()`` is the central observation.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (declared so by PettingZoo)
        "name": "split_inference_multi_user_v0",
        "render_modes": list(RENDER_MODES),
        "render_fps": 4,
        "is_parallelizable": True,
    }

    def __init__(
        self,
        scenario: Any = "default",
        action: str = "multidiscrete",
        reward: str = "own",
        max_cycles: int | None = None,
        episode_options: Mapping[str, Any] | None = None,
        render_mode: str | None = None,
    ) -> None:
        word("reward", reward, REWARDS)
        self.world = get_world("multiuser")
        self.rows = Rows(self.world, scenario, "multidiscrete", 1, episode_options, log=render_mode is not None)
        self.scenario, self.params = self.rows.scenario, self.rows.params
        self.parts = Agents(self.scenario, action)
        self.reward, self.render_mode = reward, render_mode_of(render_mode)
        self.max_cycles = None if max_cycles is None else whole_number("max_cycles (or None)", max_cycles)
        self.possible_agents = [f"user_{n}" for n in range(self.parts.count)]
        self.agents: list[str] = []
        self.state_space = self.rows.observation_space()
        # objects of their own, so that each agent's can be seeded; PettingZoo has both names, some libraries read them
        self.observation_spaces = {name: copy.deepcopy(self.parts.observation_space) for name in self.possible_agents}
        self.action_spaces = {name: copy.deepcopy(self.parts.encoding.space) for name in self.possible_agents}
        self.cost_limit = self.world.cost_limit(self.scenario) / self.parts.count  # of each agent
        self._names = [column.name for column in SHOWN_OF_DEVICE if column.name not in RETURNED]
        self._rng: np.random.Generator | None = None
        self._canvas = Canvas(self.rows, render_mode)

    def observation_space(self, agent: str) -> Any:
        """The agent's observation space, always the same object.  Raises ``ValueError`` for an unknown agent."""
        return self.observation_spaces[self._known(agent)]

    def action_space(self, agent: str) -> Any:
        """The agent's action space, always the same object.  Raises ``ValueError`` for an unknown agent."""
        return self.action_spaces[self._known(agent)]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        """Begin an episode: the one of ``seed``, or the successor of the last one."""
        if seed is not None:
            seed_key(seed)
            self._rng = np.random.default_rng(seed)
        chosen = option_table(options)
        chosen.pop("options", None)  # PettingZoo's own test gives this key to see whether options are taken
        self.rows.prepare(np.zeros(1, np.int64), [seed], chosen, self._entropy)
        self.rows.turn(_OFF, _ON)
        self.agents = list(self.possible_agents)
        if self.render_mode == "human":
            self.render()
        return self._observed(), self._infos()

    def step(self, actions: Mapping[str, Any]) -> tuple[dict, dict, dict, dict, dict]:
        """Decide one frame for all agents: observations, rewards, terminations, truncations, infos by agent.

        Raises ``ValueError`` for an unknown agent, a missing action of an agent with a task, and an action outside the
        space, with the state unharmed.
        """
        self.rows.check("step()")
        if not self.agents:
            raise ResetNeeded("step() after the end of the episode; call reset() first")
        self.rows.decide_values(self._values(self._joint(actions)))
        self.rows.turn(_ON, _OFF)
        self.rows.steps[0] += 1
        if self.render_mode == "human":
            self.render()
        over = bool(self.rows.finished[0])
        if self.max_cycles is not None:
            over = over or int(self.rows.steps[0]) >= self.max_cycles
        own = self.rows.nature.results[REWARD][0]
        shown = own if self.reward == "own" else np.full(len(own), own.mean())
        agents = self.agents
        out = (
            self._observed(),
            dict(zip(agents, shown.tolist(), strict=True)),
            dict.fromkeys(agents, False),
            dict.fromkeys(agents, over),
            self._infos(),
        )
        if over:
            self.agents = []
        return out

    def state(self) -> np.ndarray:
        """The central observation, (n_fields,) float32."""
        self.rows.check("state()")
        return self.rows.seen.observations[0].copy()

    def render(self) -> Any:
        """Draw the present state: text (``ansi``), an image (``rgb_array``) or a window (``human``)."""
        if self.render_mode is None:
            gym.logger.warn('render() without a render mode; make the environment with render_mode="rgb_array"')
            return None
        return self._canvas.draw()

    def close(self) -> None:
        """Close the window, if any, and end the episode; ``reset()`` begins another one."""
        self._canvas.close()
        self.rows.close()

    def _values(self, joint: Any) -> np.ndarray:
        try:
            return self.parts.values(joint, 1)
        except ValueError as error:
            raise ValueError(f"{error} (row n is that of agent user_n)") from None

    def _joint(self, actions: Mapping[str, Any]) -> Any:
        """The agents' actions as one batch; agents without a task may be silent."""
        if not isinstance(actions, Mapping):
            raise ValueError(f"actions must be a dictionary agent -> action, got {shown(actions)}")
        for agent in actions:
            self._known(agent)
        present = self.rows.nature.present[0, :, int(self.rows.states["frame"][0])]
        missing = [a for a, here in zip(self.possible_agents, present, strict=True) if here and a not in actions]
        if missing:
            raise ValueError(f"every agent with a task must act; no action for {', '.join(missing)}")
        encoding = self.parts.encoding
        names = [axis.name for axis in encoding.axes]
        idle = encoding.encode(np.zeros((1, encoding.width)))
        ones = [self._one(a, actions[a]) if a in actions else idle for a in self.possible_agents]
        try:
            if self.parts.action == "dict":
                return {name: np.concatenate([one[name] for one in ones]) for name in names}
            return np.concatenate(ones)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            space = self.parts.encoding.space
            raise ValueError(cut(f"the agents' actions do not fit {space}: {error}")) from None

    def _one(self, agent: str, action: Any) -> Any:
        try:
            return self.parts.encoding.one(action)
        except ValueError as error:
            raise ValueError(f"{agent}: {error}") from None

    def _observed(self) -> dict[str, np.ndarray]:
        seen = self.parts.observations(self.rows.seen.observations)[0]
        return {agent: seen[n].copy() for n, agent in enumerate(self.possible_agents)}

    def _card(self) -> Card:
        return card(self, self.parts.encoding, self.parts.action, f", {self.parts.count} agents")

    def _infos(self) -> dict[str, dict[str, Any]]:
        results, masks = self.rows.nature.results[0], self.parts.masks(self.rows.seen.masks)[0]
        columns = [(name, results[name]) for name in self._names]
        columns.append((COST_KEY, energy_cost(results, self.scenario)))
        infos: dict[str, dict[str, Any]] = {}
        for n, agent in enumerate(self.possible_agents):
            infos[agent] = {name: column[n] for name, column in columns}
            mask = self.parts.encoding.masks(masks[n].copy().view(np.int8))
            if mask is not None:
                infos[agent][MASK.name] = mask
        return infos

    def _known(self, agent: str) -> str:
        if agent not in self.possible_agents:
            raise ValueError(f"unknown agent {shown(agent)}{nearest(str(agent), self.possible_agents)}")
        return agent

    def _entropy(self) -> int:
        if self._rng is None:  # not before it is needed: copies of a fresh environment must differ
            self._rng = np.random.default_rng()
        return int(self._rng.integers(2**63))
