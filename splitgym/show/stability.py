"""Long runs for the eye: a table for the terminal and a picture over time, which needs the extra ``report``."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from splitgym.evaluation.debt_growth import BLOCKS, STABLE, TOLERANCE, UNSTABLE
from splitgym.extras import need
from splitgym.show.front import plain_numbers
from splitgym.show.palette import GRID, INK, LINES, MUTED, SERIES
from splitgym.show.tables import Styled, Table

if TYPE_CHECKING:
    from splitgym.evaluation.long_runs import Run, Stability

#: Most bins of the picture: few enough to distinguish lines where debts jump up and down.
POINTS = 300
#: Growth is shown for so many steps.
PER = 1000
_STYLES = {STABLE: "green", UNSTABLE: "red"}
_DASHES = {"color": MUTED, "linewidth": 1.3, "linestyle": (0, (7, 3)), "zorder": 4}
#: Values that differ by more than this factor are drawn on a logarithmic axis; debts that reach so far, likewise.
_WIDE_RATIO, _WIDE_DEBT = 5.0, 100.0


def stability_table(stability: Stability) -> Table:
    """A table: a row for each policy, stable ones first."""
    step = stability.account.step
    table = Table(
        title=f"{stability.setting}: one trace of {stability.steps} {step}s, seed {stability.seed}",
        caption=f"growth: of the debt over the second half, 95 % interval from {BLOCKS} blocks\n"
        f"unstable: the interval lies above 0; stable: it does not, and ends below {TOLERANCE * PER:g}"
        + ("; * trained agent" if any(run.agent for run in stability.runs.values()) else "")
        + (f"\n{stability.account.note}" if stability.account.note else "")
        + (f"\n{stability.scenario.caveat}" if stability.scenario.caveat else ""),
    )
    table.add_column("policy", style="bold", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    headings = ("accuracy\n%", "energy\nx budget", "largest debt\nbudgets", "final debt\nbudgets")
    for heading in (*headings, f"final debt / n\nbudgets/{step}", f"growth\nbudgets/{PER} {step}s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in stability.summary():
        table.add_row(
            entry["policy"] + ("*" if entry["agent"] else ""),
            Styled(entry["verdict"], _STYLES.get(entry["verdict"], "")),
            f"{100.0 * entry['accuracy']:.1f}",
            f"{entry['energy']:.3f}",
            f"{entry['max_debt']:.1f}",
            f"{entry['final_debt']:.1f}",
            f"{entry['debt_rate']:.5f}",
            _growth(entry),
        )
    return table


def _growth(entry: dict[str, Any]) -> str:
    slope, low, high = (PER * entry[name] for name in ("growth", "growth_low", "growth_high"))
    return f"{slope:z.2f} ({low:z.2f} to {high:z.2f})"


def bins(steps: int, log: bool, most: int = POINTS) -> np.ndarray:
    """First steps of at most ``most`` bins that are equal on a linear or a logarithmic axis of 1 to ``steps``."""
    if not log:
        return np.unique(np.linspace(0, steps, min(most, steps), endpoint=False).astype(np.int64))
    return np.unique(np.geomspace(1, steps, most + 1)[:-1].round().astype(np.int64)) - 1


def binned(values: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and largest of ``values`` (n,) in bins that begin at ``starts`` (n_bins,).

    The largest keep every peak; the means show the trend, since the largest of more values is larger.
    """
    means = np.add.reduceat(values, starts) / np.diff(starts, append=len(values))
    return means, np.maximum.reduceat(values, starts)


def stability_figure(stability: Stability) -> Any:
    """Matplotlib ``Figure``: debt over time with all its peaks, and the average energy so far."""
    figure_module, agg = need("matplotlib.figure", "report"), need("matplotlib.backends.backend_agg", "report")
    runs = list(stability.runs.values())
    figure = figure_module.Figure(figsize=(12.4, max(4.6, 0.3 * len(runs) + 1.5)), dpi=150)
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08, wspace=0.04)
    agg.FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    log = max(float(run.debt.max()) for run in runs) > _WIDE_DEBT
    starts = bins(stability.steps, log)
    at = np.append(starts[1:] - 1, stability.steps - 1)  # ends of the bins
    for i, run in enumerate(runs):
        means, peaks = binned(run.debt, starts)
        left.plot(at + 1, means, **_style(i))
        left.fill_between(at + 1, means, peaks, color=SERIES[i % len(SERIES)], alpha=0.3, linewidth=0)
        right.plot(at + 1, run.average_energy[at], **_style(i))
    for axes in (left, right):
        axes.set_xscale("log" if log else "linear")
        axes.set_xlim(1, stability.steps)
    _debts(left, stability, log)
    _averages(right, runs, stability)
    _legend(figure, runs)
    lines = (
        f"{stability.setting}: one trace of {stability.steps} {stability.account.step}s",
        stability.account.note,
        stability.scenario.caveat,
    )
    title = "\n".join(textwrap.fill(line, 120) for line in lines if line)
    figure.suptitle(title, x=0.012, ha="left", fontsize=11, color=INK)
    return figure


def _style(i: int) -> dict[str, Any]:
    """Colour and line of the i-th policy."""
    line = LINES[i // len(SERIES) % len(LINES)]
    return {"color": SERIES[i % len(SERIES)], "linestyle": line, "linewidth": 1.4, "zorder": 3}


def _debts(axes: Any, stability: Stability, log: bool) -> None:
    """Both axes logarithmic where a debt runs away: steady growth is a line there, and would seem to flatten else."""
    if log:
        axes.set_yscale("symlog", linthresh=1.0, linscale=0.5)
        axes.yaxis.set_major_formatter(need("matplotlib.ticker", "report").EngFormatter(sep=""))
    axes.set_ylim(bottom=0.0)
    axes.axhline(1.0, **_DASHES)
    axes.axvspan(stability.steps / 2, stability.steps, color=GRID, alpha=0.45, zorder=0, linewidth=0)
    axes.set_title("Energy debt, mean to peaks (grey: tested for growth)", loc="left", fontsize=11, color=INK)
    axes.set_ylabel("energy queue Q [budgets of one task]", color=INK)
    _frame(axes, stability.account.step)


def _averages(axes: Any, runs: list[Run], stability: Stability) -> None:
    """Average energy so far; the vertical axis spans what there is after the first hundredth of the run."""
    settled = np.concatenate([run.average_energy[stability.steps // 100 :] for run in runs])
    low, high = float(np.nanmin(settled)), max(1.0, float(np.nanmax(settled)))
    if low > 0.0 and high > _WIDE_RATIO * low:
        axes.set_yscale("log")
        axes.set_ylim(min(low, 1.0) / 1.25, high * 1.25)
        plain_numbers(axes.yaxis, need("matplotlib.ticker", "report"))
    else:
        margin = 0.3 * (high - low) or 0.1
        axes.set_ylim(max(low - margin, 0.0), high + margin)
    axes.axhline(1.0, **_DASHES)
    axes.set_title("Average energy so far", loc="left", fontsize=11, color=INK)
    axes.set_ylabel("charged energy per task over the budget", color=INK)
    _frame(axes, stability.account.step)


def _frame(axes: Any, step: str) -> None:
    axes.xaxis.set_major_formatter(need("matplotlib.ticker", "report").EngFormatter(sep=""))
    axes.set_xlabel(f"{step}s", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(which="both", color=MUTED, labelcolor=INK, labelsize=9)
    axes.grid(axis="both", which="major", color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)


def _legend(figure: Any, runs: list[Run]) -> None:
    """Names with their verdicts, largest debt first."""
    lines = need("matplotlib.lines", "report")
    handles = []
    for i in np.argsort([-run.debt.max() for run in runs], kind="stable"):
        run = runs[i]
        name = textwrap.fill(run.policy + ("*" if run.agent else ""), 32)
        style = _style(int(i)) | {"linewidth": 2.0}
        handles.append(lines.Line2D([], [], label=f"{name}: {run.drift.verdict}", **style))
    handles.append(lines.Line2D([], [], label="budget of one task", **_DASHES))
    figure.legend(
        handles=handles,
        loc="outside right upper",
        frameon=False,
        fontsize=9.5,
        handlelength=3.0,
        title="* trained agent" if any(run.agent for run in runs) else None,
        title_fontsize=9,
        alignment="left",
        labelcolor=INK,
    )
