"""The inference world's bound for observers: what a policy can return at most that sees observations only.

Proof.  Let R = sum of correct_k - (beta / Ebar) Q_n.  As for the clairvoyant bound
(:func:`splitgym.worlds.bound.debt_bound`), for every price 0 <= lambda <= beta / Ebar

    R <= sum_k (correct_k - lambda E_k) + lambda n Ebar.

Let o_k be what is observed when task k is decided, and w_k the time that it has waited.  Complexity, gains of the
slots, errors of the predictor and jitter of task k are drawn apart from those of all other tasks, and from everything
that is observed but the hint.  So, whatever has been seen before, the law of (correct_k, E_k, time busy) given
(o_k, w_k, decision) is known: complexity given the hint by Bayes' rule, the rest as drawn.  Gains, hints, loads, round
trips, arrivals and deadlines do not depend on decisions.  Telling them to the policy in advance can only help it.  It
then faces a problem whose only state is the wait, w' = max(w + busy - gap, 0), and backward induction gives its best
expected value V_0(0).  Hence, for every policy that acts on observations,

    E[R] <= E[V_0(0)] + lambda n Ebar.

This holds for every lambda that is fixed before the trace is drawn; it is searched on traces of validation seeds.

* Where tasks never wait, V_0 is a sum over tasks of max over decisions of E[correct - lambda E | o].  The expectation
  is a mean over draws; the maximum of means is biased upwards, which keeps the bound.  With the levels of the discrete
  encodings as powers every decision is tried: **certified**, in expectation over traces.
* Where tasks can wait, V is a table over the wait between whose points lines are drawn, and decisions that fall far
  behind after the first draws are given up.  With continuous powers a grid of them is tried.  Then the value is
  **estimated**: more points, draws and powers move it a little, see the page on bounds.

A change of the clock takes no time here, and no battery runs empty.  The packet controller and the options of the
episode are those that are played.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
from scipy.optimize import root_scalar

from splitgym.encodings import grid_of
from splitgym.jit import one_record, records
from splitgym.seeding import FIRST_VALIDATION_SEED, episode_key, seed_key
from splitgym.worlds.bound import CERTIFIED, ESTIMATED, Bound
from splitgym.worlds.inference.axes import AXES
from splitgym.worlds.inference.hidden import draw_hidden, seed_of_seen
from splitgym.worlds.inference.lanes import JOB_COLUMNS
from splitgym.worlds.inference.layout import DECISION, OUTCOME, PARAMS, STATE
from splitgym.worlds.inference.lowering import lower, uses_plugins
from splitgym.worlds.inference.observer_kernel import BEST, COURSE, fill_task
from splitgym.worlds.inference.scenario import InferenceScenario
from splitgym.worlds.inference.trace import InferenceTrace, draw_tasks

METHOD = "energy price; each task by the best decision on average over what is hidden"
WAITING = "; backwards over the time that tasks wait, observations to come known"

#: Draws of what is hidden, for the bound and for its price.
DRAWS, PRICE_DRAWS = 128, 32
#: Waits in the table of a task that can wait, from none to the longest.
POINTS, PRICE_POINTS = 9, 5
#: Powers tried of a continuous axis, from a hundredth of the lowest level's share on up.
POWERS = 33
#: How far behind the best, in answers, a decision is given up after the first draws where a task can wait.
_MARGIN = 0.15
#: Tasks on which the price is searched, and how exactly, as a share of the largest price.
_PRICE_TASKS, _PRICE_STEP = 400, 0.02
#: Encodings whose powers are the levels of the scenario.
_LEVELS_ONLY = ("multidiscrete", "discrete")


def kind(scenario: InferenceScenario, action: str) -> str:
    """Whether the bound is certified, in expectation, or estimated.

    Raises ``ValueError`` where gains come from a log or a plug-in: what is hidden then has no known law.
    """
    if uses_plugins(scenario):
        raise ValueError(
            f"the bound for observers needs arrivals and fading that the package draws; in {scenario.name!r} a log or "
            "a plug-in gives them, so the law of what is hidden is not known"
        )
    return CERTIFIED if action in _LEVELS_ONLY and not can_wait(scenario) else ESTIMATED


def can_wait(scenario: InferenceScenario) -> bool:
    """Whether a task can wait for the one before it."""
    arrivals = scenario.arrivals
    periodic = arrivals.model == "periodic"
    return not (periodic and float(arrivals.parameters["period_s"]) >= scenario.tasks.deadline_max_s)


def observer(
    scenario: InferenceScenario,
    action: str = "dict",
    *,
    draws: int = DRAWS,
    points: int = POINTS,
    powers: int = POWERS,
    tell: Callable[[float], None] | None = None,
) -> Observer:
    """The bound for policies that see observations and act with the encoding ``action``; its price is searched here.

    Args:
        scenario: the setting.
        action: "multidiscrete" or "discrete": powers are levels; else they are continuous.
        draws: of what is hidden, for each task.
        points: waits in the table of a task.
        powers: tried of a continuous axis.
        tell: called with the share of the search that is done.

    Raises ``ValueError`` as :func:`kind` does.
    """
    kind(scenario, action)
    search = Observer(scenario, action, 0.0, PRICE_DRAWS, min(points, PRICE_POINTS), 0)
    multiplier = search.balanced(tell)
    return Observer(scenario, action, multiplier, draws, points, powers)


@dataclasses.dataclass(frozen=True)
class Observer:
    """The observer's bound in one setting, at one price of energy ``multiplier`` [1/J]; see :func:`observer`."""

    scenario: InferenceScenario
    action: str
    multiplier: float
    draws: int
    points: int
    powers: int

    def bound(self, trace: InferenceTrace) -> Bound:
        """The bound on a trace, of which only what is observed is looked at; ``per_task`` are worths to come.

        Raises ``ValueError`` if the trace does not fit the scenario.
        """
        params = lower(self.scenario)
        trace.check(params)
        course = _Course(self, trace.tasks(), params)
        course.fill(self.multiplier)
        value = course.value + self.multiplier * trace.n_tasks * float(params.budget_j)
        method = METHOD + (WAITING if can_wait(self.scenario) else "")
        of = kind(self.scenario, self.action)
        return Bound(value, np.array([self.multiplier]), course.values[:, 0].copy(), method, of)

    def balanced(self, tell: Callable[[float], None] | None = None) -> float:
        """The price [1/J] at which the best decisions use up the budget, on traces of validation seeds."""
        params, courses, tasks = lower(self.scenario), list[_Course](), 0
        while tasks < _PRICE_TASKS:
            key = episode_key(seed_key(FIRST_VALIDATION_SEED + len(courses)), 0)
            courses.append(_Course(self, draw_tasks(self.scenario, key, params), params))
            tasks += int(params.n_tasks)
        most, tried = float(params.debt_price) / float(params.budget_j), dict[float, float]()

        def excess_j(price: float) -> float:
            """Energy beyond the budgets [J]; falls as the price rises."""
            if price not in tried:
                for course in courses:
                    course.fill(price)
                tried[price] = sum(course.energy_j for course in courses) - tasks * float(params.budget_j)
                if tell is not None:
                    tell(min(len(tried) / 8.0, 1.0))
            return tried[price]

        low, high = _bracket(excess_j, most)
        if low == high:
            return low
        return float(root_scalar(excess_j, bracket=(low, high), method="brentq", xtol=_PRICE_STEP * most).root)


class _Course:
    """The tasks of one trace as an observer sees them; ``values`` (n, points) is filled from the last task on."""

    def __init__(self, observer: Observer, tasks: np.ndarray, params: np.record) -> None:
        waits = can_wait(observer.scenario)
        n, draws, points = len(tasks), observer.draws, observer.points if waits else 1
        free = params.copy()
        free.reconfigure_s, free.battery_j = 0.0, np.inf
        self._params, self._tasks, self._seed = one_record(free, PARAMS), tasks, seed_of_seen(tasks)
        self._hidden = float(params.hint_std), float(params.jitter_s), draws
        self._course = _course(tasks, waits)
        self._decisions, self._begins = _decisions(observer)
        self._margin = _MARGIN if waits else np.inf
        self.values, self.energies = np.zeros((n, points)), np.zeros((n, points))
        self.chosen = np.full((n, points), -1)
        groups, none = len(self._begins) - 1, np.zeros((1, 0))
        state = records(np.zeros(1, STATE))
        for name in ("tracking", "early_stop", "progressive"):
            state[name] = True
        self._scratch = (
            records(np.zeros(1, BEST)), np.empty((groups, draws)), np.empty(groups),
            records(np.zeros(draws, OUTCOME)), np.empty((3, draws)),
            np.empty((draws, JOB_COLUMNS)), np.empty((draws, 2), np.uint64), none,
        )  # fmt: skip
        self._state = state

    @property
    def value(self) -> float:
        """E[V_0(0)] of the last price."""
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
                self.values, self.energies, self.chosen, *self._scratch, self._params,
            )  # fmt: skip


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
    while price > _PRICE_STEP * most:
        lower = 0.6 * price
        if excess_j(lower) > 0.0:
            return lower, price
        price = lower
    return 0.0, 0.0


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


def _powers(observer: Observer) -> Iterable[float]:
    """Powers that are tried [W]."""
    radio = observer.scenario.radio
    if observer.action in _LEVELS_ONLY or observer.powers == 0:
        return radio.power_levels_w
    finer = np.geomspace(radio.power_max_w / 1000.0, radio.power_max_w, observer.powers)
    return np.unique(np.concatenate([[0.0], radio.power_levels_w, finer]))


def _decisions(observer: Observer) -> tuple[np.ndarray, np.ndarray]:
    """Distinct decisions (n,) DECISION, power by power, and where cut, edge cut or clock change (groups + 1,)."""
    from splitgym.worlds.inference import INFERENCE

    axes = INFERENCE.axes(observer.scenario)
    powers = tuple(float(power) for power in _powers(observer))
    axes = tuple(dataclasses.replace(axis, levels=powers) if axis.name == "power_w" else axis for axis in axes)
    grid = grid_of(axes)
    grid = grid[INFERENCE.distinct(observer.scenario, grid)]
    others = [grid[axis.name] for axis in AXES if axis.name != "power_w"]
    changes = np.any([np.diff(values) != 0.0 for values in others], axis=0)
    begins = np.concatenate([[0], np.flatnonzero(changes) + 1, [len(grid)]])
    decisions = np.zeros(len(grid), DECISION)
    decisions[:] = grid
    return records(decisions), begins.astype(np.int64)
