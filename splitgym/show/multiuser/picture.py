"""The multi-user world as a picture (``rgb_array``, ``human``); importing this module needs Matplotlib."""

from __future__ import annotations

from typing import Any

from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter

from splitgym.show.board import Board
from splitgym.show.multiuser.facts import FATE, IDLE
from splitgym.show.multiuser.rows import BOTTOM, COLOUR, FATE_COLOUR, TIME, TIME_END, Box, Rows, rectangles
from splitgym.show.multiuser.story import Story, fit
from splitgym.show.palette import FAINT, GREY, INK, MUTED, PALE_ORANGE
from splitgym.show.parts import LEFT, RIGHT, big, blank, footer, lines
from splitgym.show.words import milliseconds, percent

_BAND_Y, _BAND = 486, 46  # pixels, of the band
_EDGE_WORDS = 554  # left edge
_DIGIT, _NARROW = 8.0, 5.0  # pixels: a digit of a label in the band with its gap; shares that get none


class Picture:
    """One environment on a board.

    Args:
        figure: an empty figure of the board's size.
        story: any story of the environment; what it never changes is drawn at once.
    """

    def __init__(self, figure: Any, story: Story) -> None:
        self.board = Board(figure)
        self.band = self.board.axes(LEFT, _BAND_Y - 4, RIGHT - LEFT, _BAND)
        self.band.set(xlim=(0, story.bandwidth_hz / 1e6), yticks=[])
        self.band.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g} MHz"))
        _backdrop(self.board, story)
        self.rows = Rows(self.board, story)

    def draw(self, story: Story) -> None:
        """Replace what the board shows by ``story``."""
        board = self.board
        board.clear()
        board.write(RIGHT, 580, story.counter, size=11, ha="right", colour=MUTED)
        board.write(RIGHT, 557, story.band_words, ha="right", colour=MUTED)
        shared = any(device.served for device in story.devices)
        self.band.set_visible(shared)
        if shared:
            _band(board, story)
        else:
            blank(board, _BAND_Y - 12, _BAND + 12, story.band_words)
        self.rows.draw(story)
        if story.workers:
            _edge(board, story)
        _result(board, story)
        _status(board, story)


# -------------------------------------------------------------------- what never changes
def _backdrop(board: Board, story: Story) -> None:
    board.write(24, 580, story.title, size=12, weight="bold")
    board.write(24, 557, "BAND", size=10, weight="bold")
    for x, words, colour in ((78, "in use", COLOUR["uplink"]), (142, "allotted", PALE_ORANGE)):
        board.patch(Rectangle((x, 552), 10, 10, color=colour))
        board.write(x + 15, 557, words, size=8.5, colour=MUTED)
    board.patch(Rectangle((214, 556), 12, 2, color=INK))
    board.write(231, 557, "deadline", size=8.5, colour=MUTED)
    footer(board, ((24, "correct answers"), (400, "energy"), (530, "reward"), (662, "next frame")))


# -------------------------------------------------------------------- the band
def _band(board: Board, story: Story) -> None:
    """The band from left to right, cut into shares, the frame from top to bottom: who sent where and when."""
    width, height = RIGHT - LEFT, _BAND / story.length_s  # pixels per band and per s
    allotted, used, limits, x, labelled = [], [], [], float(LEFT), 0.0
    top = _BAND_Y + _BAND
    board.write(LEFT - 6, top - 6, "0 ms", size=8, colour=MUTED, ha="right")
    board.write(LEFT - 6, _BAND_Y + 5, milliseconds(story.length_s), size=8, colour=MUTED, ha="right")
    for device in story.devices:
        served = device.served
        if served is None or served.share == 0.0:
            continue
        right = x + served.share * width
        gap = min(1.5, 0.12 * (right - x))
        left, end = x + gap, right - gap
        allotted.append((left, _BAND_Y, end, top))
        if served.sent:
            begin_s, end_s = served.uplink_s
            used.append((left, top - end_s * height, end, top - begin_s * height))
        limit = top - served.deadline_s * height
        limits.append((left, limit - 1, end, limit + 1))
        half = 0.5 * _DIGIT * len(str(device.number))
        if right - x > _NARROW and (x + right) / 2 - half > labelled:
            labelled = (x + right) / 2 + half
            board.write((x + right) / 2, top + 7, str(device.number), size=7.5, ha="center")
        x = right
    rectangles(board, allotted, PALE_ORANGE)
    rectangles(board, used, COLOUR["uplink"])
    rectangles(board, limits, INK)


# -------------------------------------------------------------------- the edge
def _edge(board: Board, story: Story) -> None:
    """Tails in service over time and, above them, those that wait."""
    board.write(24, BOTTOM + 25, "EDGE", size=10, weight="bold")
    board.write(24, BOTTOM + 8, f"{story.workers} tail{'' if story.workers == 1 else 's'} at once", colour=MUTED)
    if story.last is None:
        return
    scale = (TIME_END - TIME) / story.length_s  # pixels per s
    instants = sorted({t for tail in story.tails for t in (tail.at_s, tail.begin_s, tail.end_s)})
    busy = [sum(t.begun and t.begin_s <= a < t.end_s for t in story.tails) for a in instants]
    waiting = [sum(t.at_s <= a < t.begin_s for t in story.tails) for a in instants]
    unit = 34.0 / max([story.workers, *(b + w for b, w in zip(busy, waiting, strict=True))])
    boxes: tuple[list[Box], list[Box]] = ([], [])
    for i in range(len(instants) - 1):
        left, right = (TIME + instants[j] * scale for j in (i, i + 1))
        level = BOTTOM + busy[i] * unit
        boxes[0].append((left, BOTTOM, right, level))
        boxes[1].append((left, level, right, level + waiting[i] * unit))
    rectangles(board, boxes[0], COLOUR["edge"])
    rectangles(board, boxes[1], COLOUR["wait"])
    board.patch(Rectangle((TIME, BOTTOM + story.workers * unit), TIME_END - TIME, 1, color=MUTED))
    for y, words in ((29, story.arrivals), (11, story.waits)):
        board.write(_EDGE_WORDS, BOTTOM + y, fit(words, 52), size=8.5)


# -------------------------------------------------------------------- the last frame
def _result(board: Board, story: Story) -> None:
    """How many devices had which fate; the colours of the answers."""
    if story.last is None:
        return
    fates = story.fates
    board.write(24, 115, f"frame {story.last + 1}", size=10, weight="bold")
    for i, (fate, words) in enumerate(FATE.items()):
        x = TIME + 90 * i
        edge = GREY if fate == IDLE else FATE_COLOUR[fate]
        board.patch(Rectangle((x, 110), 10, 10, facecolor=FATE_COLOUR[fate], edgecolor=edge, linewidth=0.8))
        board.write(x + 16, 115, f"{fates[fate]} {words}", colour=INK if fates[fate] else MUTED)


# -------------------------------------------------------------------- the episode so far
def _status(board: Board, story: Story) -> None:
    """Correct answers, energy, reward and what comes next, along the lower edge."""
    accuracy, energy = story.accuracy, story.energy_ratio
    big(board, 24, "–" if accuracy is None else f"{accuracy:.0%}")
    board.write(122, 54, story.tally, colour=MUTED)
    _frames(board, story)
    big(board, 400, "–" if energy is None else percent(energy) if energy < 100.0 else ">9999%")
    board.write(400, 26, "of the budget so far", size=8, colour=MUTED)
    big(board, 530, "–" if story.last is None else _reward(story.reward))
    if story.last is not None:
        board.write(530, 26, f"of frame {story.last + 1}", size=8, colour=MUTED)
    lines(board, 662, story.outlook)


def _reward(reward: float) -> str:
    """A reward in at most six characters."""
    return f"{reward:+.2f}" if abs(reward) < 99.995 else f"{reward:+.0f}" if abs(reward) < 99_999 else f"{reward:+.0e}"


def _frames(board: Board, story: Story) -> None:
    """The last frames as stacked bars: correct, wrong, late."""
    for i, count in enumerate(story.score.frames):
        x, y = 24 + 8.6 * i, 14.0
        for number, colour in zip(count, FATE_COLOUR.values(), strict=False):
            if number:
                height = 22.0 * number / count.tasks
                board.patch(Rectangle((x, y), 6.4, height, color=colour, linewidth=0))
                y += height
        if not count.tasks:
            board.patch(Rectangle((x, y), 6.4, 2, color=FAINT))
