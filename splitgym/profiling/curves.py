"""Accuracy curves from measured points: the exponential of the ENACHI specification fitted, or a table (ENACHI s4)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from splitgym.physics.dnn import Curve, accuracy, exponential, table
from splitgym.physics.sizes import MOST_POINTS
from splitgym.profiles.dnn import Block, CurveTable, DnnProfile
from splitgym.ranges import SCORE, SHARE

#: Largest distance of the fitted from the measured accuracies with which the exponential is believed [1].
LARGEST_ERROR = 0.03
_STEEPNESS = (1e-3, 1e3)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fit:
    """The exponential nearest to measured points, with full and chance accuracy given.

    Args:
        steepness: k_s.
        error: largest distance between a measured and a fitted accuracy [1].
        root_mean_square: of these distances [1].
    """

    steepness: float
    error: float
    root_mean_square: float

    @property
    def good(self) -> bool:
        """Whether the form fits: the error is at most :data:`LARGEST_ERROR`."""
        return self.error <= LARGEST_ERROR


def accuracies_of(shares: np.ndarray, curve: Curve) -> np.ndarray:
    """Accuracies (n,) of a curve with shares (n,) of the features."""
    return np.array([accuracy(float(share), curve) for share in shares])


def curve_of_block(profile: DnnProfile, block: Block) -> Curve:
    """The accuracy curve behind a block as the kernels read it."""
    if block.curve is not None:
        return table(block.curve.shares, block.curve.accuracies)
    return exponential(block.steepness, profile.accuracy_full, profile.accuracy_chance)


def _points(shares: Sequence[float] | np.ndarray, accuracies: Sequence[float] | np.ndarray) -> list[np.ndarray]:
    """Both as arrays in ascending order of the shares; ``ValueError`` unless they are points of a curve."""
    x, y = np.asarray(shares, np.float64), np.asarray(accuracies, np.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2:
        raise ValueError(f"shares and accuracies must be two lists of one length >= 2, got {x.shape} and {y.shape}")
    for name, values, limits in (("shares", x, SHARE), ("accuracies", y, SCORE)):
        for i, value in enumerate(values.tolist()):
            limits.check(f"{name}[{i}]", value)
    if len(np.unique(x)) < len(x):
        raise ValueError("shares must differ from each other")
    order = np.argsort(x)
    return [x[order], y[order]]


def fit_exponential(
    shares: Sequence[float] | np.ndarray, accuracies: Sequence[float] | np.ndarray, *, full: float, chance: float
) -> Fit:
    """The steepness with the least squares of the distances from measured points.

    Args:
        shares, accuracies: points (n,) [1]; that of no features at all does not count.
        full, chance: accuracy of the whole network and of guessing [1].

    Raises ``ValueError`` unless the points are shares and accuracies in [0, 1] and ``chance < full``.
    """
    from scipy.optimize import minimize_scalar

    if not 0.0 <= chance < full <= 1.0:
        raise ValueError(f"accuracies must be 0 <= chance < full <= 1, got chance={chance!r}, full={full!r}")
    x, y = _points(shares, accuracies)
    x, y = x[x > 0.0], y[x > 0.0]

    def squares(log_steepness: float) -> float:
        return float(((accuracies_of(x, exponential(np.exp(log_steepness), full, chance)) - y) ** 2).sum())

    found = minimize_scalar(squares, bounds=np.log(_STEEPNESS), method="bounded", options={"xatol": 1e-10})
    steepness = float(f"{np.exp(found.x):.4g}")  # as a profile holds it
    distance = np.abs(accuracies_of(x, exponential(steepness, full, chance)) - y)
    return Fit(
        steepness=steepness,
        error=float(distance.max()),
        root_mean_square=float(np.sqrt((distance**2).mean())),
    )


def tabulate(
    shares: Sequence[float] | np.ndarray,
    accuracies: Sequence[float] | np.ndarray,
    *,
    full: float,
    chance: float,
    points: int = MOST_POINTS,
) -> CurveTable:
    """Measured points as the table of a profile.

    Accuracies that fall with the share are levelled (isotonic regression, the nearest ones that do not fall) and
    kept between ``chance`` and ``full``, which are the table's ends whatever was measured there.

    Args:
        shares, accuracies: points (n,) [1].
        full, chance: accuracy of the whole network and of guessing [1].
        points: at most so many; of more, those are kept between which the accuracy grows most evenly.

    Raises ``ValueError`` unless the points are shares and accuracies in [0, 1], and ``points >= 2``.
    """
    from scipy.optimize import isotonic_regression

    if not 2 <= points <= MOST_POINTS:
        raise ValueError(f"points must be >= 2 and <= {MOST_POINTS}, got {points!r}")
    x, y = _points(shares, accuracies)
    inside = (x > 0.0) & (x < 1.0)
    x, y = x[inside], np.clip(isotonic_regression(y).x[inside], chance, full)
    x, y = np.array([0.0, *x, 1.0]), np.array([chance, *y, full])
    if len(x) > points:
        way = x / 2.0 + (y - chance) / (full - chance) / 2.0  # along the curve, as people draw it
        kept = np.unique([0, len(x) - 1, *np.searchsorted(way, np.linspace(0.0, 1.0, points)[1:-1])])
        x, y = x[kept], y[kept]
    levels = [chance, *(float(f"{level:.6g}") for level in y[1:-1]), full]
    return CurveTable(
        shares=tuple(x.tolist()), accuracies=tuple(np.maximum.accumulate(np.clip(levels, chance, full)).tolist())
    )
