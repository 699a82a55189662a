"""Backward induction over the tasks of one trace: the best decision of each on average over what is hidden.

What the observer's bounds of the worlds with tasks are made of.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
from scipy.optimize import root_scalar

from splitgym.encodings import grid_of
from splitgym.jit import one_record, records
from splitgym.seeding import FIRST_VALIDATION_SEED, episode_key, seed_key
from splitgym.worlds.inference.axes import AXES
from splitgym.worlds.inference.hidden import draw_hidden, seed_of_seen
from splitgym.worlds.inference.lanes import JOB_COLUMNS
from splitgym.worlds.inference.layout import DECISION, OUTCOME, PARAMS, STATE
from splitgym.worlds.inference.observer_kernel import BEST, COURSE, fill_task
from splitgym.worlds.inference.scenario import InferenceScenario

#: How far behind the best, in answers, a decision is given up after the first draws, where not all are tried.
MARGIN = 0.15
#: How exactly a price is searched, as a share of the largest.
PRICE_STEP = 0.02
#: Tasks on which it is searched.
_PRICE_TASKS = 400


class Induction:
    """The tasks of one trace as an observer sees them; ``values`` (n, points) is filled from the last task on.

    Args:
        tasks: (n,) TASK; what is hidden in them is not read.
        params: the PARAMS record of the setting.
        decisions, begins: what is tried, see :func:`decisions_of`.
        draws: of what is hidden, for each task.
        points: waits in the table of a task; 0: no task waits.
        margin: see :func:`splitgym.worlds.inference.observer_kernel.best_decision`; inf: every decision is tried.
    """

    def __init__(
        self,
        tasks: np.ndarray,
        params: np.record,
        decisions: np.ndarray,
        begins: np.ndarray,
        *,
        draws: int,
        points: int,
        margin: float,
    ) -> None:
        n, groups, free = len(tasks), len(begins) - 1, params.copy()
        self.n_tasks = n
        free.reconfigure_s, free.battery_j = 0.0, np.inf
        self._params, self._tasks, self._seed = one_record(free, PARAMS), tasks, seed_of_seen(tasks)
        self._hidden = float(params.hint_std), float(params.jitter_s), draws
        self._course, self._margin = _course(tasks, points > 0), margin
        self._decisions, self._begins = decisions, begins
        self.values, self.energies = np.zeros((n, max(points, 1))), np.zeros((n, max(points, 1)))
        self._chosen, self._state = np.full(self.values.shape, -1), records(np.zeros(1, STATE))
        for name in ("tracking", "early_stop", "progressive"):
            self._state[name] = True
        self._scratch = (
            records(np.zeros(1, BEST)), np.empty((groups, draws)), np.empty((4, groups)),
            records(np.zeros(draws, OUTCOME)), np.empty((3, draws)),
            np.empty((draws, JOB_COLUMNS)), np.empty((draws, 2), np.uint64), np.zeros((1, 0)),
        )  # fmt: skip

    @property
    def value(self) -> float:
        """What all tasks are worth from the beginning, at the last price."""
        return float(self.values[0, 0])

    @property
    def energy_j(self) -> float:
        """Energy that the best decisions of the last price are expected to take [J]."""
        return float(self.energies[0, 0])

    def fill(self, price: float) -> None:
        """Backward induction over the tasks at a price of energy [1/J]."""
        spread, jitter_s, draws = self._hidden
        for k in range(len(self._tasks) - 1, -1, -1):
            rng = np.random.default_rng((self._seed, k))
            possible, keys = draw_hidden(self._tasks[k], spread, jitter_s, draws, rng)
            fill_task(
                k, self._state, price, self._margin, possible, keys, self._decisions, self._begins, self._course,
                self.values, self.energies, self._chosen, *self._scratch, self._params,
            )  # fmt: skip


def _course(tasks: np.ndarray, waits: bool) -> np.ndarray:
    """What is known of each task from those before and behind it, (n,) COURSE."""
    course = np.zeros(len(tasks), COURSE)
    course["gap_s"][:-1] = np.diff(tasks["arrival_s"])
    course["gap_s"][-1] = np.inf
    course["deadline_s"] = tasks["deadline_s"]
    if waits:  # a device is free again when the deadlines of all tasks before have passed
        free_s = np.maximum.accumulate(tasks["arrival_s"] + tasks["deadline_s"])
        longest_s = np.maximum(free_s[:-1] - tasks["arrival_s"][1:], 0.0)
        course["top_s"][1:] = np.minimum(longest_s, tasks["deadline_s"][1:])
    return records(course)


def decisions_of(scenario: InferenceScenario, powers_w: Iterable[float]) -> tuple[np.ndarray, np.ndarray]:
    """Distinct decisions (n,) DECISION, power by power, and where cut, edge cut or clock change (groups + 1,)."""
    from splitgym.worlds.inference import INFERENCE

    powers = tuple(float(power) for power in powers_w)
    axes = INFERENCE.axes(scenario)
    axes = tuple(dataclasses.replace(axis, levels=powers) if axis.name == "power_w" else axis for axis in axes)
    grid = grid_of(axes)
    grid = grid[INFERENCE.distinct(scenario, grid)]
    others = [grid[axis.name] for axis in AXES if axis.name != "power_w"]
    changes = np.any([np.diff(values) != 0.0 for values in others], axis=0)
    begins = np.concatenate([[0], np.flatnonzero(changes) + 1, [len(grid)]])
    decisions = np.zeros(len(grid), DECISION)
    decisions[:] = grid
    return records(decisions), begins.astype(np.int64)


def tried_powers(scenario: InferenceScenario, count: int) -> np.ndarray:
    """Powers [W] to try: the levels; of a continuous axis also ``count`` from a thousandth of the limit on, and 0."""
    radio = scenario.radio
    if count == 0:
        return np.array(radio.power_levels_w)
    finer = np.geomspace(radio.power_max_w / 1000.0, radio.power_max_w, count)
    return np.unique(np.concatenate([[0.0], radio.power_levels_w, finer]))


# ------------------------------------------------------------------ the price of energy
class Priced(Protocol):
    """A trace as an observer sees it: its tasks, and the energy [J] of their best decisions at the last price."""

    n_tasks: int

    @property
    def energy_j(self) -> float: ...

    def fill(self, price: float) -> None: ...


def balancing_price(
    of_key: Callable[[np.uint64], Priced], params: np.record, tell: Callable[[float], None] | None = None
) -> float:
    """The price of energy [1/J] at which the best decisions use up the budget, on traces of validation seeds.

    ``of_key`` makes a trace, ``params`` is the PARAMS record of one device; ``tell`` is called with the share done.
    """
    met, tried, most = list[Priced](), dict[float, float](), float(params.debt_price) / float(params.budget_j)
    while (tasks := sum(trace.n_tasks for trace in met)) < _PRICE_TASKS:
        met.append(of_key(episode_key(seed_key(FIRST_VALIDATION_SEED + len(met)), 0)))

    def excess_j(price: float) -> float:
        """Energy beyond the budgets [J]; falls as the price rises."""
        if price not in tried:
            for trace in met:
                trace.fill(price)
            tried[price] = sum(trace.energy_j for trace in met) - tasks * float(params.budget_j)
            if tell is not None:
                tell(min(len(tried) / 8.0, 1.0))
        return tried[price]

    low, high = _bracket(excess_j, most) if most > 0.0 else (0.0, 0.0)
    if low == high:
        return low
    return float(root_scalar(excess_j, bracket=(low, high), method="brentq", xtol=PRICE_STEP * most).root)


def _bracket(excess_j: Callable[[float], float], most: float) -> tuple[float, float]:
    """Prices in [0, most] between which a falling function crosses 0; twice 0 or ``most`` where it does not."""
    price = 0.3 * most  # near 0 no decision is too dear to be tried, which takes long
    if excess_j(price) > 0.0:
        while price < most:
            higher = min(1.7 * price, most)
            if excess_j(higher) <= 0.0:
                return price, higher
            price = higher
        return most, most
    while price > PRICE_STEP * most:
        lower = 0.6 * price
        if excess_j(lower) > 0.0:
            return lower, price
        price = lower
    return 0.0, 0.0
