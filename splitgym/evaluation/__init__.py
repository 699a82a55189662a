"""Evaluation: policies on common traces, figures with intervals, paired differences, sweeps, long runs."""

from __future__ import annotations

from splitgym.evaluation.certified import bound, bounds
from splitgym.evaluation.evaluate import evaluate
from splitgym.evaluation.results import Results
from splitgym.evaluation.stability import Stability, stability
from splitgym.evaluation.suite import SuiteResults, evaluate_suite
from splitgym.evaluation.sweep import Sweep, sweep
from splitgym.worlds.bound import Bound

__all__ = [
    "Bound",
    "Results",
    "Stability",
    "SuiteResults",
    "Sweep",
    "bound",
    "bounds",
    "evaluate",
    "evaluate_suite",
    "stability",
    "sweep",
]
