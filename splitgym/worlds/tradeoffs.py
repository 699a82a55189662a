"""What a world trades off: the parts of its vector reward, and the cost of a step that a constraint bounds."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from splitgym.fields import markdown_table

#: Key of ``info`` that shows the cost of a step.
COST_KEY = "cost"


@dataclasses.dataclass(frozen=True)
class Part:
    """One objective of ``reward="vector"``; more is better, so energy and latency are negative.

    Args:
        name, unit, meaning: for people.
        weight: what the scalar reward multiplies it with: a number, or the dotted path of a scenario value.
        value: of n rows, (n,) float64, from what came of the step, of the step before, and the scenario.
    """

    name: str
    unit: str
    meaning: str
    weight: float | str
    value: Callable[[np.ndarray, np.ndarray, Any], np.ndarray]

    def weight_in(self, scenario: Any) -> float:
        """The weight as a number."""
        if isinstance(self.weight, str):
            return float(functools.reduce(getattr, self.weight.split("."), scenario))
        return self.weight


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a constraint bounds: ``value`` of a step, and ``limit`` of an episode's sum.

    ``value`` takes what ``info`` shows by name, NumPy numbers of one row or arrays (n,) of n rows, and the scenario.
    """

    meaning: str
    value: Callable[[Any, Any], Any]
    limit: Callable[[Any], float]
    limit_meaning: str


def objective_table(parts: Iterable[Part]) -> str:
    """Markdown table of the vector reward: objective, unit, weight in the scalar reward, meaning."""
    rows = ((f"`{p.name}`", p.unit, f"`{p.weight}`", p.meaning) for p in parts)
    return markdown_table(("objective", "unit", "weight", "meaning"), rows)


#: Energy and its debt in worlds with an energy queue, in budgets of one task.
DEBT = Part(
    "debt", "budgets", "growth of the energy queue", "budget.debt_price",
    lambda o, before, scenario: -(o["queue_j"] - before["queue_j"]) / scenario.budget.energy_j,
)  # fmt: skip
ENERGY = Part(
    "energy", "budgets", "energy charged", 0.0, lambda o, before, scenario: -o["energy_j"] / scenario.budget.energy_j
)


def energy_cost(outcomes: Any, scenario: Any) -> Any:
    """Energy charged in budgets of one task; see :class:`Cost`."""
    return outcomes["energy_j"] / scenario.budget.energy_j


def answers(o: np.ndarray, before: np.ndarray, scenario: Any) -> np.ndarray:
    """Right answers in time."""
    return o["correct"].astype(np.float64)


def share(amount: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """``amount`` over ``whole``, (n,); 0 where there is no whole, as in a row whose episode has just begun."""
    return np.divide(amount, whole, out=np.zeros(len(amount)), where=np.asarray(whole > 0.0))
