"""Results for the eye: a table for the terminal and a figure for the paper, which needs the extra ``report``."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from splitgym.extras import need
from splitgym.quoting import capital
from splitgym.show.palette import AGENT, BASELINE, BUDGET, FAINT, INK
from splitgym.show.sweep_words import shown_name
from splitgym.show.tables import Table

if TYPE_CHECKING:
    from splitgym.evaluation.results import Results
    from splitgym.worlds.world import Measure

_FORMATS = {"%": ".1f", "x budget": ".3f", "budgets": ".1f", "ms": ".0f", "us": ".2f", "J": ".2f", "": ".2f"}


def shown(value: float, half: float, unit: str, factor: float, form: str = "") -> str:
    """A mean with its half-width in the unit shown; the half-width is left out where there is none."""
    form = form or _FORMATS.get(unit, ".3g")
    if value != value:
        return "-"
    text = format(value * factor, form)
    return text if half != half or unit in ("us", "ms") else f"{text} ± {format(half * factor, form)}"


def averaged(n: int, traces: str = "common traces") -> str:
    """What the figures of ``n`` traces are, for a title; one trace has no interval."""
    return "one trace" if n == 1 else f"mean ± 95 % interval over {n} {traces}"


def summary_table(results: Results, columns: Sequence[str] | None = None) -> Table:
    """The summary as a table, best return first; agents are marked.

    ``columns`` are names as :meth:`Results.columns` gives them.
    """
    summary, columns = results.summary(), results.columns() if columns is None else columns
    best, n = results.best_baseline(), summary[0]["episodes"]
    table = Table(
        title=f"{results.setting}: {averaged(n)}",
        caption="\n".join(_notes(results, columns, best)),
    )
    table.add_column("policy", style="bold", no_wrap=True)
    measures = {m.name: m for m in results.measures}
    heads = {"difference": "difference", "wins": f"wins\nof {n}", "score": "score\nIQM"}
    heads |= {m.name: f"{shown_name(m)}\n{m.unit}".rstrip() for m in results.measures}
    for name in columns:
        table.add_column(heads[name], justify="right", no_wrap=True)
    for entry in summary:
        cells = [_cell(entry, name, measures.get(name), best) for name in columns]
        table.add_row(entry["policy"] + ("*" if entry["agent"] else ""), *cells)
    return table


def _cell(entry: dict[str, Any], name: str, measure: Measure | None, best: str) -> str:
    if measure is not None:
        return shown(entry[name], entry[f"{name}_interval"], measure.unit, measure.factor, measure.form)
    if name == "score":
        return f"{entry['score']:.3f} ({entry['score_low']:.3f} to {entry['score_high']:.3f})" if name in entry else "-"
    if entry["policy"] == best:
        return "best" if name == "difference" else ""
    return _signed(entry) if name == "difference" else _wins(entry)


def _notes(results: Results, columns: Sequence[str], best: str) -> list[str]:
    """Lines below the table: what its columns are, and what must be said beside them."""
    said = {
        "difference": f"difference: return minus that of {best} on the same traces, paired",
        "wins": f"wins: traces on which {'it' if 'difference' in columns else 'the return'} is higher",
    }
    words = [said[name] for name in ("difference", "wins") if name in columns]
    if "wins" in columns and "difference" not in columns:
        words[-1] += f" than that of {best}"
    lines = ["; ".join([*words, *(["* trained agent"] if results.agents else [])])]
    lines += [
        f"{policy}: on every trace the interquartile mean over {len(each)} training seeds; interval over both"
        for policy, each in results.members.items()
    ]
    lines += [f"{policy}: {note}" for policy, note in results.notes.items()]
    lines += [_certified(results, "score" in columns), results.scenario.caveat]
    return [line for line in lines if line]


def _certified(results: Results, scored: bool) -> str:
    if results.bounds is None:
        return ""
    words = f"gap: to {results.bound_words}, {results.bounds.mean():.2f} on average"
    if scored and not results.unscored:
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
    n = entries[0]["episodes"]
    title = f"{results.setting}, {'one trace' if n == 1 else f'{n} common traces'}"
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
    axes.set_title(f"{capital(y.name)} against {x.name} (numbers as on the left)", loc="left")
