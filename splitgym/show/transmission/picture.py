"""The transmission world as a picture (``rgb_array``, ``human``); importing this module needs Matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from splitgym.show.board import FONT, Board, plain
from splitgym.show.palette import (
    BLUE,
    FAINT,
    GREEN,
    HOLLOW,
    INK,
    MUTED,
    ORANGE,
    PALE_BLUE,
    PALE_ORANGE,
    PALE_PURPLE,
    PANEL,
    PURPLE,
    VERMILION,
)
from splitgym.show.parts import LEFT, RIGHT, big, footer, gain_line, in_ms, power_bars
from splitgym.show.transmission.story import Story
from splitgym.show.words import megabits, millijoules, percent

SENT, DOUBT, DEBT = ORANGE, PURPLE, BLUE
_SPLIT, _MIDDLE = 596, 534  # pixels: left edge of the right plots, right edge of the left ones
_UPPER, _LOWER, _HEIGHT = 318, 140, 108  # pixels: lower edges of the plots, and their height
_BAND = (24, 478, RIGHT - 24, 76)  # pixels: what has arrived
_CELLS = 128  # at most so many are drawn


class Picture:
    """One environment on a board.

    Args:
        figure: an empty figure of the board's size.
        story: any story of the environment; what it never changes is drawn at once.
    """

    def __init__(self, figure: Any, story: Story) -> None:
        self.board = Board(figure)
        wide, narrow = _MIDDLE - LEFT, RIGHT - 16 - _SPLIT - 30
        self.power = self.board.axes(LEFT, _UPPER, wide, _HEIGHT)
        self.gain: Any = self.power.twinx()
        plain(self.gain)
        self.queue = self.board.axes(LEFT, _LOWER, wide, _HEIGHT)
        self.ratio = self.board.axes(_SPLIT + 46, _UPPER, narrow, _HEIGHT)
        self.doubt = self.board.axes(_SPLIT + 46, _LOWER, narrow, _HEIGHT)
        for axes in (self.power, self.queue, self.ratio, self.doubt):
            in_ms(axes)
        for axes in (self.ratio, self.doubt):
            axes.set(ylim=(0, 1.06), yticks=[0, 0.5, 1.0])
        self.ratio.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:.0%}"))
        _backdrop(self.board, story)

    def draw(self, story: Story) -> None:
        """Replace what the board shows by ``story``."""
        board = self.board
        board.clear()
        board.write(RIGHT, 580, story.counter, size=11, ha="right", colour=MUTED)
        begin_ms = 1e3 * story.slot_s * (story.first + np.arange(story.count + 1))
        margin_ms = 0.01 * (begin_ms[-1] - begin_ms[0])
        for axes, ticks in ((self.power, 6), (self.queue, 6), (self.ratio, 4), (self.doubt, 4)):
            axes.set_xlim(begin_ms[0] - margin_ms, begin_ms[-1] + margin_ms)
            axes.xaxis.set_major_locator(MaxNLocator(ticks))
            _now(board, axes, begin_ms, story)
        _arrived(board, story)
        _powers(self, story, begin_ms)
        _queue(self, story, begin_ms)
        _features(self, story, begin_ms)
        _doubts(self, story, begin_ms)
        _status(board, story)


# -------------------------------------------------------------------- what never changes
def _backdrop(board: Board, story: Story) -> None:
    board.write(24, 580, story.title, size=12, weight="bold")
    x, y, width, height = _BAND
    board.box(x, y, width, height, 8.0, facecolor=PANEL, edgecolor=FAINT)
    board.write(x + 12, y + 58, "DEVICE", size=10, weight="bold")
    board.patch(Rectangle((x + 12, y + 46), 40, 3, color=DEBT))
    board.write(x + width - 12, y + 58, "SERVER", size=10, weight="bold", ha="right")
    board.patch(Rectangle((x + width - 52, y + 46), 40, 3, color=DOUBT))
    up, low = _UPPER + _HEIGHT + 22, _LOWER + _HEIGHT + 22
    for x, y, words, colour in (
        (LEFT, up, "slot power [mW]", SENT),
        (_SPLIT + 16, up, "features delivered", SENT),
        (LEFT, low, "tracking queue [W]", DEBT),
        (_SPLIT + 16, low, "uncertainty", DOUBT),
    ):
        board.write(x, y, words, weight="bold")
        board.patch(Rectangle((x, y - 11), 40, 3, color=colour))
    board.write(_MIDDLE + 30, up, "channel gain [dB]", weight="bold", ha="right")
    board.patch(Rectangle((_MIDDLE - 10, up - 11), 40, 2, color=INK))
    footer(board, ((24, "slots left"), (170, "coming slot"), (366, "radio energy"), (668, "answer")))


# -------------------------------------------------------------------- what has arrived
def _arrived(board: Board, story: Story) -> None:
    """The channels of the feature tensor, in the order in which they are sent; those that have arrived are filled."""
    x, y, width, _ = _BAND
    count = min(story.channels, _CELLS)
    left, right = x + 12, x + width - 12
    pitch = (right - left) / count
    gap = min(1.5, 0.12 * pitch)
    filled = int(story.feature_ratio * count + 1e-9)
    for colour, cells in ((SENT, range(filled)), (HOLLOW, range(filled, count))):
        corners = [
            [(left + i * pitch + gap, y + 10), (left + (i + 1) * pitch - gap, y + 10),
             (left + (i + 1) * pitch - gap, y + 36), (left + i * pitch + gap, y + 36)]
            for i in cells
        ]  # fmt: skip
        board.patch(PolyCollection(corners, facecolor=colour, linewidths=0))
    arrived = round(story.feature_ratio * story.channels)
    words = f"{arrived} of {story.channels} channels of {story.cut} · {megabits(story.bits)}"
    board.write(x + width / 2, y + 58, words, size=10, ha="center")
    if story.turn is not None and story.turn > 0.0:
        at = left + story.turn * (right - left)
        board.patch(Rectangle((at - 1, y + 6), 2, 36, color=INK))


# -------------------------------------------------------------------- slot by slot
def _now(board: Board, axes: Any, begin_ms: np.ndarray, story: Story) -> None:
    """A shade over the slots that have not been sent."""
    if story.used < story.count:
        board.keep(axes.axvspan(begin_ms[story.used], begin_ms[-1], facecolor=PANEL, edgecolor="none", zorder=0))


def _powers(picture: Picture, story: Story, begin_ms: np.ndarray) -> None:
    board, used, up = picture.board, len(story.slots), _UPPER + _HEIGHT + 22
    reference_mw, step_ms = 1e3 * story.reference_w, 1e3 * story.slot_s
    board.write(LEFT + 132, up, f"reference {reference_mw:.3g}", colour=MUTED)
    power_bars(board, picture.power, begin_ms[:used], step_ms, 1e3 * story.slots[:, 2], reference_mw, SENT)
    picture.power.set_ylim(0, 1.08e3 * story.power_max_w)
    gains_db = story.gains_db
    picture.gain.set_visible(len(gains_db) > 0)
    if len(gains_db):
        at_ms = begin_ms[: len(gains_db)] + 0.5 * step_ms
        gain_line(board, picture.gain, at_ms, gains_db)
        if not story.over:
            board.keep(picture.gain.plot(at_ms[-1:], gains_db[-1:], marker="o", markersize=6, color=INK)[0])


def _queue(picture: Picture, story: Story, begin_ms: np.ndarray) -> None:
    board, axes, queue_w = picture.board, picture.queue, story.slots[:, 6]
    board.write(_MIDDLE, _LOWER + _HEIGHT + 22, f"{story.queue_w:.3f} now", ha="right", colour=MUTED)
    axes.set_ylim(0, 1.12 * max(queue_w.max(initial=0.0), 0.25 * story.power_max_w))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    _stairs(board, axes, queue_w, begin_ms, DEBT, PALE_BLUE)


def _features(picture: Picture, story: Story, begin_ms: np.ndarray) -> None:
    board = picture.board
    board.write(RIGHT, _UPPER + _HEIGHT + 22, percent(story.feature_ratio), ha="right", colour=MUTED)
    _stairs(board, picture.ratio, story.slots[:, 3], begin_ms, SENT, PALE_ORANGE)
    if story.turn is not None and story.turn > 0.0:
        board.keep(picture.ratio.axhline(story.turn, color=INK, linewidth=1.2, linestyle=":"))
        below, early = story.turn > 0.8, story.turn < 0.3  # the curve begins low on the left
        place = {"va": "top" if below else "bottom", "ha": "right" if early else "left"}
        y = story.turn + (-0.03 if below else 0.03)
        words = picture.ratio.text(begin_ms[-1 if early else 0], y, "right from here", fontsize=8, family=FONT, **place)
        board.keep(words)


def _doubts(picture: Picture, story: Story, begin_ms: np.ndarray) -> None:
    board, beliefs, low = picture.board, story.predictions, _LOWER + _HEIGHT + 22
    if not story.watched:
        board.write(RIGHT, low, "not predicted", ha="right", colour=MUTED)
        return
    known = f"{beliefs[-1] if len(beliefs) else 1.0:.2f} {'at the end' if story.over else 'known'}"
    board.write(RIGHT, low, f"{known} · stop at {story.threshold:.2f}", ha="right", colour=MUTED)
    _stairs(board, picture.doubt, beliefs, begin_ms, DOUBT, PALE_PURPLE)
    board.keep(picture.doubt.axhline(story.threshold, color=MUTED, linewidth=1, linestyle="--"))


def _stairs(board: Board, axes: Any, values: np.ndarray, begin_ms: np.ndarray, colour: str, tint: str) -> None:
    """A curve over the slots, filled to the base line."""
    if len(values):
        edges_ms = begin_ms[: len(values) + 1]
        board.keep(axes.stairs(values, edges_ms, fill=True, color=tint))
        board.keep(axes.stairs(values, edges_ms, color=colour, linewidth=1.8, baseline=None))


# -------------------------------------------------------------------- the numbers of the moment
def _status(board: Board, story: Story) -> None:
    """Slots left, the coming channel, energy and the answer, along the lower edge."""
    big(board, 24, str(story.left))
    board.write(24, 26, story.ending or f"{story.left * story.slot_s * 1e3:.0f} ms", colour=MUTED)
    if story.over:
        board.write(170, 54, "–", size=20, weight="bold")
    else:
        level, fade = story.channel.split(", ")
        big(board, 170, level)
        board.write(170, 26, fade, colour=MUTED)
    _energy(board, story)
    colour = INK if not story.over else GREEN if story.correct else VERMILION
    sign = "" if not story.over else "✓ " if story.correct else "✗ "
    board.write(668, 54, sign + story.verdict, size=13, weight="bold", colour=colour)
    board.write(668, 26, story.reason, colour=MUTED)


def _energy(board: Board, story: Story) -> None:
    """A bar of the energy spent; its end is what the reference power would spend in all slots."""
    width, share = 160.0, story.energy_j / story.allowed_j
    big(board, 366, millijoules(story.energy_j))
    board.box(366, 22, width, 12, facecolor=HOLLOW, edgecolor="none")
    if share > 0.0:
        colour = SENT if share <= 1.0 + 1e-9 else VERMILION
        board.box(366, 22, max(min(share, 1.0) * width, 2.0), 12, facecolor=colour, edgecolor="none")
    board.write(366 + width + 8, 28, f"{share:.0%} of reference", size=8, colour=MUTED)
