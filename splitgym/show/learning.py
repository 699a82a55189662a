"""Learning curves for the eye: a table for the terminal, and a picture, which needs the extra ``report``."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from splitgym.extras import need
from splitgym.show.palette import GRID, INK, LINES, MUTED, SERIES
from splitgym.show.tables import Table

if TYPE_CHECKING:
    from splitgym.agents.learning import LearningCurves, Level
    from splitgym.agents.trained import Curve

#: Panels side by side.
_COLUMNS = 3


def learning_table(curves: LearningCurves) -> Table:
    """A table: a row for each curve, then for each policy or bound beside it."""
    table = Table(
        title="Learning curves: return on validation seeds",
        caption="interquartile mean over training seeds; in brackets the lowest and the highest seed, of a single one\n"
        "the 95 % interval over validation episodes",
    )
    table.add_column("curve", style="bold", no_wrap=True)
    table.add_column("environment", no_wrap=True)
    table.add_column("scenario", no_wrap=True)
    for heading in ("training\nseeds", "steps", "return at the end", "highest\nreturn", "after\nsteps"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in curves.summary():
        ends = f"{entry['return']:.1f} ({entry['lowest']:.1f} to {entry['highest']:.1f})"
        cells = (f"{entry['training_seeds']}", f"{entry['steps']:,}", ends, f"{entry['best']:.1f}")
        table.add_row(entry["curve"], entry["environment"], entry["scenario"], *cells, f"{entry['best_steps']:,}")
    for setting, found in curves.settings().items():
        for level in curves.levels.get(setting, ()):
            words = f"{level.mean:.1f} ({level.mean - level.interval:.1f} to {level.mean + level.interval:.1f})"
            table.add_row(level.name, setting.env_id, found[0].scenario, "", "", words)
    return table


def learning_figure(curves: LearningCurves) -> Any:
    """Matplotlib ``Figure``: a panel for each setting, a line with its band for each curve."""
    figure_module, agg = need("matplotlib.figure", "report"), need("matplotlib.backends.backend_agg", "report")
    settings = curves.settings()
    columns = min(len(settings), _COLUMNS)
    rows = -(-len(settings) // columns)
    figure = figure_module.Figure(figsize=(1.0 + 5.4 * columns, 0.6 + 3.6 * rows), dpi=150, layout="constrained")
    agg.FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels[len(settings) :]:
        panel.set_axis_off()
    for panel, (setting, found) in zip(panels, settings.items(), strict=False):
        _panel(panel, found, curves.levels.get(setting, ()))
        words = f"{setting.env_id}, scenario {found[0].scenario}"
        panel.set_title(textwrap.fill(words, 60), loc="left", fontsize=11, color=INK)
        panel.set_ylabel(f"mean return of {setting.episodes} validation episodes", color=INK, fontsize=9.5)
    return figure


def _panel(axes: Any, curves: list[Curve], levels: Any) -> None:
    for i, curve in enumerate(curves):
        colour, (low, high) = SERIES[i % len(SERIES)], curve.band
        axes.fill_between(curve.steps, low, high, color=colour, alpha=0.22, linewidth=0, zorder=2)
        if len(curve.points) > 1:
            axes.plot(curve.steps, curve.returns.T, color=colour, linewidth=0.6, alpha=0.6, zorder=3)
        seeds = f" ({len(curve.points)} training seeds)" if len(curve.points) > 1 else ""
        style = {"color": colour, "linewidth": 2.0, "zorder": 4, "marker": "o", "markersize": 3.5}
        axes.plot(curve.steps, curve.middle, label=textwrap.fill(curve.name, 32) + seeds, **style)
    _draw_levels(axes, levels)
    axes.xaxis.set_major_formatter(need("matplotlib.ticker", "report").EngFormatter(sep=""))
    axes.set_xlim(left=0)
    axes.set_xlabel("training steps", color=INK, fontsize=9.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(which="both", color=MUTED, labelcolor=INK, labelsize=9)
    axes.grid(axis="y", color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="best")


def _draw_levels(axes: Any, levels: list[Level]) -> None:
    """Dashed lines, told apart by their dashes too."""
    for i, level in enumerate(levels):
        style = {"color": MUTED if i % 2 else INK, "linestyle": LINES[1 + i % (len(LINES) - 1)], "linewidth": 1.3}
        axes.axhline(level.mean, label=textwrap.fill(level.name, 32), zorder=1, **style)
