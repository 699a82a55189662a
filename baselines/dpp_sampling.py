"""What ``dpp`` learns from and is tuned on: decisions played in the native batch, and what came of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from splitgym.baselines.dpp_model import LOOKED_AT, TaskModel, numbers_of
from splitgym.baselines.dpp_rule import can_give_up, decided
from splitgym.encodings import grid_of
from splitgym.envs.vector import SplitVectorEnv
from splitgym.physics.codec import decode_fields
from splitgym.seeding import validation_seeds
from splitgym.worlds.world import World

#: Rows that are played side by side, each with a seed of its own.
ROWS = 1024
#: Combinations of levels that are tried, about.
MOST_TRIED = 6000
#: Hears of the share done.
Told = Callable[[float], object]
#: Numbers seen (n, k), of :data:`LOOKED_AT` -> indices (n,) into the table of decisions.
Choice = Callable[[np.ndarray], np.ndarray]


class Samples(NamedTuple):
    """n decisions: ``seen`` (n, k) float32 of LOOKED_AT, ``chosen`` (n,) indices, ``came`` (n, 3) float32 of EXPECTED.

    ``waited``: whether any task had waited, so that the device's time has a price.
    """

    seen: np.ndarray
    chosen: np.ndarray
    came: np.ndarray
    waited: bool


class Setting(NamedTuple):
    """What is played: a world, its scenario, its episode options."""

    world: World
    scenario: Any
    options: Mapping[str, Any]

    def batch(self, rows: int, mode: str, action: str = "multidiscrete") -> SplitVectorEnv:
        """An environment whose actions are levels of the axes, or those of another encoding."""
        return SplitVectorEnv(rows, self.world.name, self.scenario, action, self.options, mode)

    def decisions(self) -> np.ndarray:
        """The distinct decisions (m, n_axes) that are tried, SI units; of too many levels every other one goes."""
        axes = list(self.world.axes(self.scenario))
        while math.prod(len(axis.levels) for axis in axes) > MOST_TRIED:
            place = max((k for k, axis in enumerate(axes) if not axis.labels), key=lambda k: len(axes[k].levels))
            levels = axes[place].levels
            if len(levels) < 3:
                break
            axes[place] = dataclasses.replace(axes[place], levels=(*levels[:-1:2], levels[-1]))
        grid = grid_of(tuple(axes))
        return grid[self.world.distinct(self.scenario, grid)].view(np.float64).reshape(-1, len(axes))

    @property
    def budget_j(self) -> float:
        """Energy budget of a task [J]."""
        assert self.world.account is not None
        return self.world.account.budget_j(self.scenario)


def views_of(env: SplitVectorEnv, observations: np.ndarray) -> np.ndarray:
    """Observations (n, n_fields) as SI values (n,) VIEW."""
    count = env.rows.params.n_fields
    kind, low, high = (env.rows.params[f"field_{part}"][:count] for part in ("kind", "low", "high"))
    values = np.empty(observations.shape)
    decode_fields(observations, kind, low, high, values)
    return values.view(env.world.view(env.scenario))[:, 0]


def came_of(outcomes: np.ndarray) -> np.ndarray:
    """Outcomes (n,) as (n, 3) of EXPECTED; a task keeps the device busy with its blocks and its radio."""
    busy_s = outcomes["latency_device_s"] + outcomes["latency_uplink_s"]
    return np.stack([outcomes["correct"], outcomes["energy_j"], busy_s], axis=1).astype(np.float32)


def sample(setting: Setting, table: np.ndarray, count: int, seed: int, choose: Choice, told: Told) -> Samples:
    """Play ``count`` of the decisions ``table`` (m, n_axes), or a few more; ``seed`` is that of the first row."""
    env = setting.batch(min(ROWS, count), "NextStep")
    levels = env.encoding.encode(table)
    seen, chosen, came, waited, done = [], [], [], False, 0
    observations, _ = env.reset(seed=seed)
    over = np.zeros(env.num_envs, np.bool_)
    while done < count:
        numbers, live = numbers_of(views_of(env, observations), LOOKED_AT), ~over
        places = choose(numbers)
        observations, _, terminated, truncated, _ = env.step_briefly(levels[places])
        outcomes = env.rows.outcome_copy()[live]
        seen.append(numbers[live])
        chosen.append(places[live])
        came.append(came_of(outcomes))
        waited = waited or bool((outcomes["latency_wait_s"] > 0.0).any())
        over, done = terminated | truncated, done + len(outcomes)
        told(min(done / count, 1.0))
    env.close()
    return Samples(np.concatenate(seen), np.concatenate(chosen), np.concatenate(came), waited)


def play(
    setting: Setting, model: TaskModel, prices: Sequence[tuple[float, float, float]], episodes: int, told: Told
) -> tuple[np.ndarray, np.ndarray]:
    """Play validation episodes with each V [J^2], tau and sigma [1/s], all side by side and on the same traces.

    Returns (n_prices,) mean returns and (n_prices,) mean energies of a task, in budgets.
    """
    seeds: list[int | None] = [*validation_seeds(episodes)]
    rows = episodes * len(prices)
    env = setting.batch(rows, "Disabled", "dict")
    each = np.repeat(np.array(prices, np.float64), episodes, axis=0).T
    live, gives_up = np.ones(rows, np.bool_), can_give_up(env.encoding)
    returned, spent_j = np.zeros(rows), np.zeros(rows)
    observations, _ = env.reset(seed=seeds * len(prices))
    steps, nobody = 0, np.zeros(rows, np.bool_)
    while live.any():
        views = views_of(env, observations)
        env.rows.decode(env.encoding.encode(decided(model, views, each, gives_up)))
        env.rows.turn(live, nobody)
        returned += np.where(live, env.rows.outcomes["reward"], 0.0)
        spent_j += np.where(live, env.rows.outcomes["energy_j"], 0.0)
        live = live & ~(env.rows.finished | env.rows.depleted)
        observations, steps = env.rows.seen.observations.copy(), steps + 1
        told(min(steps / env.rows.horizon, 1.0))
    env.close()
    energy = spent_j / (setting.budget_j * env.rows.horizon)
    return returned.reshape(-1, episodes).mean(axis=1), energy.reshape(-1, episodes).mean(axis=1)
