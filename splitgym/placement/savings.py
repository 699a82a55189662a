"""What the optimum and FIN save against MCP, over the published grids of targets (FIN s7)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from splitgym.checks import items, whole_number
from splitgym.placement.exact import optimum
from splitgym.placement.fin import MOST_LEVELS, solve_fin
from splitgym.placement.instance import Instance
from splitgym.placement.mcp import mcp_code, solve_mcp
from splitgym.placement.plan import Infeasible, Plan, evaluate
from splitgym.placement.published import published_grid, published_instance
from splitgym.progress import Progress

#: The network for which the published code is known.
CODE_DNN = "b_alexnet"
GAMMAS = (10, 30, 100)
OPTIMUM = "optimum"


@dataclasses.dataclass(frozen=True, eq=False)
class Savings:
    """Energies over a grid of targets.

    Attributes:
        latency_s, accuracy: the targets (n,) and (m,).
        energy_j: method -> (n, m) [J], NaN where it has no plan.
        rivals_j: rival -> (n, m) [J], NaN where the rival's plan misses a target, so that nothing is compared there.
    """

    latency_s: np.ndarray
    accuracy: np.ndarray
    energy_j: dict[str, np.ndarray]
    rivals_j: dict[str, np.ndarray]

    @property
    def cells(self) -> int:
        """Number of targets."""
        return len(self.latency_s) * len(self.accuracy)

    def saving(self, method: str, rival: str) -> tuple[float, float, int]:
        """Mean over cells of the saving, saving of the sums, number of cells; where both have a plan that counts."""
        ours, theirs = self.energy_j[method], self.rivals_j[rival]
        both = np.isfinite(ours) & np.isfinite(theirs)
        if not both.any():
            return float("nan"), float("nan"), 0
        ours, theirs = ours[both], theirs[both]
        return float(np.mean(1.0 - ours / theirs)), float(1.0 - ours.sum() / theirs.sum()), int(both.sum())

    def ratio(self, method: str) -> tuple[float, float, float, int]:
        """Energy over the optimum's where the method has a plan: mean, worst, and share of cells in which it is equal
        (to 1e-9); then the number of feasible cells without a plan."""
        ratio = self.energy_j[method] / self.energy_j[OPTIMUM]
        missing = int((np.isfinite(self.energy_j[OPTIMUM]) & ~np.isfinite(ratio)).sum())
        ratio = ratio[np.isfinite(ratio)]
        if not len(ratio):
            return float("nan"), float("nan"), float("nan"), missing
        return float(ratio.mean()), float(ratio.max()), float((ratio <= 1.0 + 1e-9).mean()), missing


def study_savings(
    dnn: str = CODE_DNN,
    energy: str = "full",
    latency_mode: str = "worst",
    gammas: Sequence[int] = GAMMAS,
    progress: Progress | None = None,
) -> Savings:
    """Solve every cell of a published grid.

    Args:
        dnn, energy, latency_mode: see :func:`splitgym.placement.published.published_instance`.
        gammas: levels of FIN, each with either rounding, without shortcuts (s7).
        progress: called with the network's name and the share done.

    FIN also runs as recommended: with shortcuts and the last of ``gammas``.  Raises ``ValueError`` for unknown
    names.
    """
    levels = [whole_number("gammas", gamma, 1, MOST_LEVELS) for gamma in items("gammas", gammas, "numbers of levels")]
    base, (latency_s, accuracy) = published_instance(dnn, energy, latency_mode), published_grid(dnn)
    methods, rivals = _methods(levels), _rivals(dnn)
    ours, theirs = ({name: np.full((len(latency_s), len(accuracy)), np.nan) for name in x} for x in (methods, rivals))
    for row, target_s in enumerate(latency_s):
        for column, target in enumerate(accuracy):
            app = base.apps[0].replace(latency_s=float(target_s), accuracy=float(target))
            cell = dataclasses.replace(base, apps=(app,))
            for name, solve in methods.items():
                plan = solve(cell)
                if isinstance(plan, Plan):
                    ours[name][row, column] = plan.energy_j
            for name, rival in rivals.items():
                theirs[name][row, column] = rival(cell)
        if progress:
            progress(dnn, (row + 1) / len(latency_s))
    return Savings(latency_s, accuracy, ours, theirs)


def _methods(gammas: Sequence[int]) -> dict[str, Callable[[Instance], Plan | Infeasible]]:
    methods: dict[str, Callable[[Instance], Plan | Infeasible]] = {OPTIMUM: optimum}
    for rounding in ("edge", "carry"):
        for gamma in gammas:
            methods[f"fin {rounding} {gamma}"] = lambda cell, g=gamma, r=rounding: solve_fin(
                cell, gamma=g, rounding=r, shortcuts=False
            )
    methods[f"fin edge {gammas[-1]}, shortcuts"] = lambda cell: solve_fin(cell, gamma=gammas[-1])
    return methods


def _rivals(dnn: str) -> dict[str, Callable[[Instance], float]]:
    """Rival -> its energy [J], NaN where it misses a target."""
    rivals = {"mcp sum": _mcp_sum_j}
    return {"published mcp": _mcp_code_j, **rivals} if dnn == CODE_DNN else rivals


def _mcp_code_j(cell: Instance) -> float:
    plan = mcp_code(cell)
    return plan.energy_j if plan.meets_targets else float("nan")


def _mcp_sum_j(cell: Instance) -> float:
    plan = solve_mcp(cell)
    if isinstance(plan, Infeasible) or evaluate(cell, 0, plan.exit_config, plan.placement)[1]:
        return float("nan")
    return plan.energy_j
