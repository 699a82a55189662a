"""Evaluation: policies on common traces, figures with intervals, paired differences."""

from __future__ import annotations

from splitgym.evaluation.evaluate import evaluate
from splitgym.evaluation.results import Results

__all__ = ["Results", "evaluate"]
