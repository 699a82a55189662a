"""Imported logs for the eye: what was understood with a sketch for the terminal, and a picture with its parts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from splitgym.extras import need
from splitgym.recorded.channel import ChannelLog
from splitgym.show.palette import BLUE, GRID, INK, MUTED, ORANGE, VERMILION

if TYPE_CHECKING:
    from splitgym.recorded.arrivals import ArrivalLog
    from splitgym.recorded.imported import ImportedLog

#: Columns and rows of a sketch, and the eighths of a character.
_WIDE, _HIGH, _BLOCKS = 72, 6, " ▁▂▃▄▅▆▇█"
#: Points of a picture.
_POINTS = 4000
#: Length of the windows in a picture, an episode of the preset ``default`` [s], and how many are drawn.
WINDOW_S, WINDOWS = 80.0, 5
#: Room for the windows below the log, over its height.
_ROOM = 0.12


def log_text(found: ImportedLog) -> str:
    """What was understood of a log, a sketch of it, and the lines that use it."""
    facts = found.facts()
    wide = max(map(len, facts)) + 2
    lines = [f"{Path(found.file).name}: {found.kind}", *(f"  {key:<{wide}}{text}" for key, text in facts.items()), ""]
    time_s, values, unit = drawn_series(found.log)
    share = found.log.reading.train_share
    lines += sketch(time_s, values, unit, share)
    name = Path(found.file).name
    return "\n".join(
        [*lines, "", "in a scenario:", "", *(f"  {line}" for line in found.section(name).splitlines()), ""]
    )


def drawn_series(log: ChannelLog | ArrivalLog) -> tuple[np.ndarray, np.ndarray, str]:
    """What is drawn: instants (n,) [s], values (n,), and what they are: gains [dB], or arrivals per bin."""
    if isinstance(log, ChannelLog):
        return np.append(log.play.begin_s, log.play.length_s), 10.0 * np.log10(np.append(log.gain, log.gain[-1])), "dB"
    if len(log.counts):
        edges = np.arange(len(log.counts) + 1) * log.bin_s
        return edges, np.append(log.counts, log.counts[-1]), f"arrivals in {log.bin_s:g} s"
    instants = np.concatenate([[0.0], np.cumsum(log.gaps_s)])
    counts, edges = np.histogram(instants, bins=_WIDE)
    width = f"{edges[1] - edges[0]:.3g}"
    return edges, np.append(counts, counts[-1]).astype(np.float64), f"arrivals in {width} s"


def sketch(time_s: np.ndarray, values: np.ndarray, unit: str, share: float) -> list[str]:
    """Lines of a sketch of blocks: values (n,) that hold from ``time_s`` (n,) on, and where the test part begins."""
    at = np.linspace(0.0, time_s[-1], _WIDE, endpoint=False)
    level = values[np.clip(np.searchsorted(time_s, at, side="right") - 1, 0, len(values) - 1)]
    low, high = float(values.min()), float(values.max())
    low = min(low, 0.0) if low >= 0.0 else low
    eighths = np.rint((level - low) / max(high - low, 1e-12) * (8 * _HIGH - 1)).astype(int) + 1
    labels = {0: f"{high:.4g}", _HIGH - 1: f"{low:.4g}"}
    wide = max(map(len, labels.values()))
    rows = []
    for row in range(_HIGH):
        below = 8 * (_HIGH - 1 - row)
        blocks = "".join(_BLOCKS[min(max(count - below, 0), 8)] for count in eighths)
        rows.append(f"  {labels.get(row, ''):>{wide}} {blocks}")
    border = math.floor(share * _WIDE)
    names = f"{'train':<{border}}{'|test' if border < _WIDE else ''}"
    return [f"  {'':>{wide}} {unit}", *rows, f"  {'':>{wide}} {names}", f"  {'':>{wide}} 0 to {time_s[-1]:.4g} s"]


def log_figure(found: ImportedLog) -> Any:
    """Matplotlib ``Figure``: the log with its two parts, and windows that episodes may play."""
    figure_module, agg = need("matplotlib.figure", "report"), need("matplotlib.backends.backend_agg", "report")
    figure = figure_module.Figure(figsize=(10.0, 4.2), dpi=150)
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
    agg.FigureCanvasAgg(figure)
    axes = figure.subplots()
    time_s, values, unit = drawn_series(found.log)
    border_s = found.log.reading.train_share * time_s[-1]
    every = max(len(time_s) // _POINTS, 1)
    axes.plot(time_s[::every], values[::every], color=INK, linewidth=1.0, drawstyle="steps-post")
    for low, high, colour, name in ((0.0, border_s, BLUE, "train"), (border_s, time_s[-1], VERMILION, "test")):
        axes.axvspan(low, high, color=colour, alpha=0.07, linewidth=0)
        axes.text((low + high) / 2, 1.02, name, transform=axes.get_xaxis_transform(), color=colour, ha="center")
    axes.axvline(border_s, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    if isinstance(found.log, ChannelLog):
        low, high = axes.get_ylim()
        axes.set_ylim(low - _ROOM * (high - low), high)
        _windows(axes, border_s, time_s[-1])
        words = f"bars: windows of {WINDOW_S:g} s that seeds 0 to {WINDOWS - 1} play"
        axes.set_title(words, loc="right", fontsize=9, color=MUTED, pad=18)
        axes.set_ylabel("gain of the path [dB]", color=INK)
    else:
        axes.set_ylabel(unit, color=INK)
        axes.set_ylim(bottom=0.0)
    axes.set_xlim(0.0, time_s[-1])
    axes.set_xlabel("playing time [s]", color=INK)
    axes.set_title(f"{Path(found.file).name}: {found.kind}", loc="left", fontsize=11, color=INK, pad=18)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    return figure


def _windows(axes: Any, border_s: float, end_s: float) -> None:
    """Bars below the log: windows of as many seeds, as long as an episode of the preset ``default``."""
    from splitgym.physics.channel_log import window_begin_s
    from splitgym.seeding import episode_key, seed_key

    for low, high in ((0.0, border_s), (border_s, end_s)):
        if high - low <= 2.0 * WINDOW_S:
            continue
        for seed in range(WINDOWS):
            ends = np.array([[0.0, high - low], [0.0, 0.0]])
            begin = low + float(window_begin_s(episode_key(seed_key(seed), 0), ends, WINDOW_S))
            y = 0.02 + 0.022 * seed
            transform = axes.get_xaxis_transform()
            axes.plot([begin, begin + WINDOW_S], [y, y], color=ORANGE, linewidth=2.5, transform=transform)
