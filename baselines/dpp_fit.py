"""The offline phase of ``dpp``: play random decisions, fit what they bring, choose the prices by playing.

Ours; the idea of a search before deployment is DynaSplit's (arXiv 2410.23881), the rule that it serves is
drift-plus-penalty, as in ENACHI (arXiv 2601.08135).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.baselines.dpp_model import LOOKED_AT, Prices, TaskModel
from splitgym.baselines.dpp_sampling import ROWS, Samples, Setting, Told, play, sample
from splitgym.baselines.dpp_training import Trained, described, scales_of, train
from splitgym.checks import file_path, table, whole_number
from splitgym.digests import code_version
from splitgym.extras import need
from splitgym.progress import Progress, progress_of, telling
from splitgym.seeding import FIRST_TRAINING_SEED, validation_seeds
from splitgym.worlds.world import World, world_of

#: Worlds whose decisions have the three expectations.
WORLDS = ("inference",)
#: Prices that are tried: V over the published V / Ebar^2 (2e-3 J^2 at 6 mJ), and answers for the longest deadline.
WEIGHTS = (0.25, 0.35, 0.5, 1.0, 2.0)
TIMES = (0.0, 0.15, 0.3, 0.6, 1.0, 1.5, 2.2)
#: Prices of a task that waits, over the greatest price of time; and which of the three prices are tried together.
WAITING = (0.0, 0.05, 0.1, 0.2, 0.4)
_TURNS = ((0, 1), (1, 2), (0,))
_WEIGHT_PER_BUDGET2 = 2e-3 / 6e-3**2
#: Prices of energy [answers per budget] among which a decision must be worth its place at least once.
_ENERGIES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 6.4, 50.0)
_MOST = 128  # decisions that are kept
_SITUATIONS, _HELD = 2000, 3_000_000  # in which they are compared, at most; pairs of both
_TASKS = 200  # of an episode, whatever the scenario says


#: Of a fit whose effort nobody says: decisions sampled, and validation episodes.
SAMPLES, EPISODES = 1_500_000, 20
#: Share of the samples that are drawn at random from all decisions, and passes over these and over the others.
_EXPLORED, _ROUGH_PASSES, _FINE_PASSES = 0.3, 2.0, 2.0


def setting_digest(world: World, scenario: Any) -> str:
    """Digest of what a fit depends on: the scenario but for the number of its tasks."""
    return _usual(world, scenario).digest()


def _usual(world: World, scenario: Any) -> Any:
    """The scenario with a number of tasks that is the same for all."""
    return world.load_scenario(scenario, **{world.length: _TASKS})


def fit_model(
    world: World,
    scenario: Any,
    options: Mapping[str, Any],
    *,
    samples: int,
    episodes: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> TaskModel:
    """Fit a model to a scenario; nothing is written.  Same arguments, same model, on one machine.

    Args:
        world, scenario, options: what is played, with its episode options.
        samples: decisions to learn from.
        episodes: validation episodes with each set of prices.
        seed: of the training seeds, the decisions and the first weights.
        progress: called as ``progress(name, share)``.

    Raises ``DependencyNotInstalled`` without the extra ``agents``, and ``ValueError`` for a world without the three
    expectations and for more decisions than the encoding ``discrete`` lists.
    """
    if world.name not in WORLDS:
        raise ValueError(f"nothing can be fitted to {world.env_id}; SplitInference-v0 can be")
    need("torch", "agents")  # before the work
    setting, explored_samples = Setting(world, _usual(world, scenario), dict(options)), max(int(_EXPLORED * samples), 1)
    told = _stages(progress, scenario.name)
    rng = np.random.default_rng(seed)
    axes, table = world.axes(scenario), setting.decisions()
    first = FIRST_TRAINING_SEED + 2 * ROWS * seed
    explored = sample(
        setting, table, explored_samples, first, lambda seen: rng.integers(len(table), size=len(seen)), told(0)
    )
    fields = _varying(explored.seen)
    explored = _look_at(explored, fields)
    scales = scales_of(explored)
    rough = train(explored, described(table, axes), scales, _ROUGH_PASSES, seed, told(1))
    head = {"env_id": world.env_id, "scenario": scenario.name, "digest": setting_digest(world, scenario)}
    head |= {"code": code_version(), "seed": seed, "axes": tuple(axis.name for axis in axes), "fields": fields}
    head |= {"validation": (), "validation_seed": validation_seeds(1)[0], "validation_episodes": episodes}
    times = _times(setting, explored.waited)
    everything = _model(head, rough, table, len(explored.chosen))
    kept = worth_keeping(everything, explored.seen, setting.budget_j, times)
    choose = _mixed(_model(head, rough, table, 0, kept), kept, setting.budget_j, times, rng)
    mixed = _look_at(sample(setting, table, max(samples - explored_samples, 1), first + ROWS, choose, told(2)), fields)
    places = np.zeros(len(table), np.int64)
    places[kept] = np.arange(len(kept))
    mixed = mixed._replace(chosen=places[mixed.chosen])
    fine = train(mixed, described(table[kept], axes), scales, _FINE_PASSES, seed, told(3), rough.towers)
    model = _model(head, fine, table[kept], len(explored.chosen) + len(mixed.chosen))
    return _priced(setting, model, times, episodes, told(4))


def _stages(progress: Progress | None, name: str) -> Callable[[int], Told]:
    """Who hears of the share of each stage, as a share of the whole."""
    begin = (0.0, 0.1, 0.25, 0.5, 0.9, 1.0)

    def told(stage: int) -> Told:
        low, high = begin[stage], begin[stage + 1]
        return lambda share: progress and progress(f"fit to {name}", low + (high - low) * share)

    return told


def _times(setting: Setting, waited: bool) -> tuple[float, ...]:
    """Prices of the device's time that are tried [1/s]; where no task waits it has none."""
    return tuple(time / float(setting.scenario.tasks.deadline_max_s) for time in TIMES) if waited else (0.0,)


def _varying(seen: np.ndarray) -> tuple[str, ...]:
    """Names of what varies by more than it is rounded, at least one."""
    varies = np.ptp(seen, axis=0) > 1e-5 * np.abs(seen).max(axis=0)
    return tuple(name for name, wide in zip(LOOKED_AT, varies, strict=True) if wide) or LOOKED_AT[:1]


def _look_at(samples: Samples, fields: tuple[str, ...]) -> Samples:
    return samples._replace(seen=np.ascontiguousarray(samples.seen[:, [LOOKED_AT.index(name) for name in fields]]))


def _model(
    head: Mapping[str, Any], trained: Trained, table: np.ndarray, samples: int, kept: np.ndarray | None = None
) -> TaskModel:
    """A model before its prices are known, of all decisions of the table or of those that are kept."""
    rows = np.arange(len(table)) if kept is None else kept
    arrays = {**trained.arrays, "embedded": trained.arrays["embedded"][rows], "decisions": table[rows]}
    return TaskModel(**head, samples=samples, weight_j2=1.0, time_price=0.0, waiting_price=0.0, arrays=arrays)


def worth_keeping(model: TaskModel, seen: np.ndarray, budget_j: float, times: tuple[float, ...]) -> np.ndarray:
    """Places of the decisions that some price of energy and time makes the best of all in some situation, sorted.

    At most :data:`_MOST`, those that are it most often.
    """
    situations = seen[:: max(len(seen) // max(min(_SITUATIONS, _HELD // len(model.decisions)), 1), 1)]
    won = np.zeros(len(model.decisions), np.int64)
    expected = model.expect(situations)
    for energy, time in itertools.product(_ENERGIES, times):
        worth = expected[..., 0] - energy / budget_j * expected[..., 1] - time * expected[..., 2]
        won += np.bincount(worth.argmax(axis=1), minlength=len(won))
    best = np.argsort(-won, kind="stable")[:_MOST]
    return np.sort(best[won[best] > 0])


def _mixed(
    model: TaskModel, kept: np.ndarray, budget_j: float, times: tuple[float, ...], rng: np.random.Generator
) -> Callable[[np.ndarray], np.ndarray]:
    """Half of the decisions at random, half by the model with prices at random: situations that it really meets."""

    def choose(seen: np.ndarray) -> np.ndarray:
        n = len(seen)
        seen = seen[:, [LOOKED_AT.index(name) for name in model.fields]]
        energy, time = rng.choice(_ENERGIES, n) / budget_j, rng.choice(times, n)
        chosen, best = rng.integers(len(kept), size=n), rng.random(n) < 0.5
        chosen[best] = model.choose(seen[best], energy[best], time[best])
        return kept[chosen]

    return choose


def priced_again(world: World, scenario: Any, model: TaskModel, told: Told = lambda share: None) -> TaskModel:
    """A fitted model with prices that are chosen anew, in as many validation episodes; what it learnt stays."""
    setting, waited = Setting(world, _usual(world, scenario), {}), any(row["time_price"] for row in model.validation)
    return _priced(setting, model, _times(setting, waited), model.validation_episodes, told)


def _priced(setting: Setting, model: TaskModel, times: tuple[float, ...], episodes: int, told: Told) -> TaskModel:
    """The model with the prices of the greatest mean return on validation seeds, the first of several.

    ``times`` are the prices of the device's time that are tried [1/s].
    """
    ranges = (
        [factor * _WEIGHT_PER_BUDGET2 * setting.budget_j**2 for factor in WEIGHTS],
        list(times),
        [share * max(times) for share in WAITING] if max(times) > 0.0 else [0.0],
    )
    best, tried = (ranges[0][len(WEIGHTS) // 2], 0.0, 0.0), dict[Any, Prices]()
    for turn, varied in enumerate(_TURNS):
        grid = itertools.product(*(r if place in varied else [best[place]] for place, r in enumerate(ranges)))
        fresh: list[Any] = [prices for prices in grid if prices not in tried]
        if fresh:
            returned, energy = play(setting, model, fresh, episodes, _part(told, turn, len(_TURNS)))
            for prices, r, e in zip(fresh, returned.tolist(), energy.tolist(), strict=True):
                tried[prices] = Prices(zip(Prices.KEYS, (*prices, r, e), strict=True))
        best = max(tried, key=lambda prices: tried[prices]["returned"])
    weight_j2, time_price, waiting_price = best
    return dataclasses.replace(
        model, weight_j2=weight_j2, time_price=time_price, waiting_price=waiting_price,
        validation=tuple(tried.values()),
    )  # fmt: skip


def _part(told: Told, place: int, count: int) -> Told:
    """Who hears of the share of one of ``count`` equal parts."""
    return lambda share: told((place + share) / count)


def fit(
    env_id: str = "SplitInference-v0",
    scenario: Any = "default",
    out: str | Path | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    samples: int = SAMPLES,
    episodes: int = EPISODES,
    seed: int = 0,
    progress: Progress | bool | None = None,
) -> TaskModel:
    """Fit the model of the policy ``dpp`` to a scenario: its offline phase, a minute or two of two cores.

    Random decisions are played on training seeds, and networks learn the chance of an answer, the energy and the busy
    time that each brings; then the decisions that can be the best are played more; last, the prices are chosen by
    playing on validation seeds.  After an interruption nothing is written, and an earlier file is what it was.

    Args:
        env_id, scenario, changes: the setting; ``changes`` are dotted scenario paths.
        out: file to write, for ``dpp:model=FILE``; ``None``: none.
        samples: decisions to learn from, at least 1000.
        episodes: validation episodes with each pair of prices.
        seed: seed of the fit; the same seed gives the same model on the same machine.
        progress: as for :func:`splitgym.evaluate`.

    Returns the model, which is a parameter of the policy, too.

    Raises:
        ValueError: an environment to which nothing can be fitted, unknown keys, numbers out of range.
        DependencyNotInstalled: without the extra ``agents``.
    """
    world = world_of(env_id)
    setting = world.load_scenario(scenario, **table("changes", changes))
    samples = whole_number("samples", samples, 1000, 10**9)
    episodes = whole_number("episodes", episodes, 1, 10_000)
    seed = whole_number("seed", seed, 0, 2**32 - 1)
    file = None if out is None else file_path("out", out)
    with telling(progress_of(progress), 1) as tell:
        model = fit_model(world, setting, {}, samples=samples, episodes=episodes, seed=seed, progress=tell)
    if file is not None:
        model.save(file)
    return model
