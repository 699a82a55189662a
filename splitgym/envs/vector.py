"""The native vector environment: the same loop over n rows, with all three autoreset modes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from splitgym.cards import Card, Carded
from splitgym.checks import whole_number, word
from splitgym.envs.canvas import RENDER_MODES, Canvas, render_mode_of
from splitgym.envs.describe import card
from splitgym.envs.mixed import engine
from splitgym.envs.rewards import set_reward
from splitgym.envs.rows import option_table
from splitgym.numbers import as_array
from splitgym.quoting import shown
from splitgym.seeding import seed_key
from splitgym.worlds.tradeoffs import COST_KEY
from splitgym.worlds.world import MASK, get_world


def _autoreset(mode: Any) -> AutoresetMode:
    if isinstance(mode, AutoresetMode):
        return mode
    return AutoresetMode(word("autoreset_mode", mode, [known.value for known in AutoresetMode]))


class SplitVectorEnv(Carded, VectorEnv):
    """n episodes of a world, stepped by one compiled loop.

    Args:
        num_envs: number of rows; row i of ``reset(seed=s)`` plays seed s + i.
        world, scenario, action, episode_options: as for :class:`splitgym.envs.single.SplitEnv`.
        autoreset_mode: ``AutoresetMode`` or its value; NEXT_STEP by default, as Gymnasium does.
        max_episode_steps: truncate after so many steps; ``None``: when the tasks are served.
        num_threads: threads that share the rows; results do not depend on it.
        reward: as for the single environment; vector rewards are (num_envs, d) float64.
        render_mode: as for the single environment; a window (``"human"``) shows row 0.

    Parity: equal, bit for bit, to ``SyncVectorEnv`` over single environments, ``info`` masks included.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # noqa: RUF012 (declared so by Gymnasium)

    def __init__(
        self,
        num_envs: int = 1,
        world: str = "inference",
        scenario: Any = "default",
        action: str = "multidiscrete",
        episode_options: Mapping[str, Any] | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        num_threads: int = 1,
        render_mode: str | None = None,
        reward: str = "scalar",
    ) -> None:
        super().__init__()
        if max_episode_steps is not None:
            max_episode_steps = whole_number("max_episode_steps (or None)", max_episode_steps)
        self.world, self.render_mode = get_world(world), render_mode_of(render_mode)
        self.rows = engine(
            self.world, scenario, action, num_envs, episode_options, num_threads, log=render_mode is not None
        )
        self.num_envs = num_envs = self.rows.n
        self.scenario, self.params, self.encoding = self.rows.scenario, self.rows.params, self.rows.encoding
        self._parts = set_reward(self, reward)
        self.autoreset_mode = _autoreset(autoreset_mode)
        self.metadata = {**type(self).metadata, "autoreset_mode": self.autoreset_mode}
        self.max_episode_steps = max_episode_steps
        self.single_observation_space = self.rows.observation_space()
        self.single_action_space = self.encoding.space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = self.encoding.batch(num_envs)
        self._keys = self.world.info_names
        self._done = np.zeros(num_envs, np.bool_)
        self._started = False
        self._canvas = Canvas(self.rows, render_mode)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin episodes in all rows, or in those of ``options["reset_mask"]`` (bool, shape (num_envs,))."""
        options = option_table(options)
        mask = self._reset_mask(options.pop("reset_mask", None))
        seeds = self._seeds(seed)
        self._begin(mask, seeds, options)
        self._done[mask] = False
        self._started = True
        self.closed = False  # what was closed begins anew
        self._show()
        return self.rows.seen.observations.copy(), self._infos(mask)

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Decide the present task of every row; raises ``ValueError`` for bad actions, with the state unharmed."""
        observations, rewards, terminated, truncated, final = self.step_briefly(actions)
        return observations, rewards, terminated, truncated, {**final, **self._infos(None)}

    def step_briefly(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """:meth:`step` whose ``info`` holds only what is final: for trainers that look at nothing else, and faster."""
        self.rows.check("step()")
        mode, rows = self.autoreset_mode, self.rows
        if mode is AutoresetMode.DISABLED and self._done.any():
            raise ResetNeeded(
                f"rows {np.flatnonzero(self._done)[:8].tolist()} are at their end; "
                'call reset(options={"reset_mask": done}) first'
            )
        rows.decode(actions)
        fresh = self._done.copy()  # empty unless the mode is NEXT_STEP
        before = None if self._parts is None else rows.outcome_copy()
        self._turn(~fresh, fresh)
        if before is None or self._parts is None:
            rewards = np.where(fresh, 0.0, rows.outcomes["reward"])
        else:
            rewards = self._parts.of(rows.outcomes, before)
            rewards[fresh] = 0.0
        terminated = rows.depleted & ~fresh
        truncated = rows.finished & ~terminated & ~fresh
        if self.max_episode_steps is not None:
            truncated |= (rows.steps >= self.max_episode_steps) & ~fresh
        self._done = terminated | truncated
        final: dict[str, Any] = {}
        if mode is AutoresetMode.SAME_STEP and self._done.any():
            final = self._final(self._done)
            self._begin(self._done, [None] * self.num_envs, {})
            self._done = np.zeros(self.num_envs, np.bool_)
        self._show()
        return rows.seen.observations.copy(), rewards, terminated, truncated, final

    def action_masks(self) -> np.ndarray:
        """Masks of the present tasks, a row for each, (num_envs, encoding.mask_size) bool: sb3-contrib's form."""
        self.rows.check("action_masks()")
        return self.rows.seen.masks.copy()

    def render(self) -> Any:
        """Draw every row, as :meth:`splitgym.envs.single.SplitEnv.render` does: a tuple with a frame for each.

        A frame is a text (``ansi``), an image (``rgb_array``), or None (``human``: the window shows row 0).
        """
        if self.render_mode is None:
            gym.logger.warn('render() without a render mode; make the environment with render_mode="rgb_array"')
            return None
        return self._canvas.draw_all()

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the threads, close the window, if any, and end the episodes; ``reset()`` begins others."""
        self.rows.close()
        self._canvas.close()

    def _show(self) -> None:
        if self.render_mode == "human":
            self.render()

    def _turn(self, live: np.ndarray, fresh: np.ndarray) -> None:
        if fresh.any():
            self._prepare(fresh, [None] * self.num_envs, {})
        self.rows.turn(live, fresh)
        self.rows.steps += live

    def _begin(self, mask: np.ndarray, seeds: list[int | None], options: dict[str, Any]) -> None:
        self._prepare(mask, seeds, options)
        self.rows.turn(np.zeros(self.num_envs, np.bool_), mask)

    def _prepare(self, mask: np.ndarray, seeds: list[int | None], options: dict[str, Any]) -> None:
        self.rows.prepare(np.flatnonzero(mask), seeds, options, lambda: int(self.np_random.integers(2**63)))

    def _seeds(self, seed: int | list[int | None] | None) -> list[int | None]:
        n = self.num_envs
        if seed is None:
            return [None] * n
        if isinstance(seed, (list, tuple)) or (isinstance(seed, np.ndarray) and seed.ndim):
            if len(seed) != n:
                raise ValueError(f"a list of seeds must have one for each of {n} rows, got {len(seed)}")
            return list(seed)
        seed_key(seed)  # refuses anything but a seed
        if not self._started:
            super().reset(seed=int(seed))
        return [int(seed) + i for i in range(n)]

    def _reset_mask(self, mask: Any) -> np.ndarray:
        if mask is None:
            return np.ones(self.num_envs, np.bool_)
        array = as_array(mask, "options['reset_mask']")
        if array.dtype != np.bool_ or array.shape != (self.num_envs,) or not array.any():
            raise ValueError(
                f"options['reset_mask'] must be a bool array of shape ({self.num_envs},) with a True, got {shown(mask)}"
            )
        if not self._started and not array.all():
            raise ValueError("the first reset() must begin every row; leave out options['reset_mask']")
        return array

    def _card(self) -> Card:
        return card(self, self.encoding, self.rows.action, f", num_envs={self.num_envs}")

    def _infos(self, mask: np.ndarray | None) -> dict[str, Any]:
        """Columns of ``info`` with their masks, as ``SyncVectorEnv`` lays them out; zero where the mask is False.

        The columns are views of one fresh copy of the outcomes: 30 copies of strided columns would cost a tenth of
        the step.
        """
        rows = self.rows
        outcomes, masks, details = rows.outcome_copy(), rows.seen.masks.copy(), rows.details()
        if mask is not None:
            outcomes[~mask] = np.zeros((), outcomes.dtype)
            for column in (masks, *details.values()):
                column[~mask] = 0
        shown = np.ones(self.num_envs, np.bool_) if mask is None else mask
        columns: dict[str, Any] = {name: outcomes[name] for name in self._keys}
        formed = self.encoding.masks(masks.view(np.int8), shown)
        columns |= {} if formed is None else {MASK.name: formed}
        if self.world.cost is not None:
            columns[COST_KEY] = rows.cost(outcomes)
        columns |= details
        present = np.ones((len(columns), self.num_envs), np.bool_)
        if mask is not None:
            present &= mask
        infos: dict[str, Any] = {}
        for (name, column), here in zip(columns.items(), present, strict=True):
            infos[name], infos[f"_{name}"] = column, here
        return infos

    def _final(self, done: np.ndarray) -> dict[str, Any]:
        observations = np.full(self.num_envs, None, object)
        for i in np.flatnonzero(done):
            observations[i] = self.rows.seen.observations[i].copy()
        final: dict[str, Any] = {"final_obs": observations, "_final_obs": done.copy()}
        return {**final, "final_info": self._infos(done), "_final_info": done.copy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.encoding = self.rows.encoding
