"""NSGA-III over the decisions of an offline problem, through Optuna: the published search of DynaSplit.

Everything is Optuna's default (population 50, uniform crossover 0.9, swap 0.5, mutation 1/n_axes, Das-Dennis reference
points with dividing parameter 3).  Needs the extra ``search``; importing this module does not.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from splitgym.digests import code_version
from splitgym.encodings import Axis
from splitgym.extras import need
from splitgym.fronts import OBJECTIVES, costs_of
from splitgym.locks import held
from splitgym.optuna_files import opened, quiet

if TYPE_CHECKING:
    from splitgym.baselines.search import Problem

#: Under this many levels in a row, the order of whole numbers is no help to a search.
_SHORTEST_RANGE = 4
_MEASURED = "latency_s, energy_j, accuracy"


def nsga3(
    problem: Problem, budget: int, seed: int, storage: Path | None, progress: Callable[[int, int], None] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Evaluate ``budget`` valid decisions, none of them twice, as NSGA-III suggests them.

    Invalid suggestions and repetitions are pruned and do not count.  With a ``storage`` (an SQLite file, created
    if missing) every evaluation is kept, one study per environment, scenario, version of the code and seed: after an
    interruption, or with a greater budget, the same call continues where the last one stopped.  The sampler
    that goes on is seeded by (seed, attempts so far), so an interrupted search does not end exactly as an
    uninterrupted one.  One process at a time may use a storage.

    Returns decisions (m, n_axes) and values (m, 3), oldest first.  m < budget, with a ``RuntimeWarning``, only if
    NSGA-III repeats itself so often that waiting is futile.  Raises ``ValueError`` for a file that is not a
    storage or that another process uses, and for values that are not numbers.
    """
    optuna = need("optuna", "search")
    alone = held(storage) if storage else contextlib.nullcontext()
    with quiet(optuna), alone, opened(optuna, storage, "search") as backend, _interruptible() as check:
        run = _Run(optuna, problem, seed, backend)
        run.go_on(budget, progress, check)
    if len(run.completed) < budget:
        warnings.warn(
            f"nsga3 repeats itself: {len(run.completed)} of {budget} evaluations after {run.attempts} attempts; the "
            "search ends here (search 'exhaustive' evaluates everything)",
            RuntimeWarning,
            stacklevel=3,
        )
    decisions = np.array(list(run.completed)[:budget], np.float64)
    return decisions, np.array(list(run.completed.values())[:budget], np.float64)


class _Run:
    """One study.  Its completed trials are kept here as well: asking Optuna copies all of them, at every trial."""

    def __init__(self, optuna: Any, problem: Problem, seed: int, backend: Any) -> None:
        self.optuna, self.problem = optuna, problem
        self.valid = {tuple(row) for row in problem.table.tolist()}
        self.completed: dict[tuple[float, ...], list[float]] = {}  # decision -> latency_s, energy_j, accuracy
        self.study = optuna.create_study(
            study_name=f"{problem.env_id} {problem.digest} {code_version()} nsga3 seed {seed}",
            storage=backend,
            load_if_exists=True,
            directions=["maximize" if n == "accuracy" else "minimize" for n in OBJECTIVES if n in problem.objectives],
        )
        self.attempts = self._recall()
        fresh = np.random.SeedSequence([seed, self.attempts]).generate_state(1)[0]
        self.study.sampler = optuna.samplers.NSGAIIISampler(seed=int(fresh) if self.attempts else seed)

    def _recall(self) -> int:
        """Take up what the study holds; returns the number of its attempts."""
        states, trials = self.optuna.trial.TrialState, self.study.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state == states.RUNNING:  # left behind by a process that was killed
                self.study.tell(trial.number, state=states.FAIL)
            elif trial.state == states.COMPLETE:
                self._remember(self.study, trial)
        return len(trials)

    def _remember(self, study: Any, trial: Any) -> None:
        if trial.state == self.optuna.trial.TrialState.COMPLETE:
            decision = tuple(float(trial.params[axis.name]) for axis in self.problem.axes)
            self.completed[decision] = trial.user_attrs[_MEASURED]

    def go_on(self, budget: int, progress: Callable[[int, int], None] | None, check: Callable[[], None]) -> None:
        """Complete ``budget`` trials, or give up after a great many attempts; calls ``check()`` between trials."""
        most = self.attempts + 10 * (budget + self.problem.raw)

        def report(study: Any, trial: Any) -> None:
            check()
            if progress and trial.state == self.optuna.trial.TrialState.COMPLETE:
                progress(len(self.completed), budget)

        if progress:
            progress(min(len(self.completed), budget), budget)
        while len(self.completed) < budget and self.attempts < most:
            attempts = min(budget - len(self.completed), most - self.attempts)
            self.study.optimize(self._attempt, n_trials=attempts, callbacks=[self._remember, report])

    def _attempt(self, trial: Any) -> tuple[float, ...]:
        self.attempts += 1
        decision = tuple(_suggest(trial, axis) for axis in self.problem.axes)
        if decision not in self.valid or decision in self.completed:
            raise self.optuna.TrialPruned
        values = self.problem.evaluate(np.array([decision]))
        costs = costs_of(values, self.problem.objectives)
        if not np.isfinite(costs).all():
            raise ValueError(f"decision {decision} costs {costs[0].tolist()}: objectives must be finite")
        trial.set_user_attr(_MEASURED, values[0].tolist())
        signs = [-1.0 if n == "accuracy" else 1.0 for n in OBJECTIVES if n in self.problem.objectives]
        return tuple((costs[0] * signs).tolist())


def _suggest(trial: Any, axis: Axis) -> float:
    n = len(axis.levels)
    if n >= _SHORTEST_RANGE and axis.levels == tuple(range(n)):
        return float(trial.suggest_int(axis.name, 0, n - 1))
    return float(trial.suggest_categorical(axis.name, [float(level) for level in axis.levels]))


@contextlib.contextmanager
def _interruptible() -> Iterator[Callable[[], None]]:
    """A function that raises ``KeyboardInterrupt`` if there was a Ctrl-C: it waits for the end of a trial.

    A second Ctrl-C does not wait.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield lambda: None  # Ctrl-C is never raised here, or somebody else has plans for it
        return
    pressed = threading.Event()

    def remember(number: int, frame: Any) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)

    def check() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, remember)
    try:
        yield check
        check()
    finally:
        signal.signal(signal.SIGINT, before)
