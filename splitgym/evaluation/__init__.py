"""Evaluation: policies on common traces, figures with intervals, paired differences, sweeps over a scenario."""

from __future__ import annotations

from splitgym.evaluation.certified import bound, bounds
from splitgym.evaluation.evaluate import evaluate
from splitgym.evaluation.results import Results
from splitgym.evaluation.suite import SuiteResults, evaluate_suite
from splitgym.evaluation.sweep import Sweep, sweep
from splitgym.worlds.bound import Bound

__all__ = ["Bound", "Results", "SuiteResults", "Sweep", "bound", "bounds", "evaluate", "evaluate_suite", "sweep"]
