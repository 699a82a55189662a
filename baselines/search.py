"""DynaSplit's offline phase: search the decisions of a scenario for a Pareto front, and rate the searches.

Source: May et al., "DynaSplit: A Hardware-Software Co-Design Framework for Energy-Aware Inference on Edge",
arXiv 2410.23881.  The published search is NSGA-III on a fifth of the valid decisions; ``random`` is its yardstick at
the same price, ``exhaustive`` the truth.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.baselines.nsga3 import nsga3
from splitgym.checks import file_path, function, whole_number
from splitgym.encodings import Axis, by_name, grid_of
from splitgym.extras import need
from splitgym.fronts import Front, costs_of, nondominated
from splitgym.quoting import shown
from splitgym.ranges import TINY, Range
from splitgym.registry import Registry
from splitgym.seeding import episode_key, seed_key
from splitgym.worlds.hardware.workload import SEED
from splitgym.worlds.world import World

Progress = Callable[[int, int], None]
BUDGET = Range("1", TINY, 1.0, hint="a share in (0, 1] of the valid decisions")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """What an offline search works on.

    Args:
        env_id: environment.
        scenario: name of its scenario.
        digest: digest of its scenario (hex).
        caveat: warning to print beside its figures.
        axes: what is decided, in the order in which it is suggested.
        objectives: names out of :data:`splitgym.fronts.OBJECTIVES`.
        table: (n_valid, n_axes) all valid decisions, SI units; each row is a combination of the axes' levels.
        evaluate: decisions (m, n_axes) -> (m, 3) latency [s], energy [J], accuracy [share].
        limits: draws the latency limits (n,) [s] of an episode.
    """

    env_id: str
    scenario: str
    digest: str
    caveat: str = ""
    axes: tuple[Axis, ...]
    objectives: tuple[str, ...]
    table: np.ndarray
    evaluate: Callable[[np.ndarray], np.ndarray]
    limits: Callable[[], np.ndarray]

    @property
    def raw(self) -> int:
        """Combinations of the axes' levels, the invalid ones included."""
        return math.prod(len(axis.levels) for axis in self.axes)

    @functools.cached_property
    def limits_s(self) -> np.ndarray:
        """(n,) latency limits of the requests or tasks of the episode of seed 0 [s]."""
        return self.limits()

    @functools.cached_property
    def values(self) -> np.ndarray:
        """(n_valid, 3) latency [s], energy [J], accuracy [share] of the whole table."""
        return self.evaluate(self.table)


def problem_of(world: World, scenario: Any) -> Problem:
    """The offline problem of a scenario: its distinct valid decisions under nominal conditions.

    Raises ``ValueError`` for a world whose decisions have no nominal cost.
    """
    if world.nominal is None or world.objectives is None:
        raise ValueError(
            f"{world.env_id} cannot be searched: a decision has no cost of its own there; HardwareSplit-v0 can be"
        )
    axes = world.axes(scenario)
    grid, nominal = grid_of(axes), world.nominal(scenario)
    return Problem(
        env_id=world.env_id,
        scenario=scenario.name,
        digest=scenario.digest(),
        caveat=scenario.caveat,
        axes=axes,
        objectives=world.objectives(scenario),
        table=grid[world.distinct(scenario, grid)].view(np.float64).reshape(-1, len(axes)),
        evaluate=lambda decisions: nominal(by_name(decisions, axes)),
        limits=lambda: getattr(world.draw_trace(scenario, episode_key(seed_key(0), 0)), world.limit),
    )


def budget_of(problem: Problem, share: float) -> int:
    """Evaluations that a share of the valid decisions allows, rounded up.  Raises ``ValueError`` outside (0, 1]."""
    share = BUDGET.check("the budget", share)
    # the decimal number that was written: 0.2 in binary is a little more, and would buy one evaluation too many
    return math.ceil(Fraction(repr(share)) * len(problem.table))


def exhaustive(
    problem: Problem, budget: int, seed: int, storage: Path | None, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray]:
    """Evaluate every valid decision."""
    if progress:
        progress(0, budget)
    values = problem.values
    if progress:
        progress(budget, budget)
    return problem.table, values


def without_replacement(
    problem: Problem, budget: int, seed: int, storage: Path | None, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray]:
    """Evaluate valid decisions at random, none of them twice."""
    if progress:
        progress(0, budget)
    rows = np.random.default_rng(seed).choice(len(problem.table), budget, replace=False)
    decisions = problem.table[rows]
    values = problem.evaluate(decisions)
    if progress:
        progress(budget, budget)
    return decisions, values


#: Name -> ``method(problem, budget, seed, storage, progress)``, which returns what it evaluated: decisions
#: (m, n_axes) and values (m, 3), m <= budget.
SEARCHES: Registry[Callable[..., tuple[np.ndarray, np.ndarray]]] = Registry("search")
SEARCHES.add("exhaustive", exhaustive)
SEARCHES.add("random", without_replacement)
SEARCHES.add("nsga3", nsga3)


def check_search(method: str, budget: float, seed: int) -> tuple[Callable[..., tuple[np.ndarray, np.ndarray]], int]:
    """The function of a search and its seed; all three are checked, whether the search uses them or not.

    Raises ``ValueError`` for an unknown method, a budget outside (0, 1] and a seed out of range.
    """
    BUDGET.check("the budget", budget)
    return SEARCHES[method], whole_number("the seed of a search", seed, 0, 2**32 - 1)


def search(
    problem: Problem,
    method: str = "exhaustive",
    *,
    budget: float = 0.2,
    seed: int = SEED,
    storage: str | Path | None = None,
    progress: Progress | None = None,
) -> Front:
    """The non-dominated of what a search evaluated.

    Args:
        problem: see :func:`problem_of`.
        method: name in :data:`SEARCHES`.
        budget: share of the valid decisions that may be evaluated; ``exhaustive`` evaluates all of them.
        seed: seed of the search, 0 to 2**32 - 1; by default that of the published experiments.
        storage: ``nsga3`` only: SQLite file that keeps every evaluation, see :func:`splitgym.baselines.nsga3.nsga3`.
        progress: called as ``progress(evaluated, allowed)``.

    Raises ``ValueError`` for an unknown method, a budget outside (0, 1], a seed out of range, a file that is
    not a storage, a storage for another method than ``nsga3``, and values that are not numbers;
    ``DependencyNotInstalled`` without the extra ``[search]`` where it is needed.
    """
    if not isinstance(problem, Problem):
        raise ValueError(f"problem must be one of problem_of(), got {shown(problem)}")
    run, seed = check_search(method, budget, seed)
    allowed, kept = len(problem.table) if method == "exhaustive" else budget_of(problem, budget), None
    if storage is not None:
        kept = file_path("storage", storage)
    if storage is not None and method != "nsga3":
        raise ValueError(f"the search {method!r} takes no time worth keeping: only 'nsga3' has a storage")
    decisions, values = run(problem, allowed, seed, kept, function("progress", progress))
    best = nondominated(costs_of(values, problem.objectives))
    latency_s, energy_j, accuracy = values[best].T
    return Front(
        env_id=problem.env_id,
        scenario=problem.scenario,
        digest=problem.digest,
        axes=tuple(axis.name for axis in problem.axes),
        objectives=problem.objectives,
        search=method,
        seed=seed,
        budget=allowed,
        evaluated=len(decisions),
        decisions=decisions[best],
        latency_s=latency_s,
        energy_j=energy_j,
        accuracy=accuracy,
    )


def hypervolume_ratio(front: Front, problem: Problem) -> float:
    """Share of the attainable hypervolume that a front covers: 1 for the exhaustive front.

    Every objective is scaled so that the best value of any valid decision is 0 and the worst is 1; the reference
    point is 1 in every objective.  Raises ``ValueError`` for the front of another problem, ``DependencyNotInstalled``
    without the extra ``[search]``.
    """
    if (front.digest, front.objectives) != (problem.digest, problem.objectives):
        raise ValueError(
            f"the front is of scenario {front.scenario!r} ({front.digest[:12]}) with objectives {front.objectives}, "
            f"not of {problem.scenario!r} ({problem.digest[:12]}) with {problem.objectives}"
        )
    hypervolume = need("moocore", "search").hypervolume
    everything = costs_of(problem.values, problem.objectives)
    ideal, worst = everything.min(axis=0), everything.max(axis=0)
    span = np.where(worst > ideal, worst - ideal, 1.0)
    found, attainable = (
        hypervolume(np.ascontiguousarray((costs - ideal) / span), ref=np.ones(len(ideal)))
        for costs in (costs_of(front.values, front.objectives), everything)
    )
    return float(found / attainable) if attainable > 0.0 else 1.0


def _from_memory(problem: Problem) -> Problem:
    """The same problem, its whole table evaluated once; only for rating searches, which needs the whole table."""
    known = dict(zip(map(tuple, problem.table.tolist()), problem.values, strict=True))
    return dataclasses.replace(problem, evaluate=lambda rows: np.array([known[tuple(row)] for row in rows.tolist()]))


def energy_ratio(front: Front, problem: Problem) -> float:
    """Mean energy of the entries chosen for the limits of an episode, over that with the exhaustive front.

    1 is as good as it gets where all limits can be met; what a front cannot meet, it answers with its fastest entry.
    """
    chosen = front.energy_j[front.choose_rows(problem.limits_s)]
    best = search(problem)
    return float(chosen.mean() / best.energy_j[best.choose_rows(problem.limits_s)].mean())


#: What a front is rated by, with what it means.
RATINGS: dict[str, tuple[Callable[[Front, Problem], float], str]] = {
    "hypervolume": (hypervolume_ratio, "hypervolume over the exhaustive front's, larger is better"),
    "energy": (energy_ratio, "energy of the choices for one episode over the exhaustive front's, smaller is better"),
}


def compare_searches(
    problem: Problem,
    methods: Iterable[str] = ("nsga3", "random"),
    share: float = 0.2,
    seeds: Iterable[int] = range(20),
    progress: Progress | None = None,
) -> dict[str, dict[str, np.ndarray]]:
    """Ratings of several searches at the same budget: rating -> method -> (n_seeds,), one per seed.

    ``progress`` is called as ``progress(runs done, runs)``.  Raises like :func:`search`.
    """
    methods, seeds, problem = list(methods), list(seeds), _from_memory(problem)
    ratings = {rating: {method: np.empty(len(seeds)) for method in methods} for rating in RATINGS}
    for done, (method, (place, seed)) in enumerate(itertools.product(methods, enumerate(seeds)), 1):
        front = search(problem, method, budget=share, seed=seed)
        for rating, (rate, _) in RATINGS.items():
            ratings[rating][method][place] = rate(front, problem)
        if progress:
            progress(done, len(methods) * len(seeds))
    return ratings
