"""Evaluation: policies on common traces, figures with intervals, paired differences, sweeps over a scenario."""

from __future__ import annotations

from splitgym.evaluation.evaluate import evaluate
from splitgym.evaluation.results import Results
from splitgym.evaluation.sweep import Sweep, sweep

__all__ = ["Results", "Sweep", "evaluate", "sweep"]
