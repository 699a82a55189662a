"""``splitgym.evaluate_suite``: policies over all cases of a suite, on its locked seeds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.checks import MOST_THREADS, file_path, whole_number, word
from splitgym.engines import engine
from splitgym.envs.vector import SplitVectorEnv
from splitgym.evaluation.output import RowOutput
from splitgym.evaluation.plans import Plan, carry_out
from splitgym.evaluation.policies import Contender, contenders_of, policies_given
from splitgym.evaluation.results import ANCHOR, Results
from splitgym.evaluation.statistics import interquartile_mean, iqm_interval
from splitgym.evaluation.store import Store
from splitgym.evaluation.upper_bounds import BOUNDS, CLAIRVOYANT
from splitgym.lazily import drawn
from splitgym.progress import Progress, at, progress_of, telling
from splitgym.suites import Case, Suite, load_suite
from splitgym.worlds.world import World, world_of


class SuiteResults(RowOutput):
    """One :class:`Results` with bounds for each case, and scores over all of them.

    Attributes:
        suite, split: what was played.
        results: the cases' results, in the suite's order; each has the policy ``random``.
        misfits: (policy, case) -> why an agent cannot play a case, such as other actions.
    """

    _table, _figure = "suite.suite_table", "suite.suite_figure"

    def __init__(self, suite: Suite, split: str, results: list[Results], misfits: dict[tuple[str, str], str]) -> None:
        self.suite, self.split, self.results, self.misfits = suite, split, results, misfits

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases that were played."""
        return self.suite.cases(self.split)

    @property
    def policies(self) -> list[str]:
        """Every policy that played a case, in the order of evaluation."""
        return list(dict.fromkeys(policy for results in self.results for policy in results.policies))

    @property
    def agents(self) -> frozenset[str]:
        """Names of the trained agents."""
        return frozenset().union(*(results.agents for results in self.results))

    def scores(self, policy: str) -> list[np.ndarray | None]:
        """Normalised scores (n,) of each case, 0: mean of ``random``, 1: the bound; ``None`` where it cannot play."""
        return [results.scores(policy) for results in self.results]

    def summary(self) -> list[dict[str, Any]]:
        """One dictionary for each policy, best score over all cases first, those that cannot play them all last.

        ``score``, ``score_low``, ``score_high``: interquartile mean over all episodes of all cases and its stratified
        bootstrap interval, NaN where a case is missing; ``cases``: case -> ``{"score", "gap", "return"}``, the score as
        interquartile mean, the others as means.
        """
        return sorted(map(self._entry, self.policies), key=lambda e: (e["score"] != e["score"], -e["score"]))

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary for each case, policy and episode; figures in SI units."""
        several = {"training_seed": ""} if any(results.members for results in self.results) else {}
        every = {"suite": self.suite.name, "split": self.split}
        heads = [{**every, "case": c.name, "shift": c.shift, **several} for c in self.cases]
        return [{**head, **row} for head, results in zip(heads, self.results, strict=True) for row in results.rows()]

    def document(self) -> dict[str, Any]:
        """Summary and rows, as :meth:`to_json` writes them."""
        return {
            "suite": self.suite.to_dict(),
            "split": self.split,
            "misfits": [{"policy": p, "case": c, "reason": why} for (p, c), why in self.misfits.items()],
            "summary": self.summary(),
            "rows": self.rows(),
        }

    def to_html(self, path: str | Path) -> Path:
        """Write the report of all cases, one page that needs no network; see :func:`splitgym.evaluation.report`."""
        return drawn("report.build.build", self.results, file_path("path", path), (), trust=False)

    def _entry(self, policy: str) -> dict[str, Any]:
        scores = self.scores(policy)
        played = [s for s in scores if s is not None]
        whole = iqm_interval(played) if len(played) == len(scores) else (float("nan"),) * 3
        cases = {}
        for case, results, score in zip(self.cases, self.results, scores, strict=True):
            if score is not None:
                means = {name: float(results.figure(policy, name).mean()) for name in ("gap", "return")}
                cases[case.name] = {"score": float(interquartile_mean(score)), **means}
        entry = dict(zip(("score", "score_low", "score_high"), whole, strict=True))
        return {"policy": policy, "agent": policy in self.agents, **entry, "cases": cases}


def evaluate_suite(
    policies: Any | Iterable[Any],
    suite: str | Path | Suite = "robustness",
    split: str = "test",
    *,
    num_threads: int = 1,
    trust: bool = False,
    bound: str = CLAIRVOYANT,
    store: str | Path | None = None,
    workers: Any = None,
    ray: str | None = None,
    progress: Progress | bool | None = None,
) -> SuiteResults:
    """Play policies on every case of a suite's split, on the seeds that the suite locks, with bounds.

    Args:
        policies: as for :func:`splitgym.evaluate`; ``random`` is added, since it is the zero of the scores.
        suite: a shipped suite's name, a TOML file or a :class:`splitgym.suites.Suite`.
        split: ``"validation"`` to tune and choose by, ``"test"`` to be judged by.
        bound: the one of the scores: "clairvoyant" or "observer", see :func:`splitgym.evaluate`.
        num_threads, trust, store, workers, ray: as for :func:`splitgym.evaluate`; workers play several cases at once.
        progress: as for :func:`splitgym.evaluate`; a function is called as ``progress("case: policy", share)``.

    Returns:
        :class:`SuiteResults`.

    Raises:
        ValueError: whatever ``evaluate`` refuses, an unknown suite or split, and an agent that fits no case at all.
    """
    suite, progress = load_suite(suite), progress_of(progress)
    cases, seeds, world = suite.cases(split), suite.seeds[split].range, world_of(suite.environment)
    num_threads, bound = whole_number("num_threads", num_threads, 1, MOST_THREADS), word("bound", bound, BOUNDS)
    given = policies_given(policies)
    many = given if any(isinstance(p, str) and p == ANCHOR for p in given) else [ANCHOR, *given]
    contenders = contenders_of(many, world, trust=trust)
    misfits: dict[tuple[str, str], str] = {}
    settings = [world.load_scenario(case.scenario, **case.changes) for case in cases]
    for case, setting in zip(cases, settings, strict=True):
        for c in contenders:
            if reason := _misfit(c, world, setting):
                misfits[c.policy, case.name] = reason
    for c in contenders:
        if all((c.policy, case.name) in misfits for case in cases):
            raise ValueError(misfits[c.policy, cases[0].name])
    kept, plans, done = None if store is None else Store(store), list[Plan](), list[Results]()
    playing = {case.name: [c for c in contenders if (c.policy, case.name) not in misfits] for case in cases}
    total = sum(len(some) + 1 for some in playing.values())
    with telling(progress, total) as tell, engine(workers, ray, threads=num_threads) as at_work:
        for case, setting in zip(cases, settings, strict=True):
            options = {"changes": case.changes, "num_threads": num_threads, "store": kept, "bound": bound}
            plans.append(Plan(playing[case.name], world, setting, seeds, **options, progress=at(tell, case.name)))
        carry_out(plans, at_work, done.append)
    return SuiteResults(suite, split, done, misfits)


def _misfit(c: Contender, world: World, setting: Any) -> str:
    """Why a trained agent cannot play a scenario; empty if it can."""
    if not c.agent:
        return ""
    env = SplitVectorEnv(1, world.name, setting, c.action, c.episode_options)
    try:
        c.make(env)
    except ValueError as error:
        return str(error)
    finally:
        env.close()
    return ""
