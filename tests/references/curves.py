"""Accuracy curves in plain Python (ENACHI s4): an exponential by its steepness, or a table; networks with tables.

A curve is ``k``, a number as a block's ``steepness``, or a block's ``curve``.  It shares no code with the package.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np


def curve_of(block: Any) -> Any:
    """The steepness of a block, or its table."""
    return block.steepness if block.curve is None else block.curve


def partial(k: Any) -> bool:
    """Whether a part of the features is answered to."""
    return not isinstance(k, float) or k > 0


def reached(sc: Any, k: Any, beta: float) -> float:
    """Accuracy with a share of the features."""
    full, chance = sc.dnn.accuracy_full, sc.dnn.accuracy_chance
    if isinstance(k, float):
        return chance + (full - chance) * (1 - math.exp(-k * beta)) / (1 - math.exp(-k))
    return float(np.interp(beta, k.shares, k.accuracies))


def theta(sc: Any, k: Any, a: float) -> float:
    """Least share of the features with which the accuracy reaches ``a``."""
    full, chance = sc.dnn.accuracy_full, sc.dnn.accuracy_chance
    if isinstance(k, float):
        return max(-math.log(1 - (a - chance) / (full - chance) * (1 - math.exp(-k))) / k, 0.0)
    x, y = k.shares, k.accuracies
    after = next(i for i, level in enumerate(y) if level >= a)
    if after == 0:
        return 0.0
    return x[after - 1] + (x[after] - x[after - 1]) * (a - y[after - 1]) / (y[after] - y[after - 1])


def dense(k: float, full: float, chance: float, points: int) -> tuple[list[float], list[float]]:
    """Points of the exponential at equal steps of accuracy, where its pieces bend least."""
    share = np.linspace(0.0, 1.0, points)
    shares = -np.log1p(share * np.expm1(-k)) / k
    levels = chance + (full - chance) * share
    shares[[0, -1]], levels[[0, -1]] = (0.0, 1.0), (chance, full)
    return shares.tolist(), levels.tolist()


#: Tables with slopes that fall, that rise and fall, with flat pieces and steps, and the shortest one: shares, and the
#: part of the way from chance to full.
SHAPES = {
    "concave": ([0.0, 0.1, 0.3, 0.6, 1.0], [0.0, 0.5, 0.8, 0.95, 1.0]),
    "waves": ([0.0, 0.2, 0.25, 0.5, 0.7, 1.0], [0.0, 0.05, 0.4, 0.6, 0.97, 1.0]),
    "steps": ([0.0, 0.3, 0.3000001, 0.6, 0.6000001, 0.9, 1.0], [0.0, 0.0, 0.5, 0.5, 0.9, 1.0, 1.0]),
    "line": ([0.0, 1.0], [0.0, 1.0]),
}


def shaped(shape: str, full: float, chance: float) -> dict[str, list[float]]:
    """The table of a shape between two accuracies."""
    shares, parts = SHAPES[shape]
    levels = [chance, *(chance + (full - chance) * part for part in parts[1:-1]), full]
    return {"shares": shares, "accuracies": [min(level, full) for level in levels]}


def tabulated(dnn: Any, *shapes: str, points: int = 0) -> Any:
    """A network with tables for its exponentials, shape after shape; with ``points``, these of the exponential."""
    blocks, count = [], 0
    ends = dnn.accuracy_full, dnn.accuracy_chance
    for block in dnn.blocks:
        if block.steepness > 0.0 and points:
            shares, levels = dense(block.steepness, *ends, points)
            block = dataclasses.replace(block, steepness=0.0, curve={"shares": shares, "accuracies": levels})
        elif block.steepness > 0.0:
            block = dataclasses.replace(block, steepness=0.0, curve=shaped(shapes[count % len(shapes)], *ends))
            count += 1
        blocks.append(block)
    return dataclasses.replace(dnn, blocks=tuple(blocks))
