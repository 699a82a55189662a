"""``splitgym.stability``: one long run of each policy on one trace.  Is the budget kept, does the debt stay bounded?

The energy queue Q' = max(Q + E - Ebar, 0) is the debt over an energy budget Ebar per task.  On every path
Q_n >= sum(E) - n Ebar, so the average energy of n tasks exceeds the budget by no more than Q_n / n: a policy that
drives this to zero (mean-rate stability) keeps the budget in the long run.  Source: Neely, Stochastic Network
Optimization with Application to Communication and Queueing Systems, 2010, chapters 2 and 4.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.checks import MOST_EPISODES, seeds_of, table, whole_number
from splitgym.engines import Task, engine
from splitgym.evaluation.company import bears_company, room_of_play
from splitgym.evaluation.debt_growth import STABLE, UNDECIDED, UNSTABLE, Drift, drift, least_steps
from splitgym.evaluation.output import Output, lines_to_csv
from splitgym.evaluation.policies import Contender, contenders_of
from splitgym.evaluation.results import setting_table, setting_words
from splitgym.evaluation.rollout import play
from splitgym.extras import need
from splitgym.progress import Progress, progress_of, telling
from splitgym.quoting import shown
from splitgym.worlds.world import WORLDS, Account, Ledger, World, world_of


@dataclasses.dataclass(frozen=True)
class Run:
    """The long run of one policy.

    Args:
        policy, agent: its name, and whether it was trained.
        ledger: the energy account, step by step.
        figures: what an evaluation of this one episode reports, name -> SI value.
        budget_j: energy budget of one task.
    """

    policy: str
    agent: bool
    ledger: Ledger
    figures: Mapping[str, float]
    budget_j: float

    @property
    def debt(self) -> np.ndarray:
        """Debt after every step, (n,), in budgets of one task."""
        return self.ledger.debt_j / self.budget_j

    @property
    def average_energy(self) -> np.ndarray:
        """Energy per task up to every step over the budget, (n,); NaN before the first task."""
        tasks = np.cumsum(self.ledger.tasks)
        return np.cumsum(self.ledger.energy_j) / np.where(tasks > 0, tasks * self.budget_j, np.nan)

    @property
    def drift(self) -> Drift:
        """Growth of the debt over the second half, budgets per step, with its 95 % interval and the verdict."""
        return drift(self.debt)

    def summary(self) -> dict[str, Any]:
        """One dictionary; energy over the budget, debts in budgets, growths in budgets per step.

        ``debt_rate`` is the final debt over the number of steps, Q_n / n; ``growth`` that of the second half alone.
        """
        debt, growth = self.debt, self.drift
        return {
            "policy": self.policy,
            "agent": self.agent,
            "verdict": growth.verdict,
            "accuracy": self.figures["accuracy"],
            "energy": self.figures["energy"],
            "max_debt": float(debt.max()),
            "final_debt": float(debt[-1]),
            "debt_rate": float(debt[-1]) / len(debt),
            "growth": growth.slope,
            "growth_low": growth.low,
            "growth_high": growth.high,
        }


class Stability(Output):
    """Long runs of several policies on one trace.

    Args:
        world, scenario: the setting, with its number of steps.
        seed: of the trace.
        runs: one for each policy, in the order given.
        changes: what was changed in the scenario, dotted path -> value.
    """

    _table, _figure = "stability.stability_table", "stability.stability_figure"

    def __init__(
        self, world: World, scenario: Any, seed: int, runs: Iterable[Run], changes: Mapping[str, Any] | None = None
    ) -> None:
        self.world, self.scenario, self.seed, self.changes = world, scenario, seed, dict(changes or {})
        self.account = account_of(world)
        self.runs = {run.policy: run for run in runs}

    @property
    def setting(self) -> str:
        """Environment and scenario in words, with what was changed."""
        return setting_words(self.world, self.scenario, self.changes)

    @property
    def steps(self) -> int:
        """Length of the run: tasks, or frames of several devices."""
        return self.world.horizon(self.scenario)

    def summary(self) -> list[dict[str, Any]]:
        """:meth:`Run.summary` of each policy: the stable ones first, the most accurate first among these."""
        order = (STABLE, UNDECIDED, UNSTABLE)
        entries = [run.summary() for run in self.runs.values()]
        return sorted(entries, key=lambda entry: (order.index(entry["verdict"]), -entry["accuracy"]))

    def columns(self) -> dict[str, np.ndarray]:
        """Name -> values of every policy and step, one below the other: the step's number, then its account."""
        runs = self.runs.values()
        columns = {"policy": np.repeat([run.policy for run in runs], self.steps)}
        columns[self.account.step] = np.tile(np.arange(self.steps), len(runs))
        for name in Ledger._fields:
            columns[name] = np.concatenate([getattr(run.ledger, name) for run in runs])
        return columns

    def frame(self) -> Any:
        """The columns as a pandas ``DataFrame``.  Needs the extra ``report``."""
        return need("pandas", "report").DataFrame(self.columns())

    def to_csv(self, path: str | Path | None = None) -> str:
        """One row for each policy and step as CSV text, also written to ``path`` if given: whole or not at all."""
        columns = self.columns()
        return lines_to_csv([list(columns), *zip(*(column.tolist() for column in columns.values()), strict=True)], path)

    def document(self) -> dict[str, Any]:
        """Setting and summary, as :meth:`to_json` writes them."""
        return {
            **setting_table(self.world, self.scenario, self.changes),
            "step": self.account.step,
            "steps": self.steps,
            "seed": self.seed,
            "budget_j": self.account.budget_j(self.scenario),
            "summary": self.summary(),
        }


def stability(
    policies: Any | Iterable[Any],
    env_id: str = "SplitInference-v0",
    scenario: Any = "default",
    tasks: int = 100_000,
    seed: int = 0,
    *,
    changes: Mapping[str, Any] | None = None,
    trust: bool = False,
    workers: Any = None,
    ray: str | None = None,
    progress: Progress | bool | None = None,
) -> Stability:
    """Play one long episode of each policy on the same trace, and test whether its energy debt grows.

    Args:
        policies, env_id, scenario, changes, trust, workers, ray, progress: as in :func:`splitgym.evaluate`; of a folder
            of several training seeds each agent has a run of its own.
        tasks: length of the episode in tasks; in frames, where several devices are served in frames.
        seed: of the trace.

    Returns:
        :class:`Stability`: for each policy the account of every task, and figures with a verdict (see
        :class:`splitgym.evaluation.debt_growth.Drift`).  Accuracy and energy are those that ``evaluate`` gives for an
        episode of that length and seed.

    Raises:
        ValueError: an environment without an energy budget, too few tasks for a verdict, the number of tasks also in
            ``changes``, a hard battery that ran empty, and whatever ``evaluate`` refuses.
    """
    world, fixed, seed = world_of(env_id), table("changes", changes), seeds_of(seed, 1).start
    progress = progress_of(progress)
    account_of(world)  # refuses a world without one
    if whole_number("tasks", tasks, 1, MOST_EPISODES) < least_steps():
        raise ValueError(f"a verdict on the long run needs tasks >= {least_steps()}, got {tasks}")
    if world.length in fixed:
        raise ValueError(f"{world.length!r} is the length of the run; give it as tasks={shown(fixed[world.length])}")
    setting = world.load_scenario(scenario, **{**fixed, world.length: int(tasks)})
    runs: dict[str, Run] = {}
    contenders = contenders_of(policies, world, trust=trust)
    shared, room = bears_company(world, setting), room_of_play(world, setting, 1)
    todo = [
        Task(
            LongRun(c, world, setting, seed),
            (),
            f"policy {shown(c.name)}",
            f"LongRun {world.name}",
            c.name,
            beside=shared and c.shared,
            room=room,
        )
        for c in contenders
    ]
    with telling(progress, len(todo)) as tell, engine(workers, ray) as at_work:
        for task, run in at_work.run(todo, functools.partial(_tell, tell)):
            runs[task.label] = run
    return Stability(world, setting, seed, [runs[c.name] for c in contenders], fixed)


@dataclasses.dataclass(frozen=True, eq=False)
class LongRun:
    """Plays one long episode of a policy."""

    contender: Contender
    world: World
    scenario: Any
    seed: int

    def __call__(self, progress: Progress | None) -> Run:
        """The policy's run.  Raises ``ValueError`` if it empties a hard battery."""
        c, scenario, account = self.contender, self.scenario, account_of(self.world)
        played = play(c, self.world, scenario, 1, self.seed, progress=progress)
        if played.depleted[0]:
            raise ValueError(
                f"{c.name} emptied the battery after {len(played.live)} decisions; take a scenario without one"
            )
        figures = self.world.measure(played.outcomes, played.live, scenario)
        ledger = account.ledger(played.outcomes[:, 0], scenario)
        plain = {name: float(values[0]) for name, values in figures.items()}
        return Run(c.name, c.agent, ledger, plain, account.budget_j(scenario))


def _tell(progress: Progress | None, task: Task, name: str, share: float) -> None:
    if progress is not None:
        progress(name, share)


def account_of(world: World) -> Account:
    """The energy account of a world; ``ValueError`` naming those that have one if it has none."""
    if world.account is None:
        known = ", ".join(WORLDS[name].env_id for name in WORLDS if WORLDS[name].account is not None)
        raise ValueError(f"{world.env_id} has no energy budget, so no debt that could grow (these have: {known})")
    return world.account
