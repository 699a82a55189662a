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
from collections.abc import Callable

import numpy as np

from splitgym.worlds.bound import CERTIFIED, ESTIMATED, Bound
from splitgym.worlds.inference.induction import MARGIN, Induction, balancing_price, decisions_of, tried_powers
from splitgym.worlds.inference.lowering import lower, uses_plugins
from splitgym.worlds.inference.scenario import InferenceScenario
from splitgym.worlds.inference.trace import InferenceTrace, draw_tasks

METHOD = "energy price; each task by the best decision on average over what is hidden"
WAITING = "; backwards over the time that tasks wait, observations to come known"

#: Draws of what is hidden: where tasks never wait, where they can, and for the price.
DRAWS, WAITING_DRAWS, PRICE_DRAWS = 128, 64, 32
#: Waits in the table of a task that can wait, from none to the longest.
POINTS, PRICE_POINTS = 5, 3
#: Powers tried of a continuous axis beside the levels.
POWERS = 17
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
    draws: int | None = None,
    points: int = POINTS,
    powers: int = POWERS,
    tell: Callable[[float], None] | None = None,
) -> Observer:
    """The bound for policies that see observations and act with the encoding ``action``; its price is searched here.

    Args:
        scenario: the setting.
        action: "multidiscrete" or "discrete": powers are levels; else they are continuous.
        draws: of what is hidden, for each task; by default 64 where tasks can wait, else 128.
        points: waits in the table of a task.
        powers: tried of a continuous axis.
        tell: called with the share of the search that is done.

    Raises ``ValueError`` as :func:`kind` does.
    """
    kind(scenario, action)
    search = Observer(scenario, action, 0.0, PRICE_DRAWS, min(points, PRICE_POINTS), 0)
    multiplier = search.balanced(tell)
    draws = draws or (WAITING_DRAWS if can_wait(scenario) else DRAWS)
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
        induction = self._induction(trace.tasks(), params)
        induction.fill(self.multiplier)
        value = induction.value + self.multiplier * trace.n_tasks * float(params.budget_j)
        method, of = METHOD + (WAITING if can_wait(self.scenario) else ""), kind(self.scenario, self.action)
        return Bound(value, np.array([self.multiplier]), induction.values[:, 0].copy(), method, of)

    def balanced(self, tell: Callable[[float], None] | None = None) -> float:
        """The price of energy [1/J] at which the best decisions use up the budget; see :func:`balancing_price`."""
        params = lower(self.scenario)

        def of_key(key: np.uint64) -> Induction:
            return self._induction(draw_tasks(self.scenario, key, params), params)

        return balancing_price(of_key, params, tell)

    def _induction(self, tasks: np.ndarray, params: np.record) -> Induction:
        waits = can_wait(self.scenario)
        powers = tried_powers(self.scenario, 0 if self.action in _LEVELS_ONLY else self.powers)
        return Induction(
            tasks,
            params,
            *decisions_of(self.scenario, powers),
            draws=self.draws,
            points=self.points if waits else 0,
            margin=MARGIN if waits else np.inf,
        )
