"""The single environment: one row of the engine behind the Gymnasium API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded

from splitgym.cards import Card, Carded
from splitgym.envs.canvas import RENDER_MODES, Canvas, render_mode_of
from splitgym.envs.describe import axis_table, card
from splitgym.envs.mixed import engine
from splitgym.envs.rewards import set_reward
from splitgym.envs.rows import option_table
from splitgym.fields import field_table
from splitgym.seeding import seed_key
from splitgym.worlds.records import REWARD, info_table, reward_table
from splitgym.worlds.tradeoffs import COST_KEY, objective_table
from splitgym.worlds.world import MASK, get_world

_ON, _OFF = np.ones(1, np.bool_), np.zeros(1, np.bool_)


class SplitEnv(Carded, gym.Env):
    """One episode of a world.

    Args:
        world: name of the world, fixed by the environment id; that of the class by default.
        scenario: preset name, TOML path, table or scenario object, or what :func:`splitgym.randomised` gives: then each
            episode has its own.
        action: encoding, one of ``"multidiscrete"``, ``"box"``, ``"discrete"``, ``"dict"``.
        episode_options: defaults of the episode options that ``reset(options=...)`` may override.
        reward: ``"scalar"``, or ``"vector"``: the objectives (d,) float64 that ``reward_names`` names, whose sum
            weighted by ``reward_weights`` is the scalar one but for rounding; for MO-Gymnasium.
        render_mode: ``None``, ``"ansi"``, ``"rgb_array"`` or ``"human"``.

    ``reset(options=...)`` accepts the world's episode options and ``"trace"``, a trace to replay.  The end of an
    episode is ``truncated`` where tasks run out, and ``terminated`` where nothing is left to gain: an empty hard
    battery, or the end of a task that is the whole episode.  ``info`` is for people and has the same keys at every
    reset and step, NumPy numbers of fixed type in SI units, plus ``action_mask``, which ``action_space.sample`` takes
    (0: cannot finish in time, though every action is accepted; see :mod:`splitgym.masks`).
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # noqa: RUF012 (declared so by Gymnasium)

    #: World of the class; :mod:`splitgym.envs.named` holds a class for each.
    of = "inference"

    def __init__(
        self,
        world: str | None = None,
        scenario: Any = "default",
        action: str = "multidiscrete",
        episode_options: Mapping[str, Any] | None = None,
        render_mode: str | None = None,
        reward: str = "scalar",
    ) -> None:
        self.world = get_world(self.of if world is None else world)
        self.rows = engine(self.world, scenario, action, 1, episode_options, log=render_mode is not None)
        self.scenario, self.params, self.encoding = self.rows.scenario, self.rows.params, self.rows.encoding
        self._parts = set_reward(self, reward)
        self.observation_space = self.rows.observation_space()
        self.action_space = self.encoding.space
        self.render_mode = render_mode_of(render_mode)
        self._link()
        self._detailed = self.world.details is not None
        self._canvas = Canvas(self.rows, render_mode)
        self._over = True  # no episode is running
        self._begun = False  # an episode has begun and not been stepped

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode: the one of ``seed``, or the successor of the last one."""
        if seed is not None:
            seed_key(seed)  # refuses anything but a seed before anything changes
        super().reset(seed=None if seed is None else int(seed))
        rows = self.rows
        rows.prepare(np.zeros(1, np.int64), [seed], option_table(options), lambda: int(self.np_random.integers(2**63)))
        rows.turn(_OFF, _ON)
        self.scenario, self.params = rows.setting(0)
        self._over, self._begun = False, True
        if self.render_mode == "human":
            self.render()
        return self._observation.copy(), self._info()

    def step(self, action: Any) -> tuple[np.ndarray, Any, bool, bool, dict[str, Any]]:
        """Decide the present task.  Raises ``ValueError`` for an action outside the space, with the state unharmed."""
        rows = self.rows
        if self._over:
            rows.check("step()")
            raise ResetNeeded("step() after the end of the episode; call reset() first")
        rows.decode(self.encoding.one(action))
        before = None if self._parts is None else rows.outcome_copy()
        if self._begun:  # the flags stay as they are until the next reset
            rows.turn(_ON, _OFF)
            self._begun = False
        else:
            rows.turn()
        rows.steps[0] += 1
        if self.render_mode == "human":
            self.render()
        terminated = rows.depleted.item()
        truncated = rows.finished.item() and not terminated
        self._over = terminated or truncated
        paid: Any = self._rewards.item()
        if before is not None and self._parts is not None:
            paid = self._parts.of(rows.outcomes, before)[0]
        return self._observation.copy(), paid, terminated, truncated, self._info()

    def action_masks(self) -> np.ndarray:
        """Mask of the present task in one row, (encoding.mask_size,) bool; name and form are sb3-contrib's."""
        self.rows.check("action_masks()")
        return self.rows.seen.masks[0].copy()

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

    def describe(self) -> str:
        """Markdown tables of observation fields, action axes, reward terms, objectives and keys of ``info``."""
        world = self.world
        tables = [field_table(self.rows.fields), axis_table(self.rows.axes), reward_table(world.reward_terms)]
        tables += [objective_table(world.parts)] if world.parts else []
        return "\n\n".join((*tables, info_table(world.info_columns)))

    def _card(self) -> Card:
        return card(self, self.encoding, self.rows.action)

    def _info(self) -> dict[str, Any]:
        info: dict[str, Any] = {name: column[0] for name, column in self._columns}
        mask = self.encoding.masks(self._mask.copy())
        if mask is not None:
            info[MASK.name] = mask
        if self.world.cost is not None:
            info[COST_KEY] = self.world.cost.value(info, self.scenario)
        if self._detailed:
            info.update({name: column[0] for name, column in self.rows.details().items()})
        return info

    def _link(self) -> None:
        """Views of what a step returns, kept because looking them up costs time at every step."""
        seen, outcomes = self.rows.seen, self.rows.outcomes
        self._observation, self._mask = seen.observations[0], seen.masks[0].view(np.int8)
        self._columns = [(name, outcomes[name]) for name in self.world.info_names]
        self._rewards = outcomes[REWARD]

    def __getstate__(self) -> dict[str, Any]:
        views = ("_observation", "_mask", "_columns", "_rewards")
        return {name: value for name, value in self.__dict__.items() if name not in views}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.encoding = self.rows.encoding
        self._link()
