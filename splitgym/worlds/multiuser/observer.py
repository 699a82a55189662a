"""The multi-user world's bound for observers: each frame's band shared at its best, on average over what is hidden.

Proof.  The return is the sum of the devices' returns, each of which is priced as in the inference world
(:mod:`splitgym.worlds.inference.observer`), here with one price lambda for all:

    R <= sum over tasks of (correct - lambda E) + lambda Ebar (number of tasks).

A task ends with its frame, so that nothing waits for the frame before.  Given what is observed, (correct, E) of a
device depends on its own decision and on its part w of the band alone; others at the edge only delay it.  With
g_n(w) = max over decisions of E[correct - lambda E | o_n, w], a frame is worth at most the largest sum of g_n(w_n) with
sum of w_n <= 1, which is at most the same with the least concave functions above the g_n.

The g_n are computed on a grid of parts, and a part between two of them is taken to be worth what lies on the line
between them.  Powers are searched among levels or a finer grid.  So the value is **estimated**.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from splitgym.worlds.bound import ESTIMATED, Bound
from splitgym.worlds.inference.induction import MARGIN, Induction, balancing_price, decisions_of, tried_powers
from splitgym.worlds.multiuser.lowering import lower, uses_plugins
from splitgym.worlds.multiuser.scenario import MultiUserScenario
from splitgym.worlds.multiuser.trace import MultiUserTrace

METHOD = "energy price; the band of each frame shared at its best, on average over what is hidden"
#: Draws of what is hidden, parts of the band, powers of a continuous axis: for the bound, and for its price.
DRAWS, PARTS, POWERS = 48, 8, 9
PRICE_DRAWS, PRICE_PARTS = 32, 5


def kind(scenario: MultiUserScenario, action: str) -> str:
    """The bound is an estimate, whatever the encoding.

    Raises ``ValueError`` where gains come from a log or a plug-in: what is hidden then has no known law.
    """
    if uses_plugins(scenario):
        raise ValueError(
            f"the bound for observers needs fading that the package draws; in {scenario.name!r} a log or a plug-in "
            "gives it, so the law of what is hidden is not known"
        )
    return ESTIMATED


def observer(
    scenario: MultiUserScenario,
    action: str = "dict",
    *,
    draws: int = DRAWS,
    parts: int = PARTS,
    powers: int = POWERS,
    tell: Callable[[float], None] | None = None,
) -> Observer:
    """The bound for policies that see observations only; its price of energy is searched here.

    Args:
        scenario: the setting.
        action: of no importance here: powers are tried on a grid.
        draws: of what is hidden, for each task.
        parts: of the band that are tried.
        powers: tried beside the levels; 0: the levels only.
        tell: called with the share of the search that is done.

    Raises ``ValueError`` as :func:`kind` does.
    """
    kind(scenario, action)
    multiplier = Observer(scenario, 0.0, PRICE_DRAWS, min(parts, PRICE_PARTS), 0).balanced(tell)
    return Observer(scenario, multiplier, draws, parts, powers)


@dataclasses.dataclass(frozen=True)
class Observer:
    """The observer's bound in one setting, at one price of energy ``multiplier`` [1/J]; see :func:`observer`."""

    scenario: MultiUserScenario
    multiplier: float
    draws: int
    parts: int
    powers: int

    def bound(self, trace: MultiUserTrace) -> Bound:
        """The bound on a trace, of which only what is observed is looked at; ``per_task`` (M,) are worths of frames.

        Raises ``ValueError`` if the trace does not fit the scenario.
        """
        params = lower(self.scenario)
        trace.check(params)
        frames = _Frames(self, trace)
        frames.fill(self.multiplier)
        value = float(frames.worth.sum()) + self.multiplier * frames.n_tasks * float(params.one.budget_j)
        return Bound(value, np.array([self.multiplier]), frames.worth, METHOD, ESTIMATED)

    def balanced(self, tell: Callable[[float], None] | None = None) -> float:
        """The price of energy [1/J] at which the best decisions use up the budget; see :func:`balancing_price`."""

        def of_key(key: np.uint64) -> _Frames:
            return _Frames(self, MultiUserTrace.of_key(self.scenario, key))

        return balancing_price(of_key, lower(self.scenario).one, tell)


class _Frames:
    """The frames of one trace; ``worth`` (M,) and the energy of all [J] are those of the last price."""

    def __init__(self, observer: Observer, trace: MultiUserTrace) -> None:
        scenario, params = observer.scenario, lower(observer.scenario)
        self._frame = np.nonzero(trace.present.T != 0.0)[0]  # of each task, frame by frame
        tasks = np.ascontiguousarray(trace.tasks().T[trace.present.T != 0.0])
        self.n_tasks, self.worth, self.energy_j = len(tasks), np.zeros(trace.n_frames), 0.0
        self._parts = np.concatenate([[0.0], np.geomspace(0.25 / trace.n_users, 1.0, observer.parts)])
        device = scenario.one_device()
        decisions = decisions_of(device, tried_powers(device, observer.powers))
        self._inductions = list[Induction]()
        for part in self._parts:
            one = params.one.copy()
            one.bandwidth_hz = part * float(one.bandwidth_hz)
            options = {"draws": observer.draws, "points": 0, "margin": MARGIN}
            self._inductions.append(Induction(tasks, one, *decisions, **options))

    def fill(self, price: float) -> None:
        """Worth of the frames at a price of energy [1/J]."""
        worths, energies_j = np.empty((2, self.n_tasks, len(self._parts)))
        for i, induction in enumerate(self._inductions):
            induction.fill(price)
            worths[:, i], energies_j[:, i] = _alone(induction.values), _alone(induction.energies)
        self.worth[:], self.energy_j = 0.0, 0.0
        for m in np.unique(self._frame):
            here = self._frame == m
            self.worth[m], energy_j = share_band(self._parts, worths[here], energies_j[here])
            self.energy_j += energy_j


def _alone(sums: np.ndarray) -> np.ndarray:
    """Each task's own part (n,) of sums over it and those behind it (n, 1)."""
    return sums[:, 0] - np.append(sums[1:, 0], 0.0)


def share_band(parts: np.ndarray, worths: np.ndarray, energies_j: np.ndarray) -> tuple[float, float]:
    """Largest sum of the least concave functions above ``worths`` with parts that sum to 1, and its energy [J].

    Args:
        parts: (k,) parts of the band, from 0 to 1.
        worths, energies_j: (n, k) of each device.
    """
    total, energy_j, pieces = 0.0, 0.0, list[tuple[float, float, float]]()
    for worth, spent_j in zip(worths, energies_j, strict=True):
        total, energy_j = total + worth[0], energy_j + spent_j[0]
        at = 0
        while at < len(parts) - 1:
            slopes = (worth[at + 1 :] - worth[at]) / (parts[at + 1 :] - parts[at])
            ahead = at + 1 + int(np.argmax(slopes))
            if slopes.max() <= 0.0:
                break
            pieces.append((float(slopes.max()), parts[ahead] - parts[at], spent_j[ahead] - spent_j[at]))
            at = ahead
    left = 1.0
    for slope, width, more_j in sorted(pieces, reverse=True):  # the steepest first: best for concave functions
        taken = min(width, left)
        total, energy_j, left = total + slope * taken, energy_j + more_j * taken / width, left - taken
    return float(total), float(energy_j)
