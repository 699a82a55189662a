"""A Pareto front for the eye: every valid decision in the plane of latency and energy.  Needs the extra ``report``."""

from __future__ import annotations

from typing import Any

import numpy as np

from splitgym.extras import need
from splitgym.fronts import Front
from splitgym.show.palette import GRID, INK, MID_GREY, MUTED, VERMILION

#: Energies that differ by more than this factor are drawn on a logarithmic axis.
_WIDE_RATIO = 30.0
#: Where a label may stand, in points from its entry, best first.
_PLACES = [(x, y) for y in (36, -36, 64, -64, 92, -92) for x in (64, -64, 0, 104, -104)]


def front_figure(problem_values: np.ndarray, front: Front, title: str, runs: np.ndarray | None = None) -> Any:
    """Matplotlib ``Figure`` of a front among all valid decisions.

    Args:
        problem_values: (n, 3) latency [s], energy [J] and accuracy [share] of all valid decisions.
        front: its entries are ringed; a line shows the least energy within each latency.
        title: heading.
        runs: (m, 3) the same of measured runs, drawn as small crosses; ``None`` or empty: there are none.

    Accuracy is the colour where it varies.
    """
    figure_module, agg = need("matplotlib.figure", "report"), need("matplotlib.backends.backend_agg", "report")
    figure = figure_module.Figure(figsize=(8.4, 5.4), dpi=150, layout="constrained")
    agg.FigureCanvasAgg(figure)
    axes = figure.subplots()
    runs = np.zeros((0, 3)) if runs is None else runs
    _frame(axes, np.concatenate([problem_values, runs]))
    colours = _colours(figure, axes, problem_values, front)
    axes.scatter(
        1e3 * problem_values[:, 0], problem_values[:, 1], s=9, alpha=0.45, linewidths=0, zorder=2, **colours(0)
    )
    if len(runs):
        axes.scatter(1e3 * runs[:, 0], runs[:, 1], s=8, marker="x", color=MUTED, alpha=0.6, linewidths=0.5, zorder=1.8)
    _staircase(axes, front)
    ring = {"s": 46, "edgecolors": INK, "linewidths": 1.1, "zorder": 4}
    axes.scatter(1e3 * front.latency_s, front.energy_j, **ring, **colours(1))
    figure.draw_without_rendering()  # settles the layout, so that labels can be placed by their pixels
    names = {front.fastest(): ["fastest"]}
    names.setdefault(front.frugal(), []).append("most frugal")
    for entry, words in names.items():
        _label(axes, problem_values, front, entry, " and ".join(words))
    axes.set_title(title, loc="left", fontsize=12, color=INK, pad=22)
    entries = "1 entry" if len(front) == 1 else f"{len(front)} entries"
    counts = f"front: {entries}; evaluated: {front.evaluated} of {len(problem_values)} valid decisions"
    counts += f"; x: {len(runs)} measured runs" if len(runs) else ""
    axes.text(0.0, 1.025, counts, transform=axes.transAxes, fontsize=9, color=MUTED)
    return figure


def _frame(axes: Any, values: np.ndarray) -> None:
    ticker = need("matplotlib.ticker", "report")
    axes.set_xscale("log")
    plain_numbers(axes.xaxis, ticker)
    low, high = float(values[:, 1].min()), float(values[:, 1].max())
    if low > 0.0 and high > _WIDE_RATIO * low:
        axes.set_yscale("log")
        plain_numbers(axes.yaxis, ticker)
    axes.margins(0.06)
    axes.set_xlabel("latency [ms]")
    axes.set_ylabel("energy [J]")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(which="both", color=MUTED, labelcolor=INK, labelsize=9)
    axes.grid(which="major", color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)


def plain_numbers(axis: Any, ticker: Any) -> None:
    """1, 2, 5, 10, 20, ... instead of powers of ten."""
    axis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(ticker.NullLocator())


def _colours(figure: Any, axes: Any, values: np.ndarray, front: Front) -> Any:
    """Function (0: all decisions, 1: front) -> colour arguments of ``scatter``; adds the colour bar where there is one.

    ``cividis`` is uniform to the eye, the colour-blind one included.
    """
    shares = 100.0 * values[:, 2]
    if np.isnan(shares).any() or np.ptp(shares) == 0.0:
        return lambda which: {"color": VERMILION if which else MID_GREY}
    norm = need("matplotlib.colors", "report").Normalize(shares.min(), shares.max())
    bar = need("matplotlib.cm", "report").ScalarMappable(norm, "cividis")
    bar = figure.colorbar(bar, ax=axes, pad=0.02, aspect=30)
    bar.set_label("accuracy [%]")
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=MUTED, labelcolor=INK, labelsize=9)
    columns = (shares, 100.0 * front.accuracy)
    return lambda which: {"c": columns[which], "norm": norm, "cmap": "cividis"}


def _staircase(axes: Any, front: Front) -> None:
    """Least energy within each latency, from the fastest entry to the right edge."""
    order = np.lexsort((front.energy_j, front.latency_s))
    latency_ms, least_j = 1e3 * front.latency_s[order], np.minimum.accumulate(front.energy_j[order])
    right_ms = axes.get_xlim()[1]
    latency_ms, least_j = np.append(latency_ms, max(right_ms, latency_ms[-1])), np.append(least_j, least_j[-1])
    axes.set_xlim(right=right_ms)
    axes.step(latency_ms, least_j, where="post", color=VERMILION, linewidth=1.4, zorder=3)


def _label(axes: Any, values: np.ndarray, front: Front, entry: int, words: str) -> None:
    """Write beside an entry, where the words cover the least."""
    latency_ms, energy_j = 1e3 * front.latency_s[entry], front.energy_j[entry]
    note = axes.annotate(
        f"{words}\n{latency_ms:.{0 if latency_ms >= 100 else 1}f} ms, {energy_j:.3g} J",
        (latency_ms, energy_j),
        xytext=_PLACES[0],
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=9,
        color=INK,
        arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.8, "shrinkB": 4},
        bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        zorder=5,
    )
    note.set_position(min(_PLACES, key=lambda place: _covered(axes, values, front, note, place)))


def _covered(axes: Any, values: np.ndarray, front: Front, note: Any, place: tuple[int, int]) -> float:
    """What a label at ``place`` would cover: decisions, entries of the front (dearer), or the frame (forbidden)."""
    note.set_position(place)
    box, frame = words_box(note).padded(8), axes.get_window_extent()
    outside = box.x0 < frame.x0 or box.x1 > frame.x1 or box.y0 < frame.y0 or box.y1 > frame.y1
    others = [words_box(other) for other in axes.texts if other is not note]
    cost = 1e6 * (outside or any(box.overlaps(other) for other in others))
    for points, price in ((values, 1.0), (front.values, 50.0), (_corners(front), 50.0)):
        x, y = axes.transData.transform(points[:, :2] * (1e3, 1.0)).T
        cost += price * float(((x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)).sum())
    return cost


def words_box(text: Any) -> Any:
    """Pixels of a text, without the line that leads to it."""
    text.get_window_extent()  # moves an annotation to its place
    return need("matplotlib.text", "report").Text.get_window_extent(text)


def _corners(front: Front) -> np.ndarray:
    """(n, 2) latency [s] and energy [J] along the vertical parts of the staircase."""
    order = np.lexsort((front.energy_j, front.latency_s))
    latency_s, least_j = front.latency_s[order], np.minimum.accumulate(front.energy_j[order])
    falls = np.geomspace(np.maximum(least_j[:-1], 1e-12), np.maximum(least_j[1:], 1e-12), 40)
    return np.stack([np.broadcast_to(latency_s[1:], falls.shape).ravel(), falls.ravel()], axis=1)
