"""Pareto fronts of decisions, and the choice of one entry for a deadline: DynaSplit's online phase.

A front is what an offline search (:mod:`splitgym.baselines.search`) leaves behind: decisions that no other one
beats in every objective, each with its latency, energy and accuracy.  Source: May et al., "DynaSplit: A
Hardware-Software Co-Design Framework for Energy-Aware Inference on Edge", arXiv 2410.23881.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.checks import file_path
from splitgym.files import write_atomically
from splitgym.front_file import HEAD, MARK, MEASURED, front_arguments, write_front
from splitgym.named_files import NamedFile
from splitgym.numbers import as_array
from splitgym.quoting import cut, shown, where
from splitgym.ranges import TARGET
from splitgym.reading import json_of, read_json

#: What can be an objective, in the order of the published searches; accuracy is maximised, the others minimised.
OBJECTIVES = ("latency", "accuracy", "energy")


def costs_of(values: np.ndarray, objectives: tuple[str, ...]) -> np.ndarray:
    """Columns to be minimised, in the order of :data:`OBJECTIVES`: accuracy is negated.

    Args:
        values: (n, 3) with columns latency [s], energy [J], accuracy [share].
        objectives: names out of :data:`OBJECTIVES`.

    Returns (n, len(objectives)) float64.
    """
    columns = {"latency": values[:, 0], "accuracy": -values[:, 2], "energy": values[:, 1]}
    return np.stack([columns[name] for name in OBJECTIVES if name in objectives], axis=1)


def nondominated(costs: np.ndarray) -> np.ndarray:
    """Which rows of ``costs`` (n, k) no other row dominates, all columns being minimised.  Returns (n,) bool.

    A row dominates another if it is nowhere larger and somewhere smaller; equal rows do not dominate each other.
    Raises ``ValueError`` for NaN or another shape.
    """
    costs = np.asarray(costs, np.float64)
    if costs.ndim != 2 or costs.shape[1] == 0 or np.isnan(costs).any():
        raise ValueError(f"costs must be numbers (no NaN) of shape (n, k) with k >= 1, got shape {costs.shape}")
    order = np.lexsort(costs.T[::-1])  # whoever dominates a row now stands before it, and is no larger in column 0
    rows = costs[order]
    keep = np.zeros(len(rows), bool)
    front = np.empty((costs.shape[1] - 1, len(rows)))
    size = 0
    for i, row in enumerate(rows):
        if i and np.array_equal(row, rows[i - 1]):
            keep[i] = keep[i - 1]
            continue
        keep[i] = not (front[:, :size] <= row[1:, None]).all(axis=0).any()
        if keep[i]:
            front[:, size] = row[1:]
            size += 1
    result = np.empty(len(rows), bool)
    result[order] = keep
    return result


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Front:
    """Decisions found by a search, sorted: least energy first, at equal energy the more accurate first.

    Accuracy breaks ties only where it is an objective; what is then still equal keeps its order.

    Args:
        env_id: environment that the decisions are for.
        scenario: name of its scenario.
        digest: digest of its scenario (hex).
        axes: names of the columns of ``decisions``.
        objectives: names out of :data:`OBJECTIVES`.
        search: name of the search.
        seed: its seed.
        budget: evaluations that it was allowed.
        evaluated: evaluations that it made.
        decisions: (n, len(axes)) values in SI units.
        latency_s: (n,) latency [s].
        energy_j: (n,) energy [J].
        accuracy: (n,) share of right answers; NaN where it was not measured.

    The arrays are read-only copies.  Raises ``ValueError`` for anything else than the above.
    """

    env_id: str
    scenario: str
    digest: str
    axes: tuple[str, ...]
    objectives: tuple[str, ...]
    search: str
    seed: int
    budget: int
    evaluated: int
    decisions: np.ndarray
    latency_s: np.ndarray
    energy_j: np.ndarray
    accuracy: np.ndarray
    _limits: list[float] = dataclasses.field(init=False, repr=False)  # ascending; from each on, another entry is chosen
    _chosen: list[int] = dataclasses.field(init=False, repr=False)  # one more than limits: below the first, fastest

    def __post_init__(self) -> None:
        self._set(axes=tuple(self.axes), objectives=tuple(self.objectives))
        self._set(seed=int(self.seed), budget=int(self.budget), evaluated=int(self.evaluated))
        _check_names(self.axes, self.objectives)
        _check_counts(self.budget, self.evaluated)
        columns = {name: np.array(as_array(getattr(self, name), name), np.float64) for name in ("decisions", *MEASURED)}
        _check_columns(columns, len(self.axes), "accuracy" in self.objectives)
        ties = -columns["accuracy"] if "accuracy" in self.objectives else np.zeros(len(columns["accuracy"]))
        order = np.lexsort((ties, columns["energy_j"]))
        for name, column in columns.items():
            column = column[order]
            column.flags.writeable = False
            self._set(**{name: column})
        self._prepare()

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _prepare(self) -> None:
        """The staircase: only an entry faster than all before it can ever be the first one that meets a limit."""
        steps, best = [], np.inf
        for entry, latency_s in enumerate(self.latency_s.tolist()):
            if latency_s < best:
                steps.append(entry)
                best = latency_s
        steps.reverse()
        self._set(_limits=self.latency_s[steps].tolist(), _chosen=[steps[0], *steps])

    def __len__(self) -> int:
        return len(self.latency_s)

    @property
    def values(self) -> np.ndarray:
        """(n, 3) latency [s], energy [J], accuracy [share]."""
        return np.stack([self.latency_s, self.energy_j, self.accuracy], axis=1)

    def choose(self, limit_s: float) -> int:
        """Index of the first entry with ``latency_s <= limit_s``; if there is none (or for NaN) of the fastest."""
        if limit_s != limit_s:
            return self._chosen[0]
        return self._chosen[bisect_right(self._limits, limit_s)]

    def choose_rows(self, limits_s: np.ndarray) -> np.ndarray:
        """:meth:`choose` for many limits (n,) [s] at once.  Returns (n,) int64."""
        limits_s = np.asarray(limits_s, np.float64)
        places = np.searchsorted(self._limits, limits_s, side="right")
        return np.asarray(self._chosen, np.int64)[np.where(np.isnan(limits_s), 0, places)]

    def fastest(self) -> int:
        """Index of the entry with the least latency, the first of several."""
        return int(np.argmin(self.latency_s))

    def frugal(self) -> int:
        """Index of the entry with the least energy, the first of several."""
        return int(np.argmin(self.energy_j))

    def entries(self) -> list[dict[str, float | None]]:
        """One table per entry: axis -> value, ``latency_s``, ``energy_j``, ``accuracy`` (``None`` where unmeasured)."""
        table = np.concatenate([self.decisions, self.values], axis=1).tolist()
        names = (*self.axes, *MEASURED)
        return [{k: v if v == v else None for k, v in zip(names, row, strict=True)} for row in table]

    def to_dict(self) -> dict[str, Any]:
        """The content of a front's file: plain tables, lists, texts and numbers."""
        head = {name: getattr(self, name) for name in HEAD}
        lists = {name: list(head[name]) for name in ("axes", "objectives")}
        return {"format": MARK, **head, **lists, "entries": self.entries()}

    def save(self, path: str | Path) -> Path:
        """Write a JSON file, one line per entry, whole or not at all; returns its path."""
        file = file_path("path", path)
        write_atomically(file, write_front(self.to_dict()))
        return file

    @classmethod
    def load(cls, path: str | Path) -> Front:
        """Read a file of :meth:`save`; every number is what it was.

        Raises ``ValueError`` naming the file and what is wrong with it.  Warns of latencies hardly in seconds.
        """
        if not isinstance(path, NamedFile):
            path = file_path("front", path)
        table = json_of(path.content, path) if isinstance(path, NamedFile) else read_json(path, "front")
        try:
            front = cls(**front_arguments(table))
        except ValueError as error:
            raise ValueError(cut(f"{where(path)} is not a front that can be used: {error}")) from error
        slowest_s = float(front.latency_s.max())
        if TARGET.holds(slowest_s):
            TARGET.check(f"{where(path)}: the longest latency_s", slowest_s)
        return front


def _check_names(axes: tuple[str, ...], objectives: tuple[str, ...]) -> None:
    if not axes or len(set(axes)) < len(axes) or set(axes) & set(MEASURED):
        raise ValueError(f"axes must be distinct names, none of {MEASURED}, got {shown(axes)}")
    if not objectives or len(set(objectives)) < len(objectives) or set(objectives) - set(OBJECTIVES):
        raise ValueError(f"objectives must be distinct and out of {OBJECTIVES}, got {shown(objectives)}")


def _check_counts(budget: int, evaluated: int) -> None:
    if not 1 <= evaluated <= budget:
        raise ValueError(
            f"1 <= evaluated <= budget does not hold: evaluated = {shown(evaluated)}, budget = {shown(budget)}"
        )


def _check_columns(columns: dict[str, np.ndarray], n_axes: int, needs_accuracy: bool) -> None:
    n = len(columns["latency_s"]) if columns["latency_s"].ndim else 0
    if n == 0:
        raise ValueError("a front needs at least one entry")
    for name, column in columns.items():
        wanted = (n, n_axes) if name == "decisions" else (n,)
        if column.shape != wanted:
            raise ValueError(f"{name} must have shape {wanted}, got {column.shape}")
        unmeasured = np.isnan(column) & (name == "accuracy" and not needs_accuracy)
        low, high = {"decisions": (-np.inf, np.inf), "accuracy": (0.0, 1.0)}.get(name, (0.0, np.inf))
        wrong = ~unmeasured & ~(np.isfinite(column) & (column >= low) & (column <= high))
        if wrong.any():
            entry = int(np.argwhere(wrong)[0][0]) + 1
            wanted = {"decisions": "finite", "accuracy": "finite and in 0 to 1 (60 % are 0.6)"}
            told = f"{name} of entry {entry} must be {wanted.get(name, 'finite and >= 0')}"
            raise ValueError(f"{told}, got {float(column[wrong][0])}")
