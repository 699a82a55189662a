"""Intervals, robust means and comparisons over episodes: few lines around numpy and scipy.

Scores of several scenarios come as a list of arrays, one for each scenario (stratum), and are resampled within it.
Source of the interquartile mean, performance profiles and probability of improvement: Agarwal et al., NeurIPS 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import stdtrit

from splitgym.checks import MOST_VALUES, items, seed_of, whole_number
from splitgym.numbers import plain_array
from splitgym.quoting import shown
from splitgym.ranges import SHARE

#: Most bootstrap samples.
_MOST_DRAWS = 1_000_000


def _numbers(name: str, values: Any) -> np.ndarray:
    """``values`` as float64 of one dimension or more; refuses masked entries and anything but numbers."""
    array = plain_array(values, name).astype(np.float64)
    if array.ndim == 0:
        raise ValueError(f"{name} must be an array of numbers, got {shown(values)}")
    return array


def _scores(name: str, values: Any) -> np.ndarray:
    """Finite ``values``, at least one: a NaN would be counted as the highest of all."""
    array = _numbers(name, values)
    if not array.size or not np.isfinite(array).all():
        odd = array[~np.isfinite(array)]
        raise ValueError(
            f"{name} must be finite numbers, at least one, got {shown(float(odd[0])) if odd.size else 'none'}"
        )
    return array


def _strata(name: str, strata: Any) -> list[np.ndarray]:
    return [_scores(name, part) for part in items(name, strata, "arrays of scores", MOST_VALUES)]


def _ends(level: float) -> tuple[float, float]:
    """The quantiles between which an interval of that level lies."""
    level = SHARE.check("level", level)
    return 0.5 - 0.5 * level, 0.5 + 0.5 * level


def _generator(draws: int, seed: int) -> np.random.Generator:
    whole_number("draws", draws, 1, _MOST_DRAWS)
    return np.random.default_rng(seed_of(seed))


def mean_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Mean and half-width of its Student interval over the finite entries of ``values`` (n,).

    The half-width is NaN for fewer than two entries, and both are NaN for none.
    """
    finite, high = _numbers("values", values), _ends(level)[1]
    finite = finite[np.isfinite(finite)]
    if len(finite) == 0:
        return float("nan"), float("nan")
    if len(finite) == 1:
        return float(finite[0]), float("nan")
    quantile = float(stdtrit(len(finite) - 1, high))
    return float(finite.mean()), quantile * float(finite.std(ddof=1)) / float(np.sqrt(len(finite)))


def interquartile_mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Mean of the middle half along an axis: the lowest and highest quarter, rounded down, are left out.

    ``values`` (..., n, ...) finite; equals ``scipy.stats.trim_mean(values, 0.25)``.
    """
    ordered = np.sort(_scores("values", values), axis=axis)
    n = ordered.shape[axis]
    return np.take(ordered, np.arange(n // 4, n - n // 4), axis=axis).mean(axis=axis)


def over_seeds(values: np.ndarray) -> np.ndarray:
    """Interquartile mean (n,) over the training seeds of figures (n_seeds, n), of the finite ones alone."""
    array = _numbers("values", values)
    finite = np.isfinite(array)
    if finite.all():
        return interquartile_mean(array, axis=0)
    columns = [column[here] for column, here in zip(array.T, finite.T, strict=True)]
    return np.array([float(interquartile_mean(column)) if len(column) else np.nan for column in columns])


def seeds_interval(values: np.ndarray, level: float = 0.95, draws: int = 1000, seed: int = 0) -> tuple[float, float]:
    """Mean over the traces of :func:`over_seeds`, and half the width of its bootstrap interval.

    Args:
        values: figures of every training seed on every trace, (n_seeds, n); traces where one is not finite are left
            out.
        level: of the interval.
        draws, seed: bootstrap samples, in which training seeds and traces are drawn anew, and their seed.

    The half-width is NaN for fewer than two training seeds or traces, both are NaN for no trace.
    """
    array, ends = _numbers("values", values), _ends(level)
    mean = mean_interval(over_seeds(array))[0]
    whole = array[:, np.isfinite(array).all(axis=0)]
    (rows, n), rng = whole.shape, _generator(draws, seed)
    if min(rows, n) < 2:
        return mean, float("nan")
    means = np.empty(draws)
    for i in range(draws):
        ours = interquartile_mean(whole[rng.integers(rows, size=rows)], axis=0)
        means[i] = ours[rng.integers(n, size=n)].mean()
    low, high = np.quantile(means, ends)
    return mean, 0.5 * float(high - low)


def resampled(strata: Sequence[np.ndarray], draws: int, rng: np.random.Generator) -> np.ndarray:
    """Bootstrap samples (draws, n) of all strata side by side, each resampled with replacement within itself."""
    parts = _strata("strata", strata)
    return np.concatenate([part[rng.integers(len(part), size=(draws, len(part)))] for part in parts], axis=1)


def iqm_interval(
    strata: Sequence[np.ndarray], level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Interquartile mean over all strata, and its percentile bootstrap interval, stratified (Agarwal et al. 2021).

    Args:
        strata: scores of each scenario, (n_i,) each.
        level: of the interval.
        draws, seed: bootstrap samples and their seed; the same seed gives the same interval.

    Returns:
        (mean, low, high).
    """
    parts = _strata("strata", strata)
    samples = interquartile_mean(resampled(parts, draws, _generator(draws, seed)))
    low, high = np.quantile(samples, _ends(level))
    return float(interquartile_mean(np.concatenate(parts))), float(low), float(high)


def performance_profile(strata: Sequence[np.ndarray], thresholds: np.ndarray) -> np.ndarray:
    """Share of runs whose score is above each threshold, (len(thresholds),); scenarios count by their runs."""
    scores = np.concatenate(_strata("strata", strata))
    return (scores[None, :] > _scores("thresholds", thresholds)[:, None]).mean(axis=1)


def profile_interval(
    strata: Sequence[np.ndarray], thresholds: np.ndarray, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Performance profile and its pointwise stratified bootstrap interval: (share, low, high), each (n_thresholds,)."""
    thresholds = _scores("thresholds", thresholds)
    samples = np.sort(resampled(strata, draws, _generator(draws, seed)), axis=1)
    shares = np.array([1.0 - np.searchsorted(row, thresholds, side="right") / len(row) for row in samples])
    low, high = np.quantile(shares, _ends(level), axis=0)
    return performance_profile(strata, thresholds), low, high


def improvement(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Probability that a run of ours is better than a run of theirs, ties counting half (Mann-Whitney U / n m)."""
    return _improvement(_scores("ours", ours), _scores("theirs", theirs))


def _improvement(ours: np.ndarray, theirs: np.ndarray) -> float:
    gaps = ours[:, None] - theirs[None, :]
    return float((gaps > 0).mean() + 0.5 * (gaps == 0).mean())


def improvement_interval(
    ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray], level: float = 0.95, draws: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """Probability of improvement, averaged over the scenarios, and its stratified bootstrap interval.

    ``ours`` and ``theirs`` are scores of each scenario, (n_i,) and (m_i,).  Returns (probability, low, high).
    """
    pairs = list(zip(_strata("ours", ours), _strata("theirs", theirs), strict=True))
    rng = _generator(draws, seed)
    samples = np.zeros(draws)
    for a, b in pairs:
        for i in range(draws):
            samples[i] += _improvement(rng.choice(a, len(a)), rng.choice(b, len(b))) / len(pairs)
    low, high = np.quantile(samples, _ends(level))
    return float(np.mean([_improvement(a, b) for a, b in pairs])), float(low), float(high)


def normalised(values: np.ndarray, zero: float, bounds: np.ndarray) -> np.ndarray:
    """Scores (n,): 0 at ``zero``, the mean return of a lower anchor, 1 at the certified bound of each trace (n,).

    Raises ``ValueError`` where a bound is not above the anchor.
    """
    span = _scores("bounds", bounds) - zero
    if (span <= 0.0).any():
        raise ValueError(f"the lower anchor {zero:g} is not below every bound (least {np.min(bounds):g})")
    return (_scores("values", values) - zero) / span


def wins_ties(ours: np.ndarray, theirs: np.ndarray) -> tuple[int, int]:
    """Traces on which ours is higher, and on which both are equal; arrays (n,) of the same traces."""
    gaps = _numbers("ours", ours) - _numbers("theirs", theirs)
    return int((gaps > 0).sum()), int((gaps == 0).sum())
