"""The playing time of a log: values that hold until the next one, gaps cut out, and its parts for training and test."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: A gap is longer than so many median steps, unless a scenario says otherwise.
GAP_STEPS = 10.0
#: Of sums of steps: a value that begins at the border, but for it, is of the later part.
_ROUNDING = 1e-9
#: Parts of a log by time: the earlier part, the later part, the whole.
SPLITS = ("train", "test", "all")


class Playing(NamedTuple):
    """Values that hold one after the other."""

    begin_s: np.ndarray  # (n,) instants at which they begin [s]
    length_s: float  # of all together
    samples: np.ndarray  # (n,) of the samples
    gaps: int  # that were cut out
    gaps_s: float  # their length together


def playing(time_s: np.ndarray, step_s: float, gap_s: float) -> Playing:
    """The playing time of samples at ``time_s`` (n,): each holds until the next one, at most for ``gap_s``.

    Before a longer gap a value holds for ``step_s``, and the log goes on with the sample behind the gap.  So does the
    last one.
    """
    held_s = np.append(np.diff(time_s), step_s)
    wide = held_s > gap_s
    cut_s = float((held_s[wide] - step_s).sum())
    held_s[wide] = step_s
    ends = np.cumsum(held_s)
    return Playing(ends - held_s, float(ends[-1]), np.arange(len(time_s)), int(wide.sum()), cut_s)


def part(log: Playing, split: str, train_share: float) -> Playing:
    """The samples that begin before ``train_share`` of the playing time ("train"), the others ("test"), or all.

    Both parts begin at 0, and no sample is in both.
    """
    at_s = train_share * log.length_s * (1.0 - _ROUNDING)
    border = int(np.searchsorted(log.begin_s, at_s, side="left"))
    low, high = limits_of(split, border, len(log.begin_s))
    if high <= low:
        return log._replace(begin_s=np.zeros(0), length_s=0.0, samples=log.samples[low:high])
    begin = float(log.begin_s[low])
    end = float(log.begin_s[high]) if high < len(log.begin_s) else log.length_s
    return log._replace(begin_s=log.begin_s[low:high] - begin, length_s=end - begin, samples=log.samples[low:high])


def limits_of(split: str, border: int, count: int) -> tuple[int, int]:
    """Where a part of ``count`` entries begins and ends; those from ``border`` on are the later ones."""
    return {"train": (0, border), "test": (border, count), "all": (0, count)}[split]


def averaged(gain: np.ndarray, begin_s: np.ndarray, length_s: float, window_s: float) -> np.ndarray:
    """Mean gain [1] over the ``window_s`` before the end of each value, as far as the log goes back; (n,).

    A value that holds longer than that is its own mean.
    """
    ends = np.append(begin_s[1:], length_s)
    sums = np.concatenate([[0.0], np.cumsum(gain * (ends - begin_s))])
    edges = np.append(begin_s, length_s)
    since = np.maximum(ends - window_s, 0.0)
    whole = np.interp(ends, edges, sums) - np.interp(since, edges, sums)
    alone = since >= begin_s
    mean = whole / np.where(alone, 1.0, ends - since)
    return np.where(alone, gain, np.clip(mean, gain.min(), gain.max()))
