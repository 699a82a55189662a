"""Results for the eye: a table for the terminal and a figure for the paper.  Needs the extra ``report``."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from splitgym.extras import need
from splitgym.show.palette import AGENT, BASELINE, BUDGET, FAINT, INK
from splitgym.show.sweep_words import shown_name

if TYPE_CHECKING:
    from splitgym.evaluation.results import Results

_FORMATS = {"%": ".1f", "x budget": ".3f", "budgets": ".1f", "ms": ".0f", "us": ".2f", "J": ".2f", "": ".2f"}


def shown(value: float, half: float, unit: str, factor: float, form: str = "") -> str:
    """A mean with its half-width in the unit shown; the half-width is left out where there is none."""
    form = form or _FORMATS.get(unit, ".3g")
    if value != value:
        return "-"
    text = format(value * factor, form)
    return text if half != half or unit in ("us", "ms") else f"{text} ± {format(half * factor, form)}"


def summary_table(results: Results) -> Any:
    """A ``rich.table.Table`` of the summary, best return first; agents are marked."""
    summary = results.summary()
    best, scored = results.best_baseline(), "score" in summary[0]
    table = need("rich.table", "report").Table(
        title=f"{results.setting}: mean ± 95 % interval over {summary[0]['episodes']} common traces",
        caption=f"difference: return minus that of {best} on the same traces, paired; "
        "wins: traces on which it is higher"
        + ("; * trained agent" if results.agents else "")
        + _certified(results, scored)
        + (f"\n{results.scenario.caveat}" if results.scenario.caveat else ""),
    )
    table.add_column("policy", style="bold", no_wrap=True)
    for m in results.measures:
        table.add_column(f"{shown_name(m)}\n{m.unit}".rstrip(), justify="right", no_wrap=True)
    table.add_column("difference", justify="right", no_wrap=True)
    table.add_column(f"wins\nof {summary[0]['episodes']}", justify="right", no_wrap=True)
    if scored:
        table.add_column("score\nIQM", justify="right", no_wrap=True)
    for entry in summary:
        cells = [shown(entry[m.name], entry[f"{m.name}_interval"], m.unit, m.factor, m.form) for m in results.measures]
        paired = ["best", ""] if entry["policy"] == best else [_signed(entry), _wins(entry)]
        score = [f"{entry['score']:.3f} ({entry['score_low']:.3f} to {entry['score_high']:.3f})"] if scored else []
        table.add_row(entry["policy"] + ("*" if entry["agent"] else ""), *cells, *paired, *score)
    return table


def _certified(results: Results, scored: bool) -> str:
    if results.bounds is None:
        return ""
    words = f"\ngap: to a certified bound on any policy's return, {results.bounds.mean():.2f} on average"
    if scored:
        words += "; score: 0 is the mean of random, 1 the bound; interquartile mean (95 % bootstrap interval)"
    elif results.unscored:
        words += f"; no score: {results.unscored}"
    return words


def _wins(entry: dict[str, Any]) -> str:
    return f"{entry['wins']}" + (f" + {entry['ties']} ties" if entry["ties"] else "")


def _signed(entry: dict[str, Any]) -> str:
    half = entry["difference_interval"]
    return f"{entry['difference']:+.2f}" + ("" if half != half else f" ± {half:.2f}")


def comparison_figure(results: Results) -> Any:
    """Matplotlib ``Figure``: return of each policy with its interval, and the two measures of the world's plane."""
    figure_module, agg = need("matplotlib.figure", "report"), need("matplotlib.backends.backend_agg", "report")
    entries = results.summary()
    figure = figure_module.Figure(figsize=(12, 0.42 * len(entries) + 2.2), layout="constrained")
    agg.FigureCanvasAgg(figure)
    bars, plane = figure.subplots(1, 2, width_ratios=(1, 1.15))
    colours = [AGENT if e["agent"] else BASELINE for e in entries]
    names = [f"{e['policy']}  {place}" for place, e in enumerate(entries, 1)]
    halves = [0.0 if e["return_interval"] != e["return_interval"] else e["return_interval"] for e in entries]
    bars.barh(names, [e["return"] for e in entries], xerr=halves, color=colours, ecolor=INK, capsize=3)
    bars.invert_yaxis()
    low = min(0.0, *(e["return"] for e in entries))
    top = max(e["return"] for e in entries)
    if low < -top:  # a policy far in debt would flatten all the others
        bars.set_xlim(-top, top * 1.15)
        bars.set_title("Return (bars cut at the left edge)", loc="left")
    else:
        bars.set_title("Return", loc="left")
    measures = {m.name: m for m in results.measures}
    bars.set_xlabel(textwrap.fill(f"{measures['return'].meaning}, per episode", 58))
    _plane(plane, results, entries, colours)
    for axes in (bars, plane):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="both", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
    title = f"{results.setting}, {entries[0]['episodes']} common traces"
    figure.suptitle("\n".join(filter(None, (title, results.scenario.caveat))))
    return figure


def _plane(axes: Any, results: Results, entries: list[dict[str, Any]], colours: list[str]) -> None:
    """Two measures against each other, one numbered dot for each policy; numbers of dots that meet stand aside."""
    measures, plane = {m.name: m for m in results.measures}, results.world.plane
    x, y = measures[plane.x], measures[plane.y]
    points = np.array([[x.factor * e[x.name], y.factor * e[y.name]] for e in entries])
    if plane.reference is not None:
        axes.axvline(plane.reference, color=BUDGET, linestyle="--", linewidth=1.5)
    span = np.maximum(points.max(axis=0) - points.min(axis=0), 1e-12)
    for place, (point, colour) in enumerate(zip(points, colours, strict=True), 1):
        twins = sum(bool((np.abs(other - point) < 0.03 * span).all()) for other in points[: place - 1])
        size, ink = (190, "white") if twins == 0 else (60, colour)
        axes.scatter(*point, color=colour, s=size, zorder=3 - twins, edgecolor="white")
        offset = (16 * twins, 0)
        axes.annotate(
            str(place), point, offset, textcoords="offset points", color=ink, fontsize=8, ha="center", va="center"
        )
    axes.set_xlim(left=min(0.0, *points[:, 0]) - 0.04 * points[:, 0].max())
    mark = f", line: {plane.reference:g}" if plane.reference is not None else ""
    axes.set_xlabel(f"{x.meaning} [{x.unit}]{mark}")
    axes.set_ylabel(f"{y.meaning} [{y.unit}]")
    axes.set_title(f"{y.name.capitalize()} against {x.name} (numbers as on the left)", loc="left")
