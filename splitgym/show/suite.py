"""A suite's results for the eye: a table and a figure, which needs the extra ``report``."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from splitgym.extras import need
from splitgym.show.palette import GRID, INK, MARKERS, MUTED, SERIES
from splitgym.show.tables import Table

if TYPE_CHECKING:
    from splitgym.evaluation.suite import SuiteResults

_WORDS = (
    "Normalised score, 0: mean of random, 1: {one}; interquartile mean, over all cases with a 95 % "
    "stratified bootstrap interval. In brackets: gap, the mean difference between bound and return."
)
_ONES = {"clairvoyant": "certified bound", "observer": "bound for observers"}


def suite_table(results: SuiteResults) -> Table:
    """A table: scores over all cases, then case by case with the gap to the bound."""
    notes = "\n".join([_WORDS.format(one=_one(results)), *_marks(results), *_why(results)])
    table = Table(title=_title(results), caption=notes)
    table.add_column("policy", style="bold", no_wrap=True)
    for name in ("all cases", *_headings(results)):
        table.add_column(name, justify="right", no_wrap=True)
    for cells in _cells(results):
        table.add_row(*cells)
    return table


def _title(results: SuiteResults) -> str:
    seeds = results.suite.seeds[results.split].range
    return (
        f"{results.suite.environment}, suite {results.suite.name}, {results.split}: "
        f"{len(seeds)} common traces in each of {len(results.cases)} cases (seeds {seeds.start} to {seeds.stop - 1})"
    )


def _headings(results: SuiteResults) -> list[str]:
    return [f"{case.name}\n{case.shift}".rstrip() for case in results.cases]


def _one(results: SuiteResults) -> str:
    """The bound that has the score 1."""
    return _ONES[results.results[0].bound_name]


def _marks(results: SuiteResults) -> list[str]:
    return ["* trained agent"] if results.agents else []


def _why(results: SuiteResults) -> list[str]:
    misfits = [f"{policy} cannot play {case!r}: {reason}" for (policy, case), reason in results.misfits.items()]
    pairs = zip(results.cases, results.results, strict=True)
    return misfits + [f"no score in {case.name!r}: {played.unscored}" for case, played in pairs if played.unscored]


def _cells(results: SuiteResults) -> list[list[str]]:
    lines = []
    for entry in results.summary():
        whole = "-"
        if entry["score"] == entry["score"]:
            whole = f"{entry['score']:.3f} ({entry['score_low']:.3f} to {entry['score_high']:.3f})"
        cells = [entry["cases"].get(case.name) for case in results.cases]
        shown = ["-" if cell is None else f"{cell['score']:.3f} [{cell['gap']:.1f}]" for cell in cells]
        lines.append([entry["policy"] + ("*" if entry["agent"] else ""), whole, *shown])
    return lines


def suite_figure(results: SuiteResults) -> Any:
    """Matplotlib ``Figure``: a row for each case, a mark for each policy at its score; bars reach over all cases."""
    figure_module, agg = need("matplotlib.figure", "report"), need("matplotlib.backends.backend_agg", "report")
    entries = results.summary()
    cases = ["all cases", *(f"{case.shift}: {case.name}" if case.shift else case.name for case in results.cases)]
    figure = figure_module.Figure(figsize=(10, 0.48 * len(cases) + 1.4), dpi=150, layout="constrained")
    agg.FigureCanvasAgg(figure)
    axes = figure.subplots()
    lowest, handles = -0.5, []
    for i, entry in enumerate(entries):
        values = [entry["score"], *(entry["cases"].get(c.name, {"score": np.nan})["score"] for c in results.cases)]
        places = np.arange(len(cases)) + 0.8 * ((i + 0.5) / len(entries) - 0.5)
        style = {"color": SERIES[i % len(SERIES)], "marker": MARKERS[i % len(MARKERS)], "linestyle": "none"}
        name = entry["policy"] + ("*" if entry["agent"] else "")
        scores, look = np.maximum(values, lowest), {"markersize": 5.5, "markeredgecolor": "white", **style}
        handles += axes.plot(scores, places, label=name, **look)
        axes.plot([entry["score_low"], entry["score_high"]], places[[0, 0]], color=style["color"], linewidth=1.5)
    axes.axvline(1.0, color=MUTED, linestyle=(0, (4, 2)), linewidth=1.2)
    axes.axvline(0.0, color=MUTED, linewidth=0.8)
    axes.set_xlim(lowest - 0.05, 1.05)
    axes.set_yticks(np.arange(len(cases)), [textwrap.shorten(name, 40) for name in cases])
    axes.set_yticks(np.arange(len(cases) - 1) + 0.5, minor=True)
    axes.set_ylim(len(cases) - 0.5, -0.5)
    axes.grid(axis="y", which="minor", color=GRID, linewidth=0.7)
    axes.tick_params(which="both", color=MUTED, labelcolor=INK, labelsize=9, left=False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel(f"normalised score; 0: random, 1: {_one(results)}; below {lowest:g}: at the edge", color=INK)
    figure.suptitle(textwrap.fill(_title(results), 120), x=0.01, ha="left", fontsize=10, color=INK)
    # named, since a legend that looks for them leaves out names that begin with "_"
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=9)
    return figure
