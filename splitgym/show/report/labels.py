"""Where labels stand beside points, so that they can be read."""

from __future__ import annotations

import numpy as np

#: Place -> direction from the point, to the right and up; in order of preference.
DIRECTIONS = {
    "middle right": (1, 0),
    "middle left": (-1, 0),
    "top center": (0, 1),
    "bottom center": (0, -1),
    "top right": (1, 1),
    "top left": (-1, 1),
    "bottom right": (1, -1),
    "bottom left": (-1, -1),
}
_LETTER, _HEIGHT, _DOT, _BAR, _CAP = 6.6, 14.0, 5.0, 2.0, 3.0  # px
_SWEEPS = 4
#: A label is left out if more than this share of it would be covered.
_COVERED = 0.25


def places(points: np.ndarray, labels: list[str], sizes: list[tuple[float, float]]) -> list[str]:
    """A place for each label, empty where it would cover another.

    Args:
        points: (n, 2, 3) shares of the axes in [0, 1], upwards: middle, low and high of both intervals (NaN: none).
        labels: their words.
        sizes: plots in which they must be readable, width and height [px].
    """
    worlds = [_boxes(points * np.array(size)[:, None], labels) for size in sizes]
    chosen = np.zeros(len(labels), np.int64)
    for _ in range(_SWEEPS):
        for i in range(len(labels)):
            costs = sum(_costs(world, size, chosen, i) for world, size in zip(worlds, sizes, strict=True))
            chosen[i] = int(np.argmin(np.round(costs, 3)))
    names, out = list(DIRECTIONS), [""] * len(labels)
    shown = np.ones(len(labels), bool)
    for i in range(len(labels)):
        area = _LETTER * len(labels[i]) * _HEIGHT
        covered = max(float(_overlaps(world[i, chosen[i]], _others(world, chosen, i, shown)).sum()) for world in worlds)
        shown[i] = covered <= _COVERED * area
        out[i] = names[chosen[i]] if shown[i] else ""
    return out


def _boxes(spots: np.ndarray, labels: list[str]) -> np.ndarray:
    """(n, 8 + 3, 4) boxes x0, y0, x1, y1: of every label at every place, of the dot and of its two intervals."""
    bars, spots = spots, spots[:, :, 0]
    widths = np.array([_LETTER * len(label) for label in labels])[:, None]
    ways = np.array(list(DIRECTIONS.values()), np.float64)
    x0 = spots[:, :1] + ways[:, 0] * (widths / 2 + np.where(ways[:, 0] != 0.0, _DOT + 1.0, 0.0)) - widths / 2
    y0 = spots[:, 1:] + ways[:, 1] * (_HEIGHT / 2 + _DOT - 1.0) - _HEIGHT / 2
    boxes = np.stack([x0, y0, x0 + widths, y0 + _HEIGHT], axis=-1)
    dots = np.concatenate([spots - _DOT, spots + _DOT], axis=1)
    ends = np.where(np.isfinite(bars[:, :, 1:]), bars[:, :, 1:], spots[:, :, None]) + np.array([-_CAP, _CAP])
    across = np.stack([ends[:, 0, 0], spots[:, 1] - _BAR, ends[:, 0, 1], spots[:, 1] + _BAR], axis=-1)
    upright = np.stack([spots[:, 0] - _BAR, ends[:, 1, 0], spots[:, 0] + _BAR, ends[:, 1, 1]], axis=-1)
    return np.concatenate([boxes, np.stack([dots, across, upright], axis=1)], axis=1)


def _others(world: np.ndarray, chosen: np.ndarray, i: int, shown: np.ndarray | None = None) -> np.ndarray:
    """All dots and intervals, and the other labels where shown."""
    others = np.arange(len(world)) != i
    labelled = others if shown is None else others & shown
    return np.concatenate([world[:, -3:].reshape(-1, 4), world[np.arange(len(world)), chosen][labelled]])


def _costs(world: np.ndarray, size: tuple[float, float], chosen: np.ndarray, i: int) -> np.ndarray:
    """(8,) covered areas of label i at its places; leaving the plot is as bad."""
    boxes = world[i, :-3]
    covered = _overlaps(boxes[:, None], _others(world, chosen, i)).sum(axis=1)
    inside = _overlaps(boxes, np.array([0.0, 0.0, *size]))
    area = (boxes[:, 2] - boxes[:, 0]) * _HEIGHT
    return covered + 2.0 * (area - inside) + np.arange(len(boxes)) * 0.5


def _overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Common areas of boxes (..., 4)."""
    wide = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    high = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    return np.maximum(wide, 0.0) * np.maximum(high, 0.0)
