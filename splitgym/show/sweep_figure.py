"""A sweep for the paper: a panel for each measure, a line for each policy.  Needs the extra ``report``."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from splitgym.evaluation.labels import label
from splitgym.extras import need
from splitgym.show.front import plain_numbers
from splitgym.show.palette import GRID, INK, LINES, MARKERS, MUTED, SERIES
from splitgym.show.sweep_words import shown_name, swept_columns
from splitgym.show.words import brief
from splitgym.worlds.world import Measure

if TYPE_CHECKING:
    from splitgym.evaluation.sweeps import Sweep

#: Values that span more than this factor are drawn on a logarithmic axis.
_DECADES = 100.0
#: Least share of the axis between two ticks that stand at swept values.
_APART = 0.045
#: Most words that stand upright below the axis.
_UPRIGHT = 6
_LONGEST_NAME, _REFERENCE = 32, "line: 1 x budget"


@dataclasses.dataclass(frozen=True)
class _Axis:
    """Where the values stand: their numbers, or places 0, 1, ... for words and for a single value."""

    places: np.ndarray
    words: list[str]
    numeric: bool
    log: bool
    title: str


def sweep_figure(sweep: Sweep, measures: list[Measure]) -> Any:
    """Matplotlib ``Figure``: measures against the swept value, with 95 % intervals and the budget where there is one.

    The legend stands outside, in the order in which the lines end in the first panel.
    """
    figure_module, agg = need("matplotlib.figure", "report"), need("matplotlib.backends.backend_agg", "report")
    columns = math.ceil(len(measures) / math.ceil(len(measures) / 3))
    rows = math.ceil(len(measures) / columns)
    longest = min(_LONGEST_NAME, max(len(name) for name in (*_names(sweep), _REFERENCE)))
    axis, title = _axis(sweep), _title(sweep, int(4.9 * columns / 0.09))
    below = 0.0 if axis.numeric or len(axis.words) <= _UPRIGHT else 0.08 * max(len(word) for word in axis.words)
    height = (4.0 + min(below, 2.2)) * rows + 0.2 + 0.22 * len(title.splitlines())
    size = 4.9 * columns + 0.9 + 0.085 * longest, max(height, 0.24 * len(sweep.policies) + 1.2)
    figure = figure_module.Figure(figsize=size, dpi=150)
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08, wspace=0.03, hspace=0.05)
    agg.FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, measure in zip(panels, measures, strict=False):
        _panel(axes, sweep, measure, axis)
    for axes in panels[len(measures) :]:
        axes.set_visible(False)
    _legend(figure, sweep, measures, "" if axis.numeric else "none")
    figure.suptitle(title, x=0.012, ha="left", fontsize=11, color=INK)
    return figure


_MARK = {"markersize": 5.5, "markeredgecolor": "white", "markeredgewidth": 0.6, "linewidth": 1.7}
_DASHES = {"color": MUTED, "linewidth": 1.3, "linestyle": (0, (7, 3))}


def _title(sweep: Sweep, width: int) -> str:
    """Setting and caveats in lines of so many characters."""
    traces = "one trace" if sweep.episodes == 1 else f"{sweep.episodes} common traces, mean and 95 % interval"
    return "\n".join(textwrap.fill(line, width) for line in (f"{sweep.setting}: {traces}", *sweep.caveats))


def _names(sweep: Sweep) -> list[str]:
    agents = sweep.results[0].agents
    return [policy + ("*" if policy in agents else "") for policy in sweep.policies]


def _axis(sweep: Sweep) -> _Axis:
    columns = swept_columns(sweep)
    title = columns[0].heading
    values = columns[0].values
    numeric = len(values) > 1 and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    numeric = numeric and len(set(values)) == len(values)
    if numeric:
        if len(columns) > 1:
            title += f"; {', '.join(c.heading for c in columns[1:])} along with it"
        places = np.array(values, np.float64)
        log = bool(places.min() > 0.0 and places.max() > _DECADES * places.min())
        return _Axis(places, [label(v) for v in values], True, log, title)
    words = [", ".join(label(c.values[i]) for c in columns) for i in range(len(values))]
    title = ", ".join(c.heading for c in columns)
    return _Axis(np.arange(len(values), dtype=np.float64), words, False, False, title)


def _panel(axes: Any, sweep: Sweep, measure: Measure, axis: _Axis) -> None:
    curves = {p: [measure.factor * part for part in sweep.means(p, measure.name)] for p in sweep.policies}
    all_means = np.concatenate([means for means, _ in curves.values()])
    log = _is_wide(all_means)
    for i, (means, halves) in enumerate(curves.values()):
        _curve(axes, axis, i, len(curves), means, halves, log)
    plane = sweep.world.plane
    if measure.name == plane.x and plane.reference is not None:
        axes.axhline(plane.reference, zorder=1.5, **_DASHES)
    if log:
        axes.set_yscale("log")
        plain_numbers(axes.yaxis, need("matplotlib.ticker", "report"))
    else:
        axes.set_ylim(_limits(all_means, measure, axes.get_ylim(), 2.0 if axis.numeric else math.inf))
    _frame(axes, axis)
    unit = f" [{measure.unit}]".replace(" ", "\u00a0") if measure.unit else ""  # is not broken
    axes.set_ylabel(textwrap.fill(f"{measure.meaning}{unit}", 44), color=INK)
    name = shown_name(measure)
    axes.set_title(name[0].upper() + name[1:], loc="left", fontsize=11, color=INK)


def _limits(means: np.ndarray, measure: Measure, found: tuple[float, float], most_reach: float) -> tuple[float, float]:
    """Ends of the vertical axis: no further than a value can be, nor than ``most_reach`` spans beyond the means.

    Wide intervals would flatten the lines otherwise.
    """
    means = means[np.isfinite(means)]
    if len(means) == 0:
        return found
    low, high = float(means.min()), float(means.max())
    least, most = (0.0 if low >= 0.0 else -math.inf), (100.0 if measure.unit == "%" and high <= 100.0 else math.inf)
    span = (high - low) or abs(high) or 1.0
    bottom = max(found[0], low - most_reach * span, least - 0.04 * span)
    return bottom, min(found[1], high + most_reach * span, most + 0.04 * span)


def _is_wide(means: np.ndarray) -> bool:
    """Whether the values ask for a logarithmic axis: all positive, and over more than two decades."""
    finite = means[np.isfinite(means)]
    return len(finite) > 0 and bool(finite.min() > 0.0 and finite.max() > _DECADES * finite.min())


def _style(i: int) -> dict[str, Any]:
    """Colour, marker and line of the i-th policy."""
    line = LINES[i // len(SERIES) % len(LINES)]
    return {"color": SERIES[i % len(SERIES)], "marker": MARKERS[i % len(MARKERS)], "linestyle": line, **_MARK}


def _curve(axes: Any, axis: _Axis, i: int, n: int, means: np.ndarray, halves: np.ndarray, log: bool) -> None:
    """A line with its band over numbers; over words, marks with bars side by side."""
    low, high = means - halves, means + halves
    if log:  # an interval that reaches below zero ends at the lowest mean instead
        low = np.where(low > 0.0, low, np.minimum(means, np.fmin.reduce(means)))
    if axis.numeric:
        order = np.argsort(axis.places)
        x = axis.places[order]
        axes.fill_between(
            x, low[order], high[order], color=SERIES[i % len(SERIES)], alpha=0.22 / math.sqrt(n), linewidth=0
        )
        axes.plot(x, means[order], **_style(i), zorder=3)
    else:
        x = axis.places + 0.7 * ((i + 0.5) / n - 0.5)
        bars = np.nan_to_num(np.stack([means - low, high - means]))
        axes.errorbar(x, means, bars, elinewidth=1.2, capsize=2, zorder=3, **_style(i) | {"linestyle": "none"})


def _frame(axes: Any, axis: _Axis) -> None:
    ticker = need("matplotlib.ticker", "report")
    if axis.log:
        axes.set_xscale("log")
    if axis.numeric:
        axes.margins(x=0.03)
        _number_ticks(axes, axis, ticker)
    else:
        axes.set_xlim(-0.5, len(axis.places) - 0.5)
        axes.set_xticks(axis.places, _fitting(axis.words))
        if len(axis.words) > _UPRIGHT:
            axes.tick_params(axis="x", labelrotation=90)
        axes.set_xticks(axis.places[:-1] + 0.5, minor=True)
    axes.set_xlabel(textwrap.fill(axis.title, 56), color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(which="both", color=MUTED, labelcolor=INK, labelsize=9)
    axes.grid(axis="y", color=GRID, linewidth=0.7)
    axes.grid(axis="x", which="major" if axis.numeric else "minor", color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)


def _fitting(words: list[str]) -> list[str]:
    """Words broken into lines where they are few, cut where they are many."""
    room = 50 // len(words)
    return [textwrap.fill(w, room) if len(words) <= _UPRIGHT else brief(w, 28) for w in words]


def _number_ticks(axes: Any, axis: _Axis, ticker: Any) -> None:
    """Ticks at swept values, all or every so many, where these are apart; prefixes (5M, 20m) where numbers are long."""
    places = np.sort(axis.places)
    spots = np.log(places) if axis.log else places
    room = _APART * max(1.0, max(len(word) for word in axis.words) / 5.0) * (spots[-1] - spots[0])
    for step in range(1, 1 + (len(places) - 1) // 2):
        if np.diff(spots[::step]).min() > room:
            axes.xaxis.set_major_locator(ticker.FixedLocator(places[::step]))
            axes.xaxis.set_minor_locator(ticker.NullLocator())
            break
    biggest = float(np.abs(axis.places).max())
    if biggest >= 1e4 or biggest < 1e-2:
        axes.xaxis.set_major_formatter(ticker.EngFormatter(sep=""))
    else:
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:.6g}"))


def _legend(figure: Any, sweep: Sweep, measures: list[Measure], line: str) -> None:
    """Names beside the panels, in the order of the right ends of the first panel's lines."""
    lines, plane = need("matplotlib.lines", "report"), sweep.world.plane
    ends = np.array([sweep.means(policy, measures[0].name)[0][-1] for policy in sweep.policies])
    handles = []
    for i in np.argsort(-np.nan_to_num(ends, nan=-np.inf), kind="stable"):
        style = _style(int(i))
        name = textwrap.fill(_names(sweep)[i], _LONGEST_NAME)
        handles.append(lines.Line2D([], [], label=name, **style | {"linestyle": line or style["linestyle"]}))
    reference = next((m for m in measures if m.name == plane.x), None)
    if reference is not None and plane.reference is not None:
        words = f"line: {plane.reference:g} {reference.unit}".rstrip()
        handles.append(lines.Line2D([], [], label=words, **_DASHES))
    figure.legend(
        handles=handles,
        loc="outside right upper",
        frameon=False,
        fontsize=9.5,
        handlelength=3.4,
        title="* trained agent" if sweep.results[0].agents else None,
        title_fontsize=9,
        alignment="left",
        labelcolor=INK,
    )
