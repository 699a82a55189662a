"""Accuracy against the share of features received, cut by cut: measured points beside the curves of a profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from splitgym.extras import need
from splitgym.profiles.dnn import Block, DnnProfile
from splitgym.profiling.curves import accuracies_of, curve_of_block
from splitgym.show.palette import GRID, INK, LINES, MARKERS, MUTED, SERIES

#: Shares at which an exponential is drawn.
_SHARES = np.linspace(0.0, 1.0, 201)

#: Name of a cut -> shares of the features and accuracies that were measured, (n,) each.
Points = Mapping[str, tuple[Sequence[float], Sequence[float]]]


def curves_figure(networks: Sequence[tuple[DnnProfile, Points]], fitted: Mapping[str, float] | None = None) -> Any:
    """Matplotlib ``Figure`` with one panel for each network.

    Args:
        networks: profiles with the points that were measured, if any; a measured table shows its own.
        fitted: steepness of the exponential fitted to a cut that has a table, by name of the cut: drawn dotted.
    """
    figure_module, agg = need("matplotlib.figure", "report"), need("matplotlib.backends.backend_agg", "report")
    size = (1.2 + 4.8 * len(networks), 4.6)
    figure = figure_module.Figure(figsize=size, dpi=150, layout="constrained")
    agg.FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(networks), squeeze=False, sharey=True)[0]
    for panel, (profile, points) in zip(panels, networks, strict=True):
        _panel(panel, profile, points, fitted or {})
    panels[0].set_ylabel("accuracy [%]", color=INK)
    return figure


def _panel(axes: Any, profile: DnnProfile, points: Points, fitted: Mapping[str, float]) -> None:
    blocks = [block for block in profile.blocks[:-1] if block.cut and (block.steepness > 0.0 or block.curve)]
    points = points or _points_of(profile, blocks)
    for i, block in enumerate(blocks):
        colour, told = SERIES[i % len(SERIES)], block.name
        x, y = _line(profile, block)
        if block.steepness > 0.0:
            told += f"  k = {block.steepness:g}"
        elif block.name in fitted:
            told += f"  table (k = {fitted[block.name]:g} dotted)"
            steep = _line(profile, Block(name=block.name, macs=0, shape=(1,), steepness=fitted[block.name]))
            axes.plot(100.0 * steep[0], 100.0 * steep[1], color=colour, linestyle=LINES[2], linewidth=1.0, zorder=2)
        else:
            told += "  measured" if block.name in points else "  table"
        style = {"color": colour, "linewidth": 1.6, "zorder": 3}
        axes.plot(100.0 * x, 100.0 * y, label=told, **style)
        if block.name in points:
            shares, accuracies = (100.0 * np.asarray(part) for part in points[block.name])
            marks = {"marker": MARKERS[i % len(MARKERS)], "s": 18, "linewidths": 0, "zorder": 4}
            axes.scatter(shares, accuracies, color=colour, **marks)
    axes.axhline(100.0 * profile.accuracy_full, color=MUTED, linewidth=0.8, linestyle=LINES[1], zorder=1)
    axes.set_xlim(-2.0, 102.0)
    axes.set_ylim(0.0, 102.0)
    axes.set_xlabel("share of the features received [%]", color=INK)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_title(profile.name, loc="left", fontsize=12, color=INK)
    words = "measured points; lines as the simulator reads them" if points else "modelled"
    axes.text(1.0, 1.02, words, transform=axes.transAxes, ha="right", fontsize=8.5, color=MUTED)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(loc="lower right", fontsize=8.5, frameon=False)


def _points_of(profile: DnnProfile, blocks: Sequence[Block]) -> Points:
    """The points of the tables that were measured, as the profile says."""
    measured = profile.source.get("blocks.curve", "").startswith("measured")
    return {b.name: (b.curve.shares, b.curve.accuracies) for b in blocks if b.curve is not None and measured}


def _line(profile: DnnProfile, block: Block) -> tuple[np.ndarray, np.ndarray]:
    """The curve of a block as the kernels read it: shares and accuracies."""
    shares = _SHARES if block.curve is None else np.array(block.curve.shares)
    return shares, accuracies_of(shares, curve_of_block(profile, block))
