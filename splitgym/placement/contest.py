"""Every placement solver on one instance, judged by the same referee (FIN s5, s6, s9)."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

from splitgym.checks import items, whole_number, word
from splitgym.placement.exact import least_energy, least_latency, optimum, optimum_all
from splitgym.placement.fin import MOST_LEVELS, RETURNS, ROUNDINGS, solve_fin_all
from splitgym.placement.instance import Instance, check_instance
from splitgym.placement.mcp import solve_mcp
from splitgym.placement.plan import Infeasible, Plan, Residual, app_index, evaluate
from splitgym.progress import Progress
from splitgym.quoting import shown

Outcome = Plan | Infeasible
Solver = Callable[[Instance], Sequence[Outcome]]

#: Runs quicker than this are timed once more, without what the first run compiles and loads.
_REPEAT_S = 5.0


@dataclasses.dataclass(frozen=True)
class Result:
    """A solver's answer to an instance.

    Attributes:
        method: name of the solver.
        outcomes: one for each application, in the instance's order; empty where the solver is not for this instance.
        violations: what the plans break together, in words; methods that enforce no target may break some.
        run_s: wall time [s].
        exact: whether its power is the least of all when nothing is broken.
        refusal: why the solver is not for this instance.
    """

    method: str
    outcomes: tuple[Outcome, ...]
    violations: tuple[str, ...]
    run_s: float
    exact: bool = False
    refusal: str = ""

    @property
    def plans(self) -> list[Plan]:
        """The plans among the outcomes."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, Plan)]

    @property
    def placed(self) -> bool:
        """Whether every application has a plan."""
        return bool(self.outcomes) and len(self.plans) == len(self.outcomes)

    @property
    def feasible(self) -> bool:
        """Whether every application has a plan and nothing is broken."""
        return self.placed and not self.violations

    def power_w(self, instance: Instance) -> float:
        """Sum of rate_hz * energy_j over the plans [W] (s1.2)."""
        return sum(instance.apps[app_index(instance, p.app)].rate_hz * p.energy_j for p in self.plans)


def solvers(
    instance: Instance, gamma: int = 100, rounding: str | None = None, returns: str = "refuse"
) -> dict[str, tuple[Solver, bool]]:
    """Name -> (solver, exact) for an instance; with several applications those that place them all.

    ``gamma``: levels of FIN; ``rounding``: its rounding, ``None``: each of them; ``returns``: what it does where a
    capacity can bind on a cycle, see :func:`~splitgym.placement.fin.solve_fin`.  Raises ``ValueError`` for a bad one.
    """
    check_instance(instance)
    whole_number("gamma, the levels of the latency target,", gamma, 1, MOST_LEVELS)
    word("returns", returns, RETURNS)
    roundings = ROUNDINGS if rounding is None else (word("rounding", rounding, ROUNDINGS),)
    fin: dict[str, tuple[Solver, bool]] = {
        f"fin {name}": (lambda i, r=name: solve_fin_all(i, gamma=gamma, rounding=r, returns=returns), False)
        for name in roundings
    }
    milp: dict[str, tuple[Solver, bool]] = {"milp": (optimum_all, True)}
    if len(instance.apps) > 1:
        last = roundings[-1]
        return {
            **fin,
            f"fin {last}, best order": (
                lambda i: solve_fin_all(i, "best", gamma=gamma, rounding=last, returns=returns),
                False,
            ),
            **milp,
            "mcp sum": (lambda i: _one_by_one(i, lambda app, left: solve_mcp(i, app, residual=left)), False),
            "least latency": (lambda i: _one_by_one(i, lambda app, left: least_latency(i, app, left)), False),
        }
    return {
        **fin,
        "labels": (lambda i: [optimum(i, 0)], True),
        **milp,
        "mcp sum": (lambda i: [solve_mcp(i)], False),
        "mcp sum, accurate": (lambda i: [solve_mcp(i, acc_filter=True)], False),
        "least latency": (lambda i: [least_latency(i)], False),
        "least energy": (lambda i: [least_energy(i)], False),
    }


def _one_by_one(instance: Instance, solve: Callable[[int, Residual], Outcome]) -> list[Outcome]:
    """Applications in the instance's order, each on what the earlier ones leave."""
    left, outcomes = Residual.of(instance), []
    for app in range(len(instance.apps)):
        outcomes.append(solve(app, left))
        if isinstance(outcomes[-1], Plan):
            left = left.less(instance, outcomes[-1])
    return outcomes


def judge(instance: Instance, plans: Sequence[Plan]) -> list[str]:
    """Everything that some plans break together, in words."""
    left, faults = Residual.of(instance), []
    for plan in items("plans", plans, "plans", fewest=0):
        if not isinstance(plan, Plan):
            raise ValueError(f"plans must be a list of plans, got {shown(plan)} in it")
        faults += evaluate(instance, plan.app, plan.exit_config, plan.placement, left)[1]
        left = left.less(instance, plan)
    return faults


def compare_solvers(
    instance: Instance,
    gamma: int = 100,
    rounding: str | None = None,
    progress: Progress | None = None,
    returns: str = "refuse",
) -> list[Result]:
    """The results of all :func:`solvers` on an instance.

    ``progress`` is called with a solver's name and 0 when it begins, 1 when it has finished.
    """
    results = []
    for name, (solve, exact) in solvers(instance, gamma, rounding, returns).items():
        if progress:
            progress(name, 0.0)
        results.append(_run(instance, name, solve, exact))
        if progress:
            progress(name, 1.0)
    return results


def _run(instance: Instance, name: str, solve: Solver, exact: bool) -> Result:
    try:
        outcomes, run_s = _timed(instance, solve)
        if run_s < _REPEAT_S:
            run_s = _timed(instance, solve)[1]
    except (ValueError, RuntimeError) as error:  # cyclic arcs for FIN, a solver that gives up
        return Result(name, (), (), 0.0, refusal=str(error))
    plans = [outcome for outcome in outcomes if isinstance(outcome, Plan)]
    return Result(name, tuple(outcomes), tuple(judge(instance, plans)), run_s, exact)


def _timed(instance: Instance, solve: Solver) -> tuple[Sequence[Outcome], float]:
    start = time.perf_counter()
    outcomes = solve(instance)
    return outcomes, time.perf_counter() - start


def least_power_w(instance: Instance, results: Sequence[Result]) -> float | None:
    """Power of the optimum [W], ``None`` where no exact solver found a plan for every application."""
    return min((r.power_w(instance) for r in results if r.exact and r.feasible), default=None)
