"""Two measures of a world against each other, such as accuracy against energy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from splitgym.quoting import capital
from splitgym.show.comparison import shown
from splitgym.show.report.figures import filled, without
from splitgym.show.report.gather import Book, Chapter, label
from splitgym.show.report.labels import places
from splitgym.show.report.marks import Axis, Figure, Panel, Point, Rule
from splitgym.show.report.scales import minus, padded
from splitgym.show.sweep_words import shown_name
from splitgym.worlds.world import Measure

#: Values that differ by more than the first factor are drawn on a logarithmic axis, unless one
#: next to zero would leave no room for the others.
_WIDE_RATIO, _WIDEST_RATIO = 5.0, 50.0
#: Plots in which the labels of the plane must be readable [px]: a phone, the page, paper.
_SIZES = [(270.0, 255.0), (480.0, 255.0), (330.0, 260.0)]


def plane(book: Book, chapter: Chapter) -> Figure:
    """The world's two measures against each other."""
    results = chapter.results
    x, y = (_measure(chapter, name) for name in results.world.plane[:2])
    aim = f"{'Up' if y.better > 0 else 'Down'} and {'right' if x.better > 0 else 'left'}"
    figure = Figure(
        key=f"{chapter.key}-plane",
        title=f"{capital(shown_name(y))} against {shown_name(x)}",
        how=f"A mark for each policy with 95 % intervals: {y.meaning}, against {x.meaning}. {aim} is better.",
    )
    known = [e for e in chapter.entries if math.isfinite(e[x.name]) and math.isfinite(e[y.name])]
    if not known:
        return without(figure, f"No policy has both {shown_name(x)} and {shown_name(y)}.")
    spots = [_spot(e, x, y) for e in known]
    x_axis, y_axis = _plane_axis(x, [s[0] for s in spots]), _plane_axis(y, [s[1] for s in spots], log=False)
    labels = [label(book.shown(e["policy"])) for e in known]
    shares = np.array(
        [[[_share(a, v) for v in s] for a, s in zip((x_axis, y_axis), spot, strict=True)] for spot in spots]
    )
    where = places(shares, labels, _SIZES)
    points = tuple(
        Point(
            name=book.shown(e["policy"]),
            style=book.styles[e["policy"]],
            x=sx[0],
            x_low=sx[1],
            x_high=sx[2],
            y=sy[0],
            y_low=sy[1],
            y_high=sy[2],
            words=f"{book.shown(e['policy'])}: {_exact(e, x)}, {_exact(e, y)}",
            label=word if place else "",
            place=place or "middle right",
        )
        for e, (sx, sy), word, place in zip(known, spots, labels, where, strict=True)
    )
    reference = results.world.plane.reference
    rule = () if reference is None else (Rule(reference, True, "budget" if "budget" in x.unit else f"{reference:g}"),)
    note = "" if all(where) else "Labels that would cover others are left out; the legend has every mark."
    panel = Panel("", x_axis, y_axis, (*rule, *points))
    return filled(figure, (panel,), book.legend([e["policy"] for e in known]), note)


def _measure(chapter: Chapter, name: str) -> Measure:
    return next(m for m in chapter.results.measures if m.name == name)


def _exact(entry: dict[str, Any], m: Measure) -> str:
    return minus(
        f"{shown_name(m)} {shown(entry[m.name], entry[f'{m.name}_interval'], m.unit, m.factor, m.form)} {m.unit}"
    )


def _spot(entry: dict[str, Any], x: Measure, y: Measure) -> tuple[tuple[float, float, float], ...]:
    """(value, low, high) in both measures."""
    pairs = [(m.factor * entry[m.name], m.factor * entry[f"{m.name}_interval"]) for m in (x, y)]
    return tuple((value, value - half, value + half) for value, half in pairs)


def _plane_axis(m: Measure, spots: list[tuple[float, float, float]], log: bool = True) -> Axis:
    values = np.array(spots)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    title = f"{shown_name(m)} [{m.unit}]" if m.unit else shown_name(m)
    least = float(values[:, 0].min())
    if log and least > 0.0 and _WIDE_RATIO * least < high < _WIDEST_RATIO * least:
        ends = padded(math.log10(max(low, 0.7 * least)), math.log10(high), 0.1)
        return Axis(f"{title}, log scale", 10.0 ** ends[0], 10.0 ** ends[1], log=True, ticks=_log_ticks(*ends))
    return Axis(title, *padded(low, high, 0.1))


def _log_ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """1, 2, 5 of every decade.  Ends are exponents."""
    sizes = [m * 10.0**d for d in range(math.floor(low), math.ceil(high) + 1) for m in (1, 2, 5)]
    return tuple((s, f"{s:g}") for s in sizes if low <= math.log10(s) <= high)


def _share(axis: Axis, value: float) -> float:
    ends = np.array([axis.low, axis.high, value])
    low, high, place = np.log10(np.maximum(ends, 1e-300)) if axis.log else ends
    return float((place - low) / (high - low))
