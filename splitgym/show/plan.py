"""Plans for the eye: the network by tiers, the blocks on their nodes, and where time and energy go.

Needs the extra ``report``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from splitgym.extras import need
from splitgym.placement.instance import Instance, Node
from splitgym.placement.plan import Plan, app_index
from splitgym.placement.steps import steps_of
from splitgym.show.palette import INK, MUTED, SERIES
from splitgym.show.plan_network import draw_network, short_time
from splitgym.show.words import millijoules, percent

#: So many plans get bars of time and energy; more would leave no room for the network.
_MOST_BARS = 3
_WIDTH_IN, _ROW_IN, _BAR_IN, _MARGIN_IN = 9.6, 0.3, 0.3, 0.35
#: Left edge and width of the bars.
_LEFT_IN, _LENGTH_IN = 1.3, 6.3
#: Opacity of the bars' parts by tier: the same colour, paler the higher it runs.
_PALER = (1.0, 0.7, 0.45)


def plan_figure(instance: Instance, plans: Sequence[Plan], title: str, notes: Sequence[str] = ()) -> Any:
    """Matplotlib ``Figure`` of plans on their network.

    Args:
        instance: the problem.
        plans: one for each of some applications; without any the network alone is drawn.
        title: heading.
        notes: lines below the heading, before those about the plans.

    Columns are tiers, numbered dots are blocks, thick arrows are transfers.  Below, for the first plans: where the
    time goes, within the latency target, and where the energy goes.
    """
    figure_module, agg = need("matplotlib.figure", "report"), need("matplotlib.backends.backend_agg", "report")
    columns = _columns(instance)
    lines = [*notes, *(_summary(instance, plan) for plan in plans[:_MOST_BARS])]
    if len(plans) > _MOST_BARS:
        lines.append(f"and {len(plans) - _MOST_BARS} more")
    head, foot = 0.62 + 0.2 * len(lines), 2 * _BAR_IN * len(plans[:_MOST_BARS]) + (0.75 if plans else 0.1)
    body = min(max(_ROW_IN * max(len(column) for column in columns), 2.4), 11.0) + 0.4
    height = head + body + foot
    figure = figure_module.Figure(figsize=(_WIDTH_IN, height), dpi=150, facecolor="white")
    agg.FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0.0, _WIDTH_IN), ylim=(0.0, height))
    axes.set_axis_off()
    axes.text(_MARGIN_IN, height - 0.33, title, fontsize=12, color=INK, va="center")
    for i, line in enumerate(lines):
        axes.text(_MARGIN_IN, height - 0.62 - 0.2 * i, line, fontsize=9, color=MUTED, va="center")
    draw_network(axes, instance, columns, plans, (_WIDTH_IN, foot, body))
    for i, plan in enumerate(plans[:_MOST_BARS]):
        _draw_bars(axes, instance, plan, SERIES[i % len(SERIES)], foot - 0.4 - 2 * _BAR_IN * i)
    if plans:
        legend = "numbers: computing a block; hatched: a transfer; frame: latency target"
        axes.text(_WIDTH_IN - _MARGIN_IN, 0.16, legend, fontsize=7.5, color=MUTED, ha="right", va="center")
    return figure


def _columns(instance: Instance) -> list[list[Node]]:
    tiers = sorted({node.tier for node in instance.nodes})
    return [[node for node in instance.nodes if node.tier == tier] for tier in tiers]


def _summary(instance: Instance, plan: Plan) -> str:
    app = instance.apps[app_index(instance, plan.app)]
    exits = instance.dnns[app.dnn].exit_configs[plan.exit_config].active
    return (
        f"{plan.app}, {plan.method}: {millijoules(plan.energy_j)} per inference "
        f"({percent(plan.comm_j / plan.energy_j if plan.energy_j else 0.0)} of it transfers), "
        f"{short_time(plan.latency_s)} of {short_time(app.latency_s)}, "
        f"accuracy {plan.accuracy:.3f} (target {app.accuracy:.3f}), "
        f"exit{'s' if len(exits) > 1 else ''} {', '.join(map(str, exits))}"
    )


def _draw_bars(axes: Any, instance: Instance, plan: Plan, colour: str, top: float) -> None:
    """Two bars: time by blocks and transfers within the target, energy by blocks and transfers."""
    app, steps = instance.apps[app_index(instance, plan.app)], steps_of(instance, plan)
    times = [(step.comm_s, step.compute_s) for step in steps]
    energies = [(step.comm_j, step.compute_j) for step in steps]
    tiers = [step.node.tier for step in steps]
    rows = (
        ("time", times, app.latency_s, f"{short_time(plan.latency_s)} of {short_time(app.latency_s)}"),
        ("energy", energies, plan.energy_j, millijoules(plan.energy_j)),
    )
    for i, (name, parts, full, words) in enumerate(rows):
        y, whole = top - _BAR_IN * i, max(full, sum(map(sum, parts)))
        scale = _LENGTH_IN / whole if whole > 0.0 else 0.0
        style = {"fontsize": 8.5, "va": "center", "color": INK}
        axes.text(_LEFT_IN - 0.08, y, f"{plan.app} {name}", ha="right", **style)
        axes.text(_LEFT_IN + _LENGTH_IN + 0.08, y, words, ha="left", **style)
        _draw_bar(axes, [(scale * sent, scale * run) for sent, run in parts], tiers, colour, (y, scale * full))


def _draw_bar(
    axes: Any, parts: list[tuple[float, float]], tiers: list[int], colour: str, line: tuple[float, float]
) -> None:
    """Parts [in] of transfer and computing in turn; ``line`` is the bar's middle and the frame's length."""
    rectangle = need("matplotlib.patches", "report").Rectangle
    (y, length), height, x = line, 0.7 * _BAR_IN, _LEFT_IN
    for block, ((sent, run), tier) in enumerate(zip(parts, tiers, strict=True), 1):
        hatched = {"facecolor": "white", "edgecolor": colour, "hatch": "//////", "linewidth": 0.0, "zorder": 2}
        axes.add_patch(rectangle((x, y - height / 2), sent, height, **hatched))
        x += sent
        solid = {"facecolor": colour, "alpha": _PALER[min(tier, 2)], "edgecolor": "white", "linewidth": 0.6}
        axes.add_patch(rectangle((x, y - height / 2), run, height, zorder=2, **solid))
        if run > 0.13:
            words = {"fontsize": 7.5, "color": "white" if tier < 2 else INK, "weight": "bold", "zorder": 3}
            axes.text(x + run / 2, y, str(block), ha="center", va="center_baseline", **words)
        x += run
    frame = {"facecolor": "none", "edgecolor": MUTED, "linewidth": 0.9, "zorder": 4}
    axes.add_patch(rectangle((_LEFT_IN, y - height / 2), length, height, **frame))
