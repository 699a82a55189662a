"""A study of hyper-parameters for the eye: its trials in their order, and what decided.  Needs the extra ``report``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from splitgym.extras import need
from splitgym.show.palette import BLUE, GRID, INK, MUTED, VERMILION


def tuning_figure(
    history: Sequence[tuple[int, float, bool]], start: float | None, importances: Mapping[str, float], title: str
) -> Any:
    """Matplotlib ``Figure`` of a study.

    Args:
        history: of each trial its number, its last value (or NaN) and whether it was finished.
        start: the value of the settings with which the study began, drawn as a line.
        importances: shares of what decides, by name; empty: they are not drawn.
        title: heading.
    """
    figure_module, agg = need("matplotlib.figure", "report"), need("matplotlib.backends.backend_agg", "report")
    figure = figure_module.Figure(figsize=(9.6, 4.2), dpi=150, layout="constrained")
    agg.FigureCanvasAgg(figure)
    left, *right = figure.subplots(
        1, 1 + bool(importances), width_ratios=(3, 2)[: 1 + bool(importances)], squeeze=False
    )[0]
    _draw_history(left, history, start)
    if right:
        _draw_importances(right[0], importances)
    for axes in (left, *right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(MUTED)
        axes.tick_params(which="both", color=MUTED, labelcolor=INK, labelsize=9)
        axes.set_axisbelow(True)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK)
    return figure


def _draw_history(axes: Any, history: Sequence[tuple[int, float, bool]], start: float | None) -> None:
    finished = [(number, value) for number, value, whole in history if whole]
    ended = [(number, value) for number, value, whole in history if not whole and math.isfinite(value)]
    if start is not None:
        axes.axhline(start, color=MUTED, linewidth=1.0, linestyle="--", label="the settings given")
    if ended:
        axes.scatter(*zip(*ended, strict=True), s=22, marker="x", color=MUTED, linewidths=1.0, label="ended early")
    axes.scatter(*zip(*finished, strict=True), s=22, color=BLUE, linewidths=0, label="finished", zorder=3)
    best = [max(value for _, value in finished[: place + 1]) for place in range(len(finished))]
    numbers = [number for number, _ in finished]
    axes.step(numbers, best, where="post", color=VERMILION, linewidth=1.4, label="best so far", zorder=2)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("trial")
    axes.set_ylabel("mean return on validation episodes")
    axes.grid(axis="y", color=GRID, linewidth=0.7)
    axes.legend(frameon=False, fontsize=8, labelcolor=INK)


def _draw_importances(axes: Any, importances: Mapping[str, float]) -> None:
    names = list(importances)[::-1]
    axes.barh(names, [100.0 * importances[name] for name in names], color=BLUE, height=0.6)
    axes.set_xlabel("importance [%], PED-ANOVA")
    axes.grid(axis="x", color=GRID, linewidth=0.7)
