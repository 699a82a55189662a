"""Results for the eye: a table for the terminal and a figure for the paper.  Needs the extra ``report``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from splitgym.extras import need

if TYPE_CHECKING:
    from splitgym.evaluation.results import Results

#: Okabe-Ito palette, colour-blind safe.
BASELINE, AGENT, BUDGET = "#0072B2", "#D55E00", "#009E73"
_FORMATS = {"%": ".1f", "x budget": ".3f", "budgets": ".1f", "ms": ".0f", "us": ".2f", "": ".2f"}


def shown(value: float, half: float, unit: str, factor: float) -> str:
    """A mean with its half-width in the unit shown; the half-width is left out where there is none."""
    form = _FORMATS.get(unit, ".3g")
    if value != value:
        return "-"
    text = format(value * factor, form)
    return text if half != half or unit in ("us", "ms") else f"{text} ± {format(half * factor, form)}"


def summary_table(results: Results) -> Any:
    """A ``rich.table.Table`` of the summary, best return first; agents are marked."""
    table = need("rich.table", "report").Table(
        title=f"{results.world.env_id}, scenario {results.scenario.name}: mean ± 95 % interval over "
        f"{len(results.figure(results.policies[0], 'return'))} common traces",
        caption=f"difference: return minus that of {results.best_baseline()} on the same traces, paired"
        + ("; * trained agent" if results.agents else ""),
    )
    table.add_column("policy", style="bold", no_wrap=True)
    for m in results.measures:
        name = m.name.removesuffix("_s").replace("_", " ")
        table.add_column(f"{name}\n{m.unit}".rstrip(), justify="right", no_wrap=True)
    table.add_column("difference", justify="right", no_wrap=True)
    for entry in results.summary():
        cells = [shown(entry[m.name], entry[f"{m.name}_interval"], m.unit, m.factor) for m in results.measures]
        gap = "best" if entry["policy"] == results.best_baseline() else _signed(entry)
        table.add_row(entry["policy"] + ("*" if entry["agent"] else ""), *cells, gap)
    return table


def _signed(entry: dict[str, Any]) -> str:
    half = entry["difference_interval"]
    return f"{entry['difference']:+.2f}" + ("" if half != half else f" ± {half:.2f}")


def comparison_figure(results: Results) -> Any:
    """Matplotlib ``Figure``: return of each policy with its interval, and accuracy against energy with the budget."""
    figure_module, agg = need("matplotlib.figure", "report"), need("matplotlib.backends.backend_agg", "report")
    entries = results.summary()
    figure = figure_module.Figure(figsize=(12, 0.42 * len(entries) + 2.2), layout="constrained")
    agg.FigureCanvasAgg(figure)
    bars, plane = figure.subplots(1, 2, width_ratios=(1, 1.15))
    colours = [AGENT if e["agent"] else BASELINE for e in entries]
    names = [f"{e['policy']}  {place}" for place, e in enumerate(entries, 1)]
    halves = [0.0 if e["return_interval"] != e["return_interval"] else e["return_interval"] for e in entries]
    bars.barh(names, [e["return"] for e in entries], xerr=halves, color=colours, ecolor="#444444", capsize=3)
    bars.invert_yaxis()
    low = min(0.0, *(e["return"] for e in entries))
    top = max(e["return"] for e in entries)
    if low < -top:  # a policy far in debt would flatten all the others
        bars.set_xlim(-top, top * 1.15)
        bars.set_title("Return (bars cut at the left edge)", loc="left")
    else:
        bars.set_title("Return", loc="left")
    bars.set_xlabel("correct answers minus price of the energy debt, per episode")
    plane.axvline(1.0, color=BUDGET, linestyle="--", linewidth=1.5)
    for place, (entry, colour) in enumerate(zip(entries, colours, strict=True), 1):
        point = entry["energy"], 100 * entry["accuracy"]
        plane.scatter(*point, color=colour, s=190, zorder=3, edgecolor="white")
        plane.annotate(str(place), point, color="white", fontsize=8, ha="center", va="center", zorder=4)
    plane.set_xlim(left=-0.04 * max(e["energy"] for e in entries))
    plane.set_xlabel("energy per task over budget (green line: the budget; numbers as on the left)")
    plane.set_ylabel("accuracy over all tasks [%]")
    plane.set_title("Accuracy against energy", loc="left")
    for axes in (bars, plane):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="both", color="#DDDDDD", linewidth=0.6)
        axes.set_axisbelow(True)
    figure.suptitle(f"{results.world.env_id}, scenario {results.scenario.name}, {entries[0]['episodes']} common traces")
    return figure
