"""The hardware world as a picture (``rgb_array``, ``human``); importing this module needs Matplotlib."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.collections import PolyCollection
from matplotlib.patches import Rectangle

from splitgym.show.board import Board
from splitgym.show.hardware.plane import Plane
from splitgym.show.hardware.story import EDGE, SERVER, STAGES, Last, Story, joules
from splitgym.show.palette import BLUE, FAINT, GREY, HOLLOW, INK, MUTED, ORANGE, PANEL, PURPLE, SKY
from splitgym.show.parts import RIGHT, VERDICT, backlog, big, blank, footer, lines, mark_row, time_axes, timeline
from splitgym.show.words import brief, milliseconds, percent

COLOUR: dict[str, str] = dict(zip(STAGES.values(), (GREY, PURPLE, BLUE, ORANGE, SKY), strict=True))
_STRIP_LEFT, _STRIP_RIGHT, _STRIP_BOTTOM, _STRIP_TOP, _BAR = 36, 924, 410, 522, 18  # pixels
_TABLE, _TIMES, _ENERGIES = 612, 826, RIGHT  # pixels: left edge, right edges of the columns


class Picture:
    """One environment on a board.

    Args:
        figure: an empty figure of the board's size.
        story: any story of the environment; what it never changes is drawn at once.
    """

    def __init__(self, figure: Any, story: Story) -> None:
        self.board = Board(figure)
        self.time = time_axes(self.board)
        self.plane = Plane(self.board, story)
        _backdrop(self.board, story)

    def draw(self, story: Story) -> None:
        """Replace what the board shows by ``story``."""
        board, last = self.board, story.last
        board.clear()
        board.write(RIGHT, 580, story.counter, size=11, ha="right", colour=MUTED)
        self.time.set_visible(last is not None)
        _machines(board, story)
        _strip(board, story)
        if last is None:
            blank(board, 322, 34, "no request served yet")
        else:
            _result(board, last)
            timeline(board, self.time, last.stages, ("threshold", last.threshold_s), last.end_s, last.mark, COLOUR)
            self.plane.mark(last)
        _table(board, last, story.server_weight)
        _status(board, story)


# -------------------------------------------------------------------- what never changes
def _backdrop(board: Board, story: Story) -> None:
    board.write(24, 580, story.title, size=12, weight="bold")
    board.box(24, 402, RIGHT - 24, 154, 8.0, facecolor=PANEL, edgecolor=FAINT)
    board.write(36, 539, EDGE.upper(), size=10, weight="bold")
    board.patch(Rectangle((36, 527), 40, 3, color=COLOUR[EDGE]))
    board.write(_STRIP_RIGHT, 539, SERVER.upper(), size=10, weight="bold", ha="right")
    board.patch(Rectangle((_STRIP_RIGHT - 40, 527), 40, 3, color=COLOUR[SERVER]))
    _names(board, story)
    for x, title in ((_TIMES, "time"), (_ENERGIES, "energy")):
        board.write(x, 288, title, size=10, weight="bold", ha="right")
    for i, stage in enumerate(STAGES.values()):
        board.patch(Rectangle((_TABLE, 261 - 19 * i), 10, 10, color=COLOUR[stage]))
        board.write(_TABLE + 18, 266 - 19 * i, stage)
    board.patch(Rectangle((_TABLE, 178), RIGHT - _TABLE, 1, color=FAINT))
    board.write(
        _TABLE + 18, 166, "charged" if story.server_weight == 1.0 else "charged (server in part)", weight="bold"
    )
    titles = [(24, "late"), (410, "energy saved"), (556, "switches"), (800, "next request")]
    footer(board, titles if story.backlog is None else [*titles, (666, "backlog")])


# -------------------------------------------------------------------- machines and layers
def _machines(board: Board, story: Story) -> None:
    """What the machines are set to, and where the network is split."""
    last = story.last
    if last is None:
        board.write(156, 539, story.in_force.edge, colour=MUTED)
        return
    c = last.configuration
    board.write(156, 539, c.edge, colour=MUTED)
    board.write(846, 539, c.server, colour=MUTED, ha="right")
    words = f"split layer {c.split} · {c.layer}"
    board.write(560, 539, words, size=10, weight="bold", ha="center")


def _names(board: Board, story: Story) -> None:
    """Names of the layers, which stay where they are; narrow cells have no room for one."""
    pitch = _pitch(story)
    board.patch(Rectangle((_STRIP_LEFT + _gap(pitch), _STRIP_BOTTOM), pitch - 2 * _gap(pitch), _BAR, color=FAINT))
    for i, name in enumerate(story.layers if pitch >= 15.0 else ()):
        x = _STRIP_LEFT + (i + 0.5) * pitch
        board.write(x, _STRIP_BOTTOM + _BAR + 5, brief(name, 16), size=7, ha="center", va="bottom", rotation=90)


def _strip(board: Board, story: Story) -> None:
    """The layers as cells: those on the edge device, those on the server; the input, layer 0, is nobody's work."""
    pitch, last = _pitch(story), story.last
    if last is None:
        _cells(board, pitch, range(1, len(story.layers)), HOLLOW)
        return
    split = last.configuration.split
    _cells(board, pitch, range(1, split + 1), COLOUR[EDGE])
    _cells(board, pitch, range(split + 1, len(story.layers)), COLOUR[SERVER])
    x = _STRIP_LEFT + (split + 1) * pitch
    board.patch(Rectangle((x - 1.5, _STRIP_BOTTOM - 4), 3, _STRIP_TOP - _STRIP_BOTTOM + 6, color=INK))


def _cells(board: Board, pitch: float, layers: range, colour: str) -> None:
    """Bars of one colour, and a tint of it over the names."""
    gap = _gap(pitch)
    for bottom, top, opacity in ((_STRIP_BOTTOM, _STRIP_BOTTOM + _BAR, 1.0), (_STRIP_BOTTOM + _BAR, _STRIP_TOP, 0.22)):
        sides = [(_STRIP_LEFT + i * pitch + gap, _STRIP_LEFT + (i + 1) * pitch - gap) for i in layers]
        corners = [[(x0, bottom), (x1, bottom), (x1, top), (x0, top)] for x0, x1 in sides]
        board.patch(PolyCollection(corners, facecolor=colour, alpha=opacity, linewidths=0))


def _pitch(story: Story) -> float:
    return (_STRIP_RIGHT - _STRIP_LEFT) / len(story.layers)


def _gap(pitch: float) -> float:
    return min(2.0, 0.1 * pitch)


# -------------------------------------------------------------------- the last request
def _result(board: Board, last: Last) -> None:
    board.write(24, 380, f"request {last.request + 1}", weight="bold", size=10)
    board.write(122, 380, last.verdict, weight="bold", size=10, colour=VERDICT[last.mark])
    board.write(RIGHT, 380, " · ".join((*last.remarks, f"reward {last.reward:+.3f}")), ha="right", colour=MUTED)


def _table(board: Board, last: Last | None, server_weight: float) -> None:
    """Time and energy of the stages; waiting and sending are part of the edge device's energy."""
    for i, stage in enumerate(STAGES.values()):
        time_s = 0.0 if last is None else dict(last.stages)[stage]
        energy_j = 0.0 if last is None else last.energy_j.get(stage, 0.0)
        for x, value, words in ((_TIMES, time_s, milliseconds(time_s)), (_ENERGIES, energy_j, joules(energy_j))):
            board.write(
                x, 266 - 19 * i, words if value > 0.0 else "–", ha="right", colour=INK if value > 0.0 else MUTED
            )
    if last is None:
        return
    board.write(_TIMES, 166, milliseconds(last.latency_s), ha="right", weight="bold")
    board.write(_ENERGIES, 166, joules(last.energy_j["charged"]), ha="right", weight="bold")
    ratio = last.saved_ratio
    board.write(_TABLE + 18, 147, "saved against cloud-only" if ratio >= 0.0 else "more than cloud-only")
    board.write(_ENERGIES, 147, percent(abs(ratio)), ha="right")
    if not math.isnan(last.accuracy):
        board.write(_TABLE + 18, 128, "accuracy")
        board.write(_ENERGIES, 128, f"{last.accuracy:.1%}", ha="right")


# -------------------------------------------------------------------- the episode so far
def _status(board: Board, story: Story) -> None:
    """Score, energy saved, switches, backlog and the request to come, along the lower edge."""
    late, saved, score = story.late_ratio, story.saved_ratio, story.score
    big(board, 24, "–" if late is None else percent(late))
    board.write(122, 54, story.tally, colour=MUTED)
    mark_row(board, score.marks)
    big(board, 410, "–" if saved is None else percent(saved))
    if saved is not None:
        board.write(410, 26, joules(score.saved_j), colour=MUTED)
    big(board, 556, "–" if late is None else str(score.switches))
    if story.backlog is not None:
        backlog(board, 666, story.backlog, COLOUR[EDGE])
    lines(board, 800, story.outlook)
