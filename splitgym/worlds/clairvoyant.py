"""What a search that sees the whole trace achieves: a value from below for the best possible return."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np


@dataclasses.dataclass(frozen=True)
class Clairvoyant:
    """Feasible decisions for one trace, found with the whole trace known, and their return.

    Not a policy: it cannot be registered, predicts nothing from observations and is not compared with policies.  The
    best possible return on the trace lies between ``value`` and that of :func:`splitgym.bound`.

    Args:
        value: return of the decisions, as the environment adds it up step by step.
        multiplier: price of energy [1/J] at which they were found; 0 where energy leaves no debt.
        time_price: price of the time [1/s] for which a task keeps the next ones waiting.
        decisions: (n_steps,) records of the world's DECISION in SI units, one for each step; missed tasks take none.
        episode_options: options of ``reset`` that they are meant for.
    """

    sees: ClassVar[str] = "trace"

    value: float
    multiplier: float
    time_price: float
    decisions: np.ndarray
    episode_options: dict[str, Any]
