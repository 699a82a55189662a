"""What an evaluation found: tidy rows, summaries with intervals, paired differences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.checks import file_path, items, word
from splitgym.evaluation.output import RowOutput
from splitgym.evaluation.statistics import (
    iqm_interval,
    mean_interval,
    normalised,
    over_seeds,
    seeds_interval,
    wins_ties,
)
from splitgym.evaluation.upper_bounds import BOUNDS, CLAIRVOYANT, OBSERVER, observer_kind
from splitgym.lazily import drawn
from splitgym.numbers import plain_array
from splitgym.provenance import Source, sources, tables
from splitgym.quoting import shown
from splitgym.registry import nearest
from splitgym.worlds.world import Measure, World

#: Policy whose mean return is the zero of normalised scores; the bound is their one.
ANCHOR = "random"
GAP = Measure("gap", "", "certified upper bound on the return of any policy, minus the return", -1)
OBSERVER_GAP = Measure("gap", "", "bound on the return of policies that see observations only, minus the return", -1)
DECISION = Measure("decision_s", "us", "time to decide a task, observation to action, in a batch", -1, 1e6)


class Results(RowOutput):
    """Rows of (policy, seed, figures) of one scenario; every policy met the same traces.

    Args:
        world, scenario: the setting.
        changes: what was changed in the scenario, dotted path -> value.

    Attributes:
        agents: names of trained agents, which do not count as baselines.
        specs: policy -> the text it was evaluated by, such as a path; empty for an object.
        bounds: upper bounds (n,), or ``None``.
        bound_name: "clairvoyant": on any policy, trace by trace; or "observer": on policies that see observations
            only, on average over traces.
        identities: policy -> digest of what decided its figures; empty where it is unknown.
        members: policy -> training seed -> figures, of policies with several training seeds; what such a policy reached
            in an episode is the interquartile mean over them.
        trained: policy -> training seed -> text it was evaluated by and digest, as ``specs`` and ``identities``.
        notes: policy -> what must be said beside its figures, such as that its training was ended early.
        folder: the store that these come from, where it keeps files that policies name; or ``None``.
        plugins: the plug-ins that were loaded.
    """

    _table, _figure = "comparison.summary_table", "comparison.comparison_figure"

    def __init__(self, world: World, scenario: Any, changes: Mapping[str, Any] | None = None) -> None:
        self.world, self.scenario, self.changes = world, scenario, dict(changes or {})
        self.agents: frozenset[str] = frozenset()
        self.specs: dict[str, str] = {}
        self.measures: tuple[Measure, ...] = (*world.measures, DECISION)
        self.bounds: np.ndarray | None = None
        self.bound_name = CLAIRVOYANT
        self.identities: dict[str, str] = {}
        self.notes: dict[str, str] = {}
        self.folder: Path | None = None
        self.plugins: list[Source] = sources()
        self._figures: dict[str, dict[str, np.ndarray]] = {}
        self._seeds: dict[str, np.ndarray] = {}
        self.members: dict[str, dict[int, dict[str, np.ndarray]]] = {}
        self.trained: dict[str, dict[int, tuple[str, str]]] = {}

    def set_bounds(self, values: np.ndarray, name: str = CLAIRVOYANT) -> None:
        """Bounds (n,) of the episodes to come; every policy added from now on gets its gap to them."""
        self.bounds, self.bound_name = plain_array(values, "bounds").astype(np.float64), word("bound", name, BOUNDS)
        gap = OBSERVER_GAP if name == OBSERVER else GAP
        self.measures = (*self.measures[:1], gap, *self.measures[1:])

    @property
    def bound_words(self) -> str:
        """What the bound is, in words; empty without one."""
        if self.bounds is None:
            return ""
        if self.bound_name == CLAIRVOYANT:
            return "a certified bound on any policy's return"
        return f"the {observer_kind(self.world, self.scenario)} bound for observers, which holds on average"

    def add(
        self,
        policy: str,
        seeds: Sequence[int],
        figures: dict[str, np.ndarray],
        *,
        spec: str = "",
        agent: bool = False,
        identity: str = "",
    ) -> None:
        """Add the episodes of a policy: name -> (n,) figures; episode i played ``seeds[i]``."""
        if self.bounds is not None:
            figures = {**figures, GAP.name: self.bounds - figures["return"]}
        self._figures[policy], self._seeds[policy], self.specs[policy] = figures, np.array(seeds), spec
        self.identities[policy] = identity
        if agent:
            self.agents |= {policy}

    def add_member(
        self,
        policy: str,
        training_seed: int,
        seeds: Sequence[int],
        figures: dict[str, np.ndarray],
        *,
        spec: str = "",
        identity: str = "",
    ) -> None:
        """Add the episodes of one training seed of a policy; see :meth:`add`."""
        found = self.members.setdefault(policy, {})
        if self.bounds is not None:
            figures = {**figures, GAP.name: self.bounds - figures["return"]}
        found[training_seed] = figures
        self.trained.setdefault(policy, {})[training_seed] = (spec, identity)
        whole = {name: over_seeds(np.array([one[name] for one in found.values()])) for name in figures}
        self.add(policy, seeds, whole, agent=True)

    def typical_seed(self, policy: str) -> int:
        """The training seed of the median mean return, of a policy with several; the lower of two in the middle."""
        means = {seed: float(figures["return"].mean()) for seed, figures in self.members[policy].items()}
        return sorted(means, key=means.__getitem__)[(len(means) - 1) // 2]

    def merge(self, *others: Results) -> Results:
        """The policies of these and of other results of the same setting and seeds, side by side.

        Raises ``ValueError`` for another environment, scenario or seeds, for bounds in some of them only or unequal
        ones, and for a policy that is in two of them.
        """
        whole = Results(self.world, self.scenario, changes=self.changes)
        if self.bounds is not None:
            whole.set_bounds(self.bounds, self.bound_name)
        whole.plugins, whole.folder = list(self.plugins), self.folder
        for one in (self, *others):
            _check_alike(self, one)
            whole.notes |= one.notes
            whole.plugins += [source for source in one.plugins if source not in whole.plugins]
            whole.members |= {policy: dict(each) for policy, each in one.members.items()}
            whole.trained |= {policy: dict(each) for policy, each in one.trained.items()}
            for policy, figures in one._figures.items():
                if policy in whole.policies:
                    raise ValueError(f"the policy {policy!r} is in two of the results; evaluate one by another name")
                whole.add(
                    policy,
                    one._seeds[policy].tolist(),
                    dict(figures),
                    spec=one.specs[policy],
                    agent=policy in one.agents,
                    identity=one.identities[policy],
                )
        return whole

    def seeds(self, policy: str) -> np.ndarray:
        """Seed of every episode of a policy, (n,); the same for all policies of an evaluation."""
        return self._seeds[self._known(policy)].copy()

    def _known(self, policy: str) -> str:
        return word("policy", policy, self._figures)

    @property
    def setting(self) -> str:
        """Environment and scenario in words, with what was changed."""
        return setting_words(self.world, self.scenario, self.changes)

    @property
    def policies(self) -> list[str]:
        """Names in the order of evaluation."""
        return list(self._figures)

    def figure(self, policy: str, name: str) -> np.ndarray:
        """One figure of every episode of a policy, (n,), SI units; ``ValueError`` for unknown names.

        Of a policy with several training seeds it is their interquartile mean; ``members`` holds each.
        """
        figures = self._figures[self._known(policy)]
        return figures[word("figure", name, figures)].copy()

    def scores(self, policy: str) -> np.ndarray | None:
        """Normalised score of every episode, (n,): 0 is the mean of ``random``, 1 the bound.

        The bound is that of the trace, or the mean of the observer's, which says nothing about a single trace.

        Of a policy with several training seeds those of each, one after the other, (n_seeds n,).
        ``None`` without bounds, where ``random`` or the policy itself is not among those evaluated, and where
        :attr:`unscored` says why.
        """
        if self.bounds is None or ANCHOR not in self._figures or policy not in self.policies or self.unscored:
            return None
        each = self.members.get(policy, {0: self._figures[policy]}).values()
        return np.concatenate([normalised(one["return"], self._zero, self._ones) for one in each])

    @property
    def unscored(self) -> str:
        """Why there is no score although there are bounds and ``random``; empty where there is one."""
        if self.bounds is None or ANCHOR not in self._figures:
            return ""
        low = int((self._ones <= self._zero).sum())
        return f"on {low} of {len(self.bounds)} traces the bound is not above the mean of {ANCHOR}" if low else ""

    @property
    def _ones(self) -> np.ndarray:
        """What counts as 1 on every trace, (n,)."""
        assert self.bounds is not None
        return np.full_like(self.bounds, self.bounds.mean()) if self.bound_name == OBSERVER else self.bounds

    @property
    def _zero(self) -> float:
        return float(self._figures[ANCHOR]["return"].mean())

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary for each policy and episode; figures in SI units.

        Where a policy has several training seeds, there is one for each, and ``training_seed`` says which; it is empty
        for the others.
        """
        return [
            {
                "policy": policy,
                "environment": self.world.env_id,
                "scenario": self.scenario.name,
                **({"training_seed": trained} if self.members else {}),
                "seed": int(seed),
                **{m.name: float(figures[m.name][i]) for m in self.measures},
            }
            for policy, whole in self._figures.items()
            for trained, figures in self.members.get(policy, {"": whole}).items()
            for i, seed in enumerate(self._seeds[policy])
        ]

    def interval(self, policy: str, name: str, minus: np.ndarray | float = 0.0) -> tuple[float, float]:
        """Mean over the episodes of one figure, less ``minus`` (n,), and the half-width of its 95 % interval.

        Of a policy with several training seeds: of the interquartile mean over these, with the bootstrap interval over
        training seeds and episodes (:func:`splitgym.evaluation.statistics.seeds_interval`).
        """
        if self._known(policy) in self.members:
            return seeds_interval(np.array([one[name] - minus for one in self.members[policy].values()]))
        return mean_interval(self.figure(policy, name) - minus)

    def best_baseline(self) -> str:
        """Name of the policy with the highest mean return that is not a trained agent (or of all, if all are)."""
        names = [p for p in self.policies if p not in self.agents] or self.policies
        return max(names, key=lambda p: float(self._figures[p]["return"].mean()))

    def summary(self) -> list[dict[str, Any]]:
        """One dictionary for each policy, best return first: mean and 95 % half-width of every figure (SI units).

        ``difference`` is the return minus that of the best baseline on the same traces, with its own interval from
        the paired differences, ``wins`` and ``ties`` the numbers of traces on which it is higher or equal.  With bounds
        and the policy ``random`` among those evaluated, ``score`` is the interquartile mean of the normalised score (0:
        mean of ``random``, 1: the bound) with its bootstrap interval ``score_low``, ``score_high``, or
        :attr:`unscored` says why not.  Of a policy with several training seeds, ``training_seeds`` of them, each figure
        is what :meth:`interval` gives.
        """
        best = self._figures[self.best_baseline()]["return"]
        table = []
        for policy, figures in self._figures.items():
            entry: dict[str, Any] = {"policy": policy, "agent": policy in self.agents, "episodes": len(best)}
            if policy in self.members:
                entry["training_seeds"] = len(self.members[policy])
            for m in self.measures:
                entry[m.name], entry[f"{m.name}_interval"] = self.interval(policy, m.name)
            entry["difference"], entry["difference_interval"] = self.interval(policy, "return", best)
            entry["wins"], entry["ties"] = wins_ties(figures["return"], best)
            scores = self.scores(policy)
            if scores is not None:
                entry["score"], entry["score_low"], entry["score_high"] = iqm_interval([scores])
            table.append(entry)
        return sorted(table, key=lambda entry: -entry["return"])

    def columns(self, measures: Iterable[str] | None = None, *, wide: bool = False) -> list[str]:
        """Names of a table's columns, after that of the policies: those given, all if ``wide``, or the few that count.

        These few are the return, the difference, the two measures of the world's plane and the time to decide; with
        bounds the gap and the score instead of difference and time.  ``ValueError`` names the nearest known.
        """
        if measures is not None:
            return chosen_columns(self.world, measures, bounded=self.bounds is not None)
        scored = ["score"] if self.bounds is not None and ANCHOR in self._figures and not self.unscored else []
        if wide:
            return [*(m.name for m in self.measures), "difference", "wins", *scored]
        plane = [self.world.plane.y, self.world.plane.x]
        if self.bounds is not None:
            return ["return", GAP.name, *(scored or ["difference"]), *plane]
        return ["return", "difference", *plane, DECISION.name]

    def table(self, measures: Iterable[str] | None = None, *, wide: bool = False) -> Any:
        """The summary as a table, for people: print it, or give it to ``rich``; columns as in :meth:`columns`."""
        return drawn(self._table, self, self.columns(measures, wide=wide))

    def document(self) -> dict[str, Any]:
        """Setting, summary and rows, as :meth:`to_json` writes them."""
        return {
            **setting_table(self.world, self.scenario, self.changes),
            "plugins": tables(self.plugins),
            "best_baseline": self.best_baseline(),
            "bounds": None if self.bounds is None else self.bounds.tolist(),
            "bound": self.bound_words,
            "summary": self.summary(),
            "rows": self.rows(),
            **({"notes": self.notes} if self.notes else {}),
        }

    def to_html(self, path: str | Path) -> Path:
        """Write a report of this evaluation, see :func:`splitgym.evaluation.report`."""
        return drawn("report.build.build", [self], file_path("path", path), (), trust=False)


def _check_alike(first: Results, other: Any) -> None:
    """Raise ``ValueError`` unless the policies of two results met the same traces."""
    if not isinstance(other, Results):
        raise ValueError(f"merge takes Results of evaluations, got {shown(other)}")
    if other.world is not first.world or other.scenario.digest() != first.scenario.digest():
        raise ValueError(f"results of another setting cannot be merged: {first.setting} and {other.setting}")
    if not all(np.array_equal(mine, theirs) for mine in first._seeds.values() for theirs in other._seeds.values()):
        raise ValueError("results of other seeds cannot be merged; evaluate the same episodes from the same seed")
    bounds = (first.bounds, other.bounds)
    if any(b is None for b in bounds) != all(b is None for b in bounds):
        raise ValueError("results with bounds and results without them cannot be merged; evaluate both with bound=True")
    if first.bound_name != other.bound_name:
        raise ValueError(f"results with the bounds {first.bound_name!r} and {other.bound_name!r} cannot be merged")
    if bounds[0] is not None and not np.array_equal(bounds[0], np.asarray(bounds[1])):
        raise ValueError("results with other bounds met other traces, so they cannot be merged")


def chosen_columns(world: World, names: Iterable[str], *, bounded: bool) -> list[str]:
    """Columns of a comparison by name, each once; ``ValueError`` names the nearest known, or what a name needs."""
    certified = (GAP.name, "score")
    known = [*(m.name for m in world.measures), DECISION.name, "difference", "wins", *certified]
    chosen = list(dict.fromkeys(items("measures", names, "names")))
    for name in chosen:
        if not isinstance(name, str) or name not in known:
            raise ValueError(f"unknown measure {shown(name)}{nearest(name, known)} (known: {', '.join(known)})")
        if name in certified and not bounded:
            raise ValueError(f"the measure {name!r} needs the bound of every trace: add bound=True (--bound)")
    return chosen


def setting_words(world: World, scenario: Any, changes: Mapping[str, Any]) -> str:
    """Environment and scenario in words, with what was changed."""
    return f"{world.env_id}, scenario {scenario_words(scenario, changes)}"


def scenario_words(scenario: Any, changes: Mapping[str, Any]) -> str:
    """A scenario's name with what was changed."""
    return scenario.name + "".join(f", {key}={getattr(value, 'name', value)}" for key, value in changes.items())


def setting_table(world: World, scenario: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Environment and scenario as the head of a JSON document."""
    return {
        "environment": world.env_id,
        "scenario": scenario.name,
        "changes": changes,
        "scenario_digest": scenario.digest(),
        "caveat": scenario.caveat,
    }
