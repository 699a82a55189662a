"""All configurations of the hardware world in a plane of latency and energy; importing this module needs Matplotlib."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patches import Circle, Polygon, Rectangle

from splitgym.show.board import Board
from splitgym.show.hardware.story import EDGE, SERVER, Last, Story
from splitgym.show.palette import BLUE, FAINT, GREY, HOLLOW, INK, MUTED, SKY
from splitgym.show.parts import LEFT, VERDICT
from splitgym.worlds.hardware.table import MeasuredHardware

_RIGHT, _BOTTOM, _TOP = 566, 138, 252  # pixels
#: Who works: name; colour, area and opacity of the dots.
_PLACES = (
    (f"{SERVER} only", SKY, 14, 1.0),
    ("both", GREY, 7, 0.5),
    (f"{EDGE} only", BLUE, 14, 1.0),
)


class LogScale:
    """A logarithmic axis in pixels.

    Args:
        low, high: values to show; some room is left beyond them.
        begin, end: pixels of the axis.
    """

    def __init__(self, low: float, high: float, begin: float, end: float) -> None:
        room = (high / low) ** 0.04
        self.low, self.high, self.begin, self.end = low / room, high * room, begin, end
        self._per_log = (end - begin) / math.log(self.high / self.low)

    def at(self, value: float) -> float:
        """Pixel of a value; values beyond the axis stick to its ends."""
        return self.begin + self._per_log * math.log(min(max(value, self.low), self.high) / self.low)

    def ticks(self) -> list[float]:
        """Round values along the axis."""
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)))
        for steps in ((1, 2, 5), (1,)):
            ticks = [step * 10.0**e for e in decades for step in steps if self.low <= step * 10.0**e <= self.high]
            if len(ticks) <= 7:
                break
        return ticks


class Plane:
    """The plane of one environment, drawn once; :meth:`mark` marks a request in it.

    Args:
        board: what to draw on, not yet cleared.
        story: any story of the environment.
    """

    def __init__(self, board: Board, story: Story) -> None:
        self.board = board
        decisions, values = story.configurations()
        low, high = values.min(axis=0), values.max(axis=0)
        shortest_s, longest_s = story.threshold_range_s
        self.x = LogScale(min(low[0], shortest_s), max(high[0], longest_s), LEFT, _RIGHT)
        self.y = LogScale(low[1], high[1], _BOTTOM, _TOP)
        self._names = decisions.dtype.names or ()
        self._nominal = dict(zip(decisions.tolist(), map(tuple, values.tolist()), strict=True))
        measured = isinstance(story.scenario.hardware, MeasuredHardware)
        kind = "measured configurations, charged, mean" if measured else "valid configurations, charged, nominal"
        self._axes(len(decisions), kind)
        self._legend()
        self._dots(decisions["split"], values, len(story.layers) - 1)

    def _axes(self, count: int, kind: str) -> None:
        board = self.board
        board.write(24, 288, "energy by latency", weight="bold", size=10)
        board.write(172, 288, f"all {count} {kind}", colour=MUTED)
        board.patch(Rectangle((LEFT, _BOTTOM - 1), _RIGHT - LEFT, 1, color=FAINT))
        for value_s in self.x.ticks():
            board.patch(Rectangle((self.x.at(value_s), _BOTTOM), 1, _TOP - _BOTTOM, color=HOLLOW, zorder=0))
            board.write(self.x.at(value_s), _BOTTOM - 12, f"{1e3 * value_s:g} ms", size=8, colour=MUTED, ha="center")
        for value_j in self.y.ticks():
            board.patch(Rectangle((LEFT, self.y.at(value_j)), _RIGHT - LEFT, 1, color=HOLLOW, zorder=0))
            board.write(LEFT - 6, self.y.at(value_j), f"{value_j:g} J", size=8, colour=MUTED, ha="right")

    def _dots(self, split: np.ndarray, values: np.ndarray, last_split: int) -> None:
        place = np.where(split == 0, 0, np.where(split == last_split, 2, 1))
        x, y = (np.array([scale.at(v) for v in values[:, i]]) for i, scale in enumerate((self.x, self.y)))
        for number in (1, 0, 2):  # the many first, so that they do not cover the few
            here, (_, colour, size, alpha) = place == number, _PLACES[number]
            self.board.sheet.scatter(x[here], y[here], s=size, color=colour, alpha=alpha, linewidths=0, zorder=2)

    def _legend(self) -> None:
        """What dots, line, ring and point mean."""
        board, y, x = self.board, 268, LEFT + 4.0
        samples = [
            *((name, Circle((0, y), 3.5, color=colour)) for name, colour, *_ in _PLACES),
            ("threshold", Rectangle((0, y - 6), 2, 12, color=INK)),
            ("chosen", Circle((0, y), 5.5, facecolor="none", edgecolor=INK, linewidth=1.4)),
            ("as served", Circle((0, y), 4.0, color=MUTED)),
        ]
        for name, sample in samples:
            sample.set_x(x) if isinstance(sample, Rectangle) else sample.set_center((x, y))
            board.patch(sample)
            board.write(x + 9, y, name, size=8, colour=MUTED)
            x += 31 + 6.2 * len(name)

    def mark(self, last: Last) -> None:
        """Ring the chosen configuration, put a point where the request came out, and a line at its threshold."""
        board, colour = self.board, VERDICT[last.mark]
        x = self.x.at(last.threshold_s)
        board.patch(Rectangle((x - 1, _BOTTOM), 2, _TOP - _BOTTOM, color=INK))
        decision = last.configuration.decision
        chosen = self._nominal[tuple(decision[name] for name in self._names)]
        ring = self.x.at(chosen[0]), self.y.at(chosen[1])
        point = self.x.at(last.latency_s), self.y.at(last.energy_j["charged"])
        board.keep(board.sheet.add_collection(LineCollection([[ring, point]], colors=[INK], linewidths=1.0)))
        board.patch(Circle(ring, 8.0, facecolor="none", edgecolor=INK, linewidth=1.6, zorder=3))
        if last.latency_s > self.x.high:  # an arrow: further away than there is room
            tip = [(point[0] - 4, point[1] - 6), (point[0] + 8, point[1]), (point[0] - 4, point[1] + 6)]
            board.patch(Polygon(tip, color=colour, zorder=4))
        else:
            board.patch(Circle(point, 5.0, facecolor=colour, edgecolor="white", linewidth=1.2, zorder=4))
