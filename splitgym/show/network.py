"""A network's profile for the eye: what each block computes, what each cut point sends, where exits are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from splitgym.extras import need
from splitgym.profiles.dnn import DnnProfile
from splitgym.show.front import plain_numbers
from splitgym.show.palette import BLUE, GRID, INK, MUTED, ORANGE, PALE_BLUE, VERMILION
from splitgym.show.tables import Table

#: Width of an exit's label, and of all that is beside the bars [inch]; height of a row of labels [pt].
_LABEL, _MARGINS, _ROW = 0.6, 1.3, 11
#: Names longer than this are written below each other, turned.
_TURNED = 8


def network_table(profile: DnnProfile, bits: float) -> Table:
    """One row for the input and each cut point: work before it, tensor, bits per sample with ``bits`` per element."""
    total = sum(macs for macs, _ in profile.stages) or 1
    exits = {leave.after: leave.share for leave in profile.exits}
    parameters = dict(zip(profile.cut_names[1:], profile.parameters, strict=False))
    table = Table(title=_heading(profile))
    for name, right in (("cut behind", False), ("MMAC", True), ("done", True), ("weights", True), ("tensor", False)):
        if name != "weights" or parameters:
            table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for name in ("kbit", "steepness", "exit"):
        table.add_column(name, justify="right", no_wrap=True)
    size = "x".join(map(str, profile.input_shape))
    first = ["input", "", "", *([""] if parameters else []), size]
    table.add_row(*first, f"{bits * math.prod(profile.input_shape) / 1e3:.4g}", "", "")
    done = 0
    for macs, block in profile.stages:
        name, done = block.name, done + macs
        row = [name, f"{macs / 1e6:.4g}", f"{done / total:.0%}"]
        row += [f"{parameters.get(name, 0):,}"] if parameters else []
        curve = f"{block.steepness:g}" if block.steepness else "table" if block.curve else ""
        leave = f"{exits[name]:.0%}" if name in exits else ""
        kbit = f"{bits * block.elements / 1e3:.4g}"
        table.add_row(*row, "x".join(map(str, block.shape)), kbit, curve, leave)
    return table


def _heading(profile: DnnProfile) -> str:
    macs, cuts, exits = sum(block.macs for block in profile.blocks), len(profile.cut_names) - 1, len(profile.exits)
    work = f"{macs / 1e9:.3g} GMAC" if macs >= 1e8 else f"{macs / 1e6:.3g} MMAC"
    words = [work, f"{cuts} cut points" if cuts > 1 else "1 cut point"]
    words += [f"{exits} exits" if exits > 1 else "1 exit"] if exits else []
    return f"{profile.name}: {', '.join(words)}"


def network_figure(profile: DnnProfile, bits: float) -> Any:
    """Matplotlib ``Figure``: multiply-adds and bits along the network, its cut points on the axis, exits marked."""
    figure_module, agg = need("matplotlib.figure", "report"), need("matplotlib.backends.backend_agg", "report")
    names = list(profile.cut_names)
    width = min(max(7.0, 0.36 * len(names) + 2.5), 24.0)
    figure = figure_module.Figure(figsize=(width, 5.6), dpi=150, layout="constrained")
    agg.FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True)
    _macs(upper, [macs for macs, _ in profile.stages])
    shapes = (profile.input_shape, *(block.shape for _, block in profile.stages))
    kbit = [bits * math.prod(shape) / 1e3 for shape in shapes]
    _bits(lower, kbit)
    places = [names.index(leave.after) for leave in profile.exits]
    rows = label_rows(places, _LABEL * len(names) / (width - _MARGINS))
    for leave, place, row in zip(profile.exits, places, rows, strict=True):
        for axes in (upper, lower):
            axes.axvline(place, color=ORANGE, linewidth=1.2, linestyle=(0, (4, 2)), zorder=1)
        above = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "va": "bottom", "ha": "center"}
        upper.annotate(f"exit: {leave.share:.0%}", (place, 1.0), (0, 2 + _ROW * row), fontsize=8, color=INK, **above)
    turned = max(map(len, names)) > _TURNED or len(names) > 10
    lower.set_xticks(range(len(names)), names, rotation=60 if turned else 0, ha="right" if turned else "center")
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(MUTED)
        axes.tick_params(color=MUTED, labelcolor=INK, labelsize=8)
        axes.grid(axis="y", color=GRID, linewidth=0.7)
        axes.set_axisbelow(True)
    lower.set_xlabel("cut point: what lies to the left runs on the device", fontsize=9)
    upper.set_title(_heading(profile), loc="left", fontsize=12, color=INK, pad=6 + _ROW * len(set(rows)))
    return figure


def label_rows(places: Sequence[float], least: float) -> list[int]:
    """The row of each label, from 0 up: the lowest in which the label before is at least ``least`` away.

    ``places`` (n,) ascend.
    """
    found, last = list[int](), list[float]()
    for place in places:
        row = next((k for k, before in enumerate(last) if place - before >= least), len(last))
        last[row:] = [place, *last[row + 1 :]]
        found.append(row)
    return found


def _macs(axes: Any, macs: list[int]) -> None:
    """Work of each block, between the cut points around it, and all work so far."""
    total = sum(macs) or 1
    axes.bar([i + 0.5 for i in range(len(macs))], [m / 1e6 for m in macs], width=0.86, color=BLUE, zorder=2)
    axes.set_ylabel("MMAC of the block", fontsize=9)
    so_far = axes.twinx()
    share = [done / total for done in itertools.accumulate([0, *macs])]
    so_far.plot(range(len(macs) + 1), share, color=INK, marker=".", linewidth=1.0, zorder=3)
    so_far.set(ylim=(0, 1.05))
    so_far.yaxis.set_major_formatter(need("matplotlib.ticker", "report").PercentFormatter(1.0))
    so_far.spines[["top", "left"]].set_visible(False)
    so_far.spines[["right", "bottom"]].set_color(MUTED)
    so_far.tick_params(color=MUTED, labelcolor=INK, labelsize=8)
    so_far.set_ylabel("done so far", fontsize=9)


def _bits(axes: Any, kbit: list[float]) -> None:
    """What is sent at each cut point; at the last one, the answer, nothing is."""
    fewer = [value <= kbit[0] for value in kbit[:-1]]
    colours = [PALE_BLUE if few else VERMILION for few in fewer]
    colours[0] = MUTED
    axes.bar(range(len(kbit) - 1), kbit[:-1], width=0.62, color=colours, edgecolor=INK, linewidth=0.5, zorder=2)
    axes.axhline(kbit[0], color=MUTED, linewidth=1.0, linestyle=":", zorder=1)
    axes.set_yscale("log")
    axes.set_ylim(min(kbit[:-1]) / 1.8, max(kbit[:-1]) * 1.5)
    plain_numbers(axes.yaxis, need("matplotlib.ticker", "report"))
    axes.set_ylabel("kbit at the cut", fontsize=9)
    words = "dotted: the input" if all(fewer) else "dotted: the input; darker bars send more"
    axes.set_title(words, loc="right", fontsize=8, color=INK)
