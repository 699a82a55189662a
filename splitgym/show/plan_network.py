"""The network of a placement on a sheet: tiers, nodes, arcs, and the paths of plans.

The sheet's unit is the inch, so that what is drawn keeps its size whatever the network's.  Needs the extra ``report``.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

from splitgym.extras import need
from splitgym.placement.instance import Instance, Node
from splitgym.placement.plan import Plan, app_index
from splitgym.placement.steps import Step, steps_of
from splitgym.show.palette import FAINT, GREY, HOLLOW, INK, MUTED, SERIES
from splitgym.show.words import brief, megabits, millijoules

TIERS = ("mobile", "edge", "cloud")
#: Columns above these numbers of nodes are staggered, and name only the nodes of a plan.
_MOST_STRAIGHT, _MOST_NAMED = 12, 36
_DOT_IN, _PILL_IN, _SPOT_IN = 0.18, 0.25, 0.05
#: Above so many arcs they would cover the sheet.
_MOST_ARCS = 1000
#: From the sheet's edge to the outer columns: room for names and sources.
_SIDE_IN = 1.45
#: Up to so many plans run beside one another where they take the same arc, so far apart.
_MOST_LANES, _LANE_IN = 4, -0.075
#: Mean width and height of a character of one point [in].
_CHARACTER_IN, _LINE_IN = 0.0078, 0.018


@dataclasses.dataclass
class Sheet:
    """Where everything is [in], and which rectangles are taken by words and blocks."""

    axes: Any
    place: dict[str, tuple[float, float]]
    width: dict[str, float]
    column: dict[str, int]
    taken: list[tuple[float, float, float, float]]


def draw_network(
    axes: Any, instance: Instance, columns: list[list[Node]], plans: Sequence[Plan], box: tuple[float, float, float]
) -> None:
    """Draw a network and plans on it.

    Args:
        axes: in inches.
        instance: the problem.
        columns: nodes of every tier.
        plans: one for each of some applications, in the order of :data:`SERIES`.
        box: width, lower edge and height of the drawing [in].
    """
    sheet = _sheet(axes, instance, columns, plans, box)
    _draw_arcs(sheet, instance, plans)
    _draw_nodes(sheet, instance, columns, plans)
    for i, plan in enumerate(plans):
        shift = _LANE_IN * (i - (len(plans) - 1) / 2) if len(plans) <= _MOST_LANES else 0.0
        _draw_source(sheet, instance, plan, SERIES[i % len(SERIES)], shift)
        for step in steps_of(instance, plan):
            if step.arc is not None:
                _draw_transfer(sheet, step, SERIES[i % len(SERIES)], shift)


def _sheet(
    axes: Any, instance: Instance, columns: list[list[Node]], plans: Sequence[Plan], box: tuple[float, float, float]
) -> Sheet:
    width_in, low, body = box
    inner, place, column_of = width_in - 2 * _SIDE_IN, {}, {}
    for c, column in enumerate(columns):
        x = _SIDE_IN + (inner * c / (len(columns) - 1) if len(columns) > 1 else inner / 2)
        tier = column[0].tier
        name = TIERS[tier] if tier < len(TIERS) else f"tier {tier}"
        axes.text(x, low + body - 0.12, name, fontsize=9.5, color=INK, ha="center", va="center", weight="bold")
        step = (body - 0.4) / len(column)
        for i, node in enumerate(column):
            shift = 0.0 if len(column) <= _MOST_STRAIGHT else (0.3 if i % 2 else -0.3)
            place[node.id], column_of[node.id] = (x + shift, low + body - 0.35 - step * (i + 0.5)), c
    dots = dict.fromkeys(place, 0)
    for name in itertools.chain(*(plan.placement for plan in plans)):
        dots[name] += 1
    sources = {instance.apps[app_index(instance, plan.app)].source for plan in plans}
    width = {n: _name_in(n) + 0.04 + _DOT_IN * k if k or n in sources else 2 * _SPOT_IN for n, k in dots.items()}
    return Sheet(axes, place, width, column_of, [])


def _name_in(name: str) -> float:
    """Room for a name in a pill [in]."""
    return 0.14 + 0.078 * len(brief(name, 10))


def _draw_arcs(sheet: Sheet, instance: Instance, plans: Sequence[Plan]) -> None:
    """All arcs, faintly, of very many those of the nodes of plans; those within a column bulge to the right."""
    used = {name for plan in plans for name in plan.placement}
    arcs = [arc for arc in instance.arcs if len(instance.arcs) <= _MOST_ARCS or {arc.from_node, arc.to_node} & used]
    path = need("matplotlib.path", "report").Path
    patch = need("matplotlib.patches", "report").PathPatch
    faint = {"edgecolor": FAINT, "facecolor": "none", "linewidth": 0.7 if len(arcs) < 150 else 0.4}
    for arc in arcs:
        ends = sheet.place[arc.from_node], sheet.place[arc.to_node]
        bend = _bend(sheet, arc.from_node, arc.to_node)
        middle = ((ends[0][0] + ends[1][0]) / 2 + bend[0], (ends[0][1] + ends[1][1]) / 2 + bend[1])
        curve = path([ends[0], middle, ends[1]], [path.MOVETO, path.CURVE3, path.CURVE3])
        sheet.axes.add_patch(patch(curve, zorder=1, **faint))


def _bend(sheet: Sheet, tail: str, head: str) -> tuple[float, float]:
    """From the middle of the straight line to the control point of the curve [in]: around the columns between."""
    (x0, y0), (x1, y1) = sheet.place[tail], sheet.place[head]
    skipped = abs(sheet.column[tail] - sheet.column[head])
    if skipped == 0:
        return 0.3 + 0.25 * min(abs(y0 - y1), 4.0), 0.0
    near = any(abs(y - (y0 + y1) / 2) < _PILL_IN and min(x0, x1) < x < max(x0, x1) for x, y in sheet.place.values())
    return 0.0, (0.0 if skipped == 1 or not near else 3.0 * _PILL_IN)


def _draw_nodes(sheet: Sheet, instance: Instance, columns: list[list[Node]], plans: Sequence[Plan]) -> None:
    circle = need("matplotlib.patches", "report").Circle
    blocks: dict[str, list[tuple[int, str]]] = {}
    for i, plan in enumerate(plans):
        blocks.setdefault(instance.apps[app_index(instance, plan.app)].source, [])
        for b, name in enumerate(plan.placement, 1):
            blocks.setdefault(name, []).append((b, SERIES[i % len(SERIES)]))
    for column in columns:
        for node in column:
            x, y = sheet.place[node.id]
            if node.id in blocks:
                _draw_pill(sheet, node.id, blocks[node.id])
            else:
                style = {"facecolor": HOLLOW, "edgecolor": GREY, "linewidth": 0.8, "zorder": 3}
                sheet.axes.add_patch(circle((x, y), _SPOT_IN, **style))
                if len(column) <= _MOST_NAMED:
                    side = -1.0 if len(columns) > 1 and column is columns[0] else 1.0
                    words = {"fontsize": 6.5, "color": MUTED, "va": "center", "ha": "left" if side > 0 else "right"}
                    sheet.axes.text(x + side * (_SPOT_IN + 0.06), y, brief(node.id, 18), zorder=4, **words)


def _draw_pill(sheet: Sheet, name: str, dots: list[tuple[int, str]]) -> None:
    """A node of a plan: its name, and its blocks as numbered dots."""
    patches = need("matplotlib.patches", "report")
    (x, y), width = sheet.place[name], sheet.width[name]
    low = (x - width / 2, y - _PILL_IN / 2)
    style = {"facecolor": "white", "edgecolor": INK, "linewidth": 1.0, "zorder": 6}
    shape = f"round,pad=0,rounding_size={_PILL_IN / 2 - 0.001}"
    sheet.axes.add_patch(patches.FancyBboxPatch(low, width, _PILL_IN, boxstyle=shape, **style))
    sheet.taken.append((low[0], low[1], low[0] + width, low[1] + _PILL_IN))
    sheet.axes.text(low[0] + 0.08, y, brief(name, 10), fontsize=8, color=INK, va="center_baseline", zorder=8)
    for i, (block, colour) in enumerate(dots):
        at = (low[0] + _name_in(name) + _DOT_IN * (i + 0.5), y)
        sheet.axes.add_patch(patches.Circle(at, 0.078, facecolor=colour, edgecolor="none", zorder=7))
        size = 7.5 if block < 10 else 6
        words = {"color": "white", "ha": "center", "va": "center_baseline", "weight": "bold", "zorder": 8}
        sheet.axes.text(*at, str(block), fontsize=size, **words)


def _draw_source(sheet: Sheet, instance: Instance, plan: Plan, colour: str, shift: float) -> None:
    """An arrow with the application's name into the node at which its input arises."""
    name = instance.apps[app_index(instance, plan.app)].source
    x, y = sheet.place[name]
    tip = x - sheet.width[name] / 2
    arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0}
    words = {"fontsize": 8, "color": colour, "ha": "right", "va": "center", "weight": "bold", "zorder": 6}
    start = (tip - 0.4, y + 1.6 * shift)  # further apart than the arrows' tips, for the words
    sheet.axes.annotate(brief(plan.app, 10), (tip, y + shift), xytext=start, arrowprops=arrow, **words)


def _draw_transfer(sheet: Sheet, step: Step, colour: str, shift: float) -> None:
    """A thick arrow along the arc of a step, with what is sent and what it costs."""
    assert step.arc is not None
    tail, head = step.arc.from_node, step.arc.to_node
    (x0, y0), (x1, y1) = sheet.place[tail], sheet.place[head]
    right, up = _bend(sheet, tail, head)
    y0, y1 = y0 + shift, y1 + shift
    side = 1.0 if x1 > x0 else -1.0
    x0 += (1.0 if right else side) * sheet.width[tail] / 2
    x1 += (1.0 if right else -side) * sheet.width[head] / 2
    control = (max(x0, x1) + right if right else (x0 + x1) / 2, (y0 + y1) / 2 + up)
    path = need("matplotlib.path", "report").Path
    curve = path([(x0, y0), control, (x1, y1)], [path.MOVETO, path.CURVE3, path.CURVE3])
    style = {"arrowstyle": "-|>", "mutation_scale": 11, "linewidth": 2.0, "color": colour, "zorder": 5, "shrinkB": 0}
    sheet.axes.add_patch(need("matplotlib.patches", "report").FancyArrowPatch(path=curve, **style))
    if not (step.sent_bit or step.comm_s or step.comm_j):
        return
    words = f"{megabits(step.sent_bit)}\n{short_time(step.comm_s)}, {millijoules(step.comm_j)}"
    points = [_on_curve((x0, y0), control, (x1, y1), share) for share in (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74)]
    _label(sheet, words, [(x + 0.05 if right else x, y) for x, y in points], "left" if right else "center", colour)


def _on_curve(
    start: tuple[float, float], control: tuple[float, float], end: tuple[float, float], share: float
) -> tuple[float, float]:
    weights = ((1 - share) ** 2, 2 * share * (1 - share), share**2)
    x, y = (sum(w * p[k] for w, p in zip(weights, (start, control, end), strict=True)) for k in (0, 1))
    return x, y


def short_time(time_s: float) -> str:
    """Three digits, in ms or µs."""
    return f"{1e3 * time_s:.3g} ms" if time_s >= 1e-4 or time_s == 0.0 else f"{1e6 * time_s:.3g} µs"


def _label(sheet: Sheet, words: str, points: list[tuple[float, float]], align: str, colour: str) -> None:
    """Words at the first of some points, or near them, where they cover no block and no words; else at the first."""
    lines, size = words.split("\n"), 7.0
    width, height = size * _CHARACTER_IN * max(map(len, lines)), size * _LINE_IN * len(lines)

    most = sheet.axes.get_xlim()[1] - 0.1 - (width if align == "left" else width / 2)
    points = [(min(x, most), y + lift * height) for lift in (0.0, 1.1, -1.1, 2.2) for x, y in points]

    def box(point: tuple[float, float]) -> tuple[float, float, float, float]:
        left = point[0] if align == "left" else point[0] - width / 2
        return left, point[1] - height / 2, left + width, point[1] + height / 2

    free = (point for point in points if not any(_overlap(box(point), other) for other in sheet.taken))
    point = next(free, points[0])
    sheet.taken.append(box(point))
    frame = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.95}
    sheet.axes.text(
        *point, words, fontsize=size, color=colour, ha=align, va="center", bbox=frame, zorder=9, linespacing=1.15
    )


def _overlap(one: tuple[float, float, float, float], two: tuple[float, float, float, float]) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]
