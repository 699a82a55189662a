"""Evaluation: policies on common traces, figures with intervals, paired differences, sweeps, long runs."""

from __future__ import annotations

from splitgym.evaluation.comparison import evaluate
from splitgym.evaluation.long_runs import Stability, stability
from splitgym.evaluation.reports import report
from splitgym.evaluation.results import Results
from splitgym.evaluation.suite import SuiteResults, evaluate_suite
from splitgym.evaluation.sweeps import Sweep, sweep
from splitgym.evaluation.upper_bounds import bound, bounds, clairvoyant
from splitgym.worlds.bound import Bound
from splitgym.worlds.clairvoyant import Clairvoyant

__all__ = [
    "Bound",
    "Clairvoyant",
    "Results",
    "Stability",
    "SuiteResults",
    "Sweep",
    "bound",
    "bounds",
    "clairvoyant",
    "evaluate",
    "evaluate_suite",
    "report",
    "stability",
    "sweep",
]
