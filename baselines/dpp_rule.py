"""What ``dpp`` decides in the worlds with tasks: one rule for the policy and for the choice of its prices.

A task is given up by sending its input with 0 W: no block runs and no slot is used, so it takes no energy and frees the
device at once, for the next one.  The clock stays as it is, since a change takes time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from splitgym.baselines.dpp_model import GIVEN_UP, TaskModel, numbers_of
from splitgym.encodings import Encoding


def decided(model: TaskModel, views: np.ndarray, prices: Sequence[Any] | np.ndarray, gives_up: bool) -> np.ndarray:
    """Decisions (n, n_axes) in SI units.

    Args:
        model: what decisions bring.
        views: (n,) observed SI values.
        prices: V [J^2], tau and sigma [1/s], one for all or (n,) each: a joule costs Q / V answers, a second of the
            device's time tau, and sigma for each task that waits.
        gives_up: whether a task may be given up.
    """
    weight_j2, time_price, waiting_price = prices
    energy, time = views["queue_j"] / weight_j2, time_price + waiting_price * views["backlog"]
    chosen = model.choose(numbers_of(views, model.fields), energy, time, gives_up=gives_up)
    decisions, lost = model.decisions[chosen], chosen == GIVEN_UP
    for name, value in _given_up(views[lost]).items():
        decisions[lost, model.axes.index(name)] = value
    return decisions


def _given_up(views: np.ndarray) -> dict[str, np.ndarray | float]:
    """The axes of a decision that gives a task up; the edge cut does not matter."""
    return {"cut": 0.0, "clock_hz": views["clock_hz"], "power_w": 0.0}


def can_give_up(encoding: Encoding) -> bool:
    """Whether an action can say 0 W."""
    values = np.array([[axis.levels[0] for axis in encoding.axes]])
    values[0, [axis.name for axis in encoding.axes].index("power_w")] = 0.0
    said = np.empty_like(values)
    encoding.decode(encoding.encode(values), said)
    return bool(np.array_equal(said, values))
