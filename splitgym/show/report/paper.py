"""Marks as Matplotlib figures, for papers: PNG, PDF and SVG files that are the same bytes for the same input."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.extras import need
from splitgym.files import save_figure
from splitgym.show.palette import GRID, INK, LINES, MARKERS, MUTED, SERIES
from splitgym.show.report.marks import Axis, Cells, Figure, Key, Line, Mark, Panel, Point, Rule
from splitgym.show.report.style import style_of

#: Matplotlib's own time stamps and version are left out.
_METADATA = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
}
_DASHED = {"color": MUTED, "linewidth": 1.1, "linestyle": (0, (5, 3)), "zorder": 1.5}
_OFFSET = 6.5  # of a label from its point [pt]


def save(figure: Figure, path: Path, *, dpi: int = 200, inside: Path | None = None) -> Path:
    """Write a figure that has panels, as :func:`splitgym.files.write_atomically` does; the suffix says the format."""
    form = path.suffix.lower().lstrip(".")
    check(form)
    settings = {"svg.hashsalt": figure.key, "pdf.fonttype": 42, "font.size": 9}
    with need("matplotlib", "report").rc_context(settings):
        return save_figure(draw(figure), path, inside=inside, dpi=dpi, metadata=_METADATA[form])


def check(form: str) -> None:
    """Raise ``ValueError`` for a format that cannot be written."""
    if form not in _METADATA:
        raise ValueError(f"figures can be written as {', '.join(_METADATA)}, not {form!r}")


def draw(figure: Figure) -> Any:
    """Matplotlib ``Figure`` with all panels and the legend below them."""
    figure_module, agg = need("matplotlib.figure", "report"), need("matplotlib.backends.backend_agg", "report")
    columns = min(len(figure.panels), figure.columns)
    rows = math.ceil(len(figure.panels) / columns)
    width, height = figure.size[0] * columns, figure.size[1] * rows
    across = max(1, int(width / _entry_width(figure.legend)))
    height += 0.2 * math.ceil(len(figure.legend) / across)
    canvas = figure_module.Figure(figsize=(width, height), layout="constrained")
    agg.FigureCanvasAgg(canvas)
    panels = canvas.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel in zip(panels, figure.panels, strict=False):
        _panel(axes, panel)
    for axes in panels[len(figure.panels) :]:
        axes.set_visible(False)
    if figure.legend:
        handles = [_handle(key, any(_has_points(panel) for panel in figure.panels)) for key in figure.legend]
        canvas.legend(handles=handles, loc="outside lower center", ncols=across, frameon=False, handlelength=2.4)
    return canvas


def _entry_width(legend: tuple[Key, ...]) -> float:
    """Width of the longest entry of a legend [inch]."""
    return 0.65 + 0.075 * max((len(_short(key.name)) for key in legend), default=1)


def _short(name: str) -> str:
    return textwrap.shorten(name, 40, placeholder="…") if " " in name else name[:40]


def _has_points(panel: Panel) -> bool:
    return any(isinstance(mark, Point) for mark in panel.marks)


def _handle(key: Key, points: bool) -> Any:
    lines = need("matplotlib.lines", "report")
    if key.colour:
        return need("matplotlib.patches", "report").Patch(color=key.colour, label=_short(key.name))
    style = style_of(key.style)
    look: dict[str, Any] = {"color": SERIES[style.colour], "label": _short(key.name)}
    if points:
        look |= {"marker": MARKERS[style.marker], "linestyle": "none", "markeredgecolor": "white", "markersize": 7}
    else:
        look |= {"linestyle": LINES[style.line], "linewidth": 1.6}
    return lines.Line2D([], [], **look)


def _panel(axes: Any, panel: Panel) -> None:
    for axis, which in ((panel.x, "x"), (panel.y, "y")):
        _ends(axes, axis, which)
    for mark in panel.marks:
        _mark(axes, mark)
    axes.set_title(panel.title, loc="left", fontsize=10, color=INK, pad=10 if _has_word(panel) else 6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(which="both", color=MUTED, labelcolor=INK)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def _has_word(panel: Panel) -> bool:
    return any(isinstance(mark, Rule) and mark.upright and mark.word for mark in panel.marks)


def _ends(axes: Any, axis: Axis, which: str) -> None:
    if axis.log:
        axes.set(**{f"{which}scale": "log"})
    axes.set(**{f"{which}lim": (axis.low, axis.high)})
    axes.set(**{f"{which}label": textwrap.fill(axis.title, 48)})
    if axis.ticks:
        words = [word for _, word in axis.ticks]
        axes.set(**{f"{which}ticks": [t for t, _ in axis.ticks], f"{which}ticklabels": words})
        getattr(axes, f"{which}axis").set_minor_locator(need("matplotlib.ticker", "report").NullLocator())


def _mark(axes: Any, mark: Mark) -> None:
    if isinstance(mark, Line):
        _line(axes, mark)
    elif isinstance(mark, Point):
        _point(axes, mark)
    elif isinstance(mark, Cells):
        _cells(axes, mark)
    else:
        _rule(axes, mark)


def _line(axes: Any, mark: Line) -> None:
    style = style_of(mark.style)
    colour = SERIES[style.colour]
    if mark.low is not None and mark.high is not None:
        axes.fill_between(mark.x, mark.low, mark.high, color=colour, alpha=0.13, linewidth=0)
    shape = "steps-post" if mark.steps else "default"
    axes.plot(
        mark.x,
        mark.y,
        color=colour,
        linestyle=LINES[0 if mark.steps else style.line],
        linewidth=1.5,
        drawstyle=shape,
        zorder=3,
    )


def _point(axes: Any, mark: Point) -> None:
    style = style_of(mark.style)
    colour = SERIES[style.colour]
    bars = {}
    for side, value, low, high in (("x", mark.x, mark.x_low, mark.x_high), ("y", mark.y, mark.y_low, mark.y_high)):
        if np.isfinite([low, high]).all():
            bars[f"{side}err"] = np.maximum([[value - low], [high - value]], 0.0)
    axes.errorbar(
        [mark.x],
        [mark.y],
        color=colour,
        marker=MARKERS[style.marker],
        markersize=7,
        markeredgecolor="white",
        markeredgewidth=0.7,
        elinewidth=1.3,
        capsize=2,
        zorder=3,
        **bars,
    )
    if mark.label:
        _label(axes, mark)


def _label(axes: Any, mark: Point) -> None:
    up, aside = mark.place.split()
    dx, dy = {"left": -1, "center": 0, "right": 1}[aside], {"bottom": -1, "middle": 0, "top": 1}[up]
    axes.annotate(
        mark.label,
        (mark.x, mark.y),
        (_OFFSET * dx, 0.8 * _OFFSET * dy),
        textcoords="offset points",
        ha={-1: "right", 0: "center", 1: "left"}[dx],
        va={-1: "top", 0: "center", 1: "bottom"}[dy],
        fontsize=8.5,
        color=INK,
        zorder=4,
    )


def _cells(axes: Any, mark: Cells) -> None:
    colours = need("matplotlib.colors", "report").ListedColormap(mark.colours)
    n = len(mark.colours)
    axes.pcolormesh(
        mark.x, mark.y, mark.codes, cmap=colours, vmin=-0.5, vmax=n - 0.5, shading="nearest", rasterized=True
    )


def _rule(axes: Any, mark: Rule) -> None:
    if mark.upright:
        axes.axvline(mark.at, **_DASHED)
        place, spot = axes.get_xaxis_transform(), (mark.at, 1.01)
    else:
        axes.axhline(mark.at, **_DASHED)
        place, spot = axes.get_yaxis_transform(), (0.01, mark.at)
    aside = {"ha": "center", "va": "bottom"} if mark.upright else {"ha": "left", "va": "bottom"}
    axes.text(*spot, mark.word, transform=place, fontsize=8, color=MUTED, **aside)
