"""What the figures of the worlds' episodes are made of: totals, last steps, means, percentiles."""

from __future__ import annotations

import dataclasses
import functools
import warnings

import numpy as np


@dataclasses.dataclass(frozen=True)
class Episodes:
    """n episodes side by side.

    Args:
        outcomes: (n_steps, n) OUTCOME records.
        live: (n_steps, n) bool, False where an episode was already over.
    """

    outcomes: np.ndarray
    live: np.ndarray

    def total(self, values: np.ndarray | str) -> np.ndarray:
        """Sum over the steps of each episode, (n,): of a column of the outcomes, or of values (n_steps, n)."""
        values = self.outcomes[values] if isinstance(values, str) else values
        return np.where(self.live, values, 0).sum(axis=0)

    @functools.cached_property
    def final(self) -> np.ndarray:
        """(n,) OUTCOME records of the last steps."""
        last = len(self.live) - 1 - np.argmax(self.live[::-1], axis=0)
        return self.outcomes[last, np.arange(self.live.shape[1])]

    def mean(self, values: np.ndarray, where: np.ndarray) -> np.ndarray:
        """Mean of values (n_steps, n) over the live steps that ``where`` chooses, (n,); NaN without one."""
        with _empty():
            return np.nanmean(np.where(self.live & where, values, np.nan), axis=0)

    def percentiles(self, column: str, shares: tuple[float, ...], where: np.ndarray | bool = True) -> np.ndarray:
        """Percentiles of a column over the live steps that ``where`` chooses, (n_shares, n); NaN without one."""
        with _empty():
            return np.nanpercentile(np.where(self.live & where, self.outcomes[column], np.nan), shares, axis=0)


def _empty() -> warnings.catch_warnings:
    """An episode of which nothing is chosen has NaN, and no warning."""
    return warnings.catch_warnings(action="ignore", category=RuntimeWarning)
