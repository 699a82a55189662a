"""What a table of measured runs plays: RUN records, and which of them a choice means."""

from __future__ import annotations

import numpy as np

from splitgym.jit import records
from splitgym.worlds.hardware.layout import MAX_CLOCKS, RUN
from splitgym.worlds.hardware.measured.runs import Runs
from splitgym.worlds.hardware.profile import HardwareProfile
from splitgym.worlds.hardware.table import MeasuredHardware

_FIGURES = ("edge_s", "transfer_s", "cloud_s", "edge_j", "cloud_j", "accuracy")


def lower_runs(hardware: HardwareProfile | MeasuredHardware) -> tuple[np.ndarray, np.ndarray]:
    """The runs of a table for the kernel, and which of them a choice plays.

    Returns (n_configurations + n_runs,) RUN, the configurations first, each with the mean of its runs, and the table
    (n_clocks, 3, L + 1, 2) of what each choice plays, as an index of the first.  Both are empty of a profile.
    """
    if isinstance(hardware, HardwareProfile):
        return records(np.zeros(0, RUN)), np.zeros((0, 0, 0, 0), np.int64)
    return _lowered(hardware.runs)


def _lowered(runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    clocks_hz = np.unique(runs.clock_hz)
    level = np.searchsorted(clocks_hz, runs.clock_hz)
    figures = np.stack([getattr(runs, name) for name in _FIGURES], axis=1)
    keys = np.stack([level, runs.accelerator, runs.split, runs.gpu], axis=1)
    # runs of one configuration stand together, the fastest first, so that their order in the file decides nothing
    order = np.lexsort((*figures.T[::-1], runs.latency_s, *keys.T[::-1]))
    keys, figures = keys[order], figures[order]
    kinds, first, count = np.unique(keys, axis=0, return_index=True, return_counts=True)
    table = np.zeros(len(kinds) + len(keys), RUN)
    for at, name in enumerate(("level", "accelerator", "split", "gpu")):
        table[name] = np.concatenate([kinds[:, at], keys[:, at]])
    table["first"][: len(kinds)], table["count"][: len(kinds)] = len(kinds) + first, count
    means = _means(figures, first, count)
    for at, name in enumerate(_FIGURES):
        table[name] = np.concatenate([means[:, at], figures[:, at]])
    return records(table), _nearest(kinds, (len(clocks_hz), 3, runs.last_split + 1, 2))


def _means(figures: np.ndarray, first: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Mean of each group of rows; of equal rows exactly their value."""
    sums = np.add.reduceat(figures, first, axis=0)
    low, high = np.minimum.reduceat(figures, first, axis=0), np.maximum.reduceat(figures, first, axis=0)
    return np.clip(sums / count[:, None], low, high)


def _nearest(kinds: np.ndarray, shape: tuple[int, int, int, int]) -> np.ndarray:
    """For every choice the measured configuration of the nearest split layer, there of GPU, accelerator and clock."""
    entry = np.empty(shape, np.int64)
    level, mode, gpu = (axis.reshape(-1) for axis in np.indices((shape[0], 3, 2)))
    for split in range(shape[2]):
        gaps = np.abs(kinds[:, 2] - split)
        near = np.flatnonzero(gaps == gaps.min())
        away = [np.abs(kinds[near, at] - column[:, None]) for at, column in ((3, gpu), (1, mode), (0, level))]
        rank = (away[0] * 3 + away[1]) * MAX_CLOCKS + away[2]
        entry[level, mode, split, gpu] = near[np.argmin(rank, axis=1)]
    return entry
