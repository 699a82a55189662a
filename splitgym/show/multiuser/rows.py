"""The devices of the multi-user world as rows of a picture, and the edge below them; needs Matplotlib."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from splitgym.show.board import Board
from splitgym.show.multiuser.facts import CORRECT, FATE, IDLE, LATE, STAGES, WRONG, Device, Served
from splitgym.show.multiuser.story import Story
from splitgym.show.palette import (
    BLUE,
    DARK_GREY,
    FAINT,
    GREEN,
    GREY,
    HOLLOW,
    INK,
    MUTED,
    ORANGE,
    PALE_ORANGE,
    PANEL,
    PURPLE,
    VERMILION,
)
from splitgym.show.parts import RIGHT, in_ms
from splitgym.show.words import milliseconds

COLOUR: dict[str, str] = dict(zip(STAGES, (BLUE, ORANGE, GREY, PURPLE), strict=True))
FATE_COLOUR: dict[str, str] = {CORRECT: GREEN, WRONG: VERMILION, LATE: DARK_GREY, IDLE: HOLLOW}

_TOP, BOTTOM, _EDGE = 440, 156, 58  # pixels: of the rows, and what the edge takes of them
TIME, TIME_END = 200, 520  # pixels, of the timelines
_NUMBER, _CUT, _CLOCK, _POWER = 44, 54, 132, 188  # left edge of the cut, right edges of the others
_SENT, _ANSWER, _DEBT, _DEBT_END, _DEBT_WORDS, _GAIN, _DEADLINE = 574, 586, 728, 782, 808, 866, RIGHT
_WORDS_PITCH = 12.0  # pixels, of rows with words
Box = tuple[float, float, float, float]  # left, bottom, right, top


def rectangles(board: Board, boxes: Sequence[Box], colour: str) -> None:
    """Many rectangles of one colour."""
    if boxes:
        corners = [[(x0, y0), (x1, y0), (x1, y1), (x0, y1)] for x0, y0, x1, y1 in boxes]
        board.patch(PolyCollection(corners, facecolor=colour, linewidths=0))


class Rows:
    """Rows of all devices on a board: words where there is room for them, else bars.

    Args:
        board: where to draw.
        story: any story of the environment; what it never changes is drawn at once.
    """

    def __init__(self, board: Board, story: Story) -> None:
        self.board, n = board, len(story.devices)
        self.bottom = BOTTOM + (_EDGE if story.workers else 0)
        self.pitch = (_TOP - self.bottom) / n
        self.half = min(0.36 * self.pitch, 90.0) if self.pitch > 8.0 else 0.45 * self.pitch
        self.size = 9.0 if self.pitch >= 17.0 else 8.0 if self.pitch >= 14.0 else 7.0
        self.slot_s = story.slot_s
        self.scale = (TIME_END - TIME) / story.length_s  # pixels per s
        self.words, self.curves = self.pitch >= _WORDS_PITCH, self.pitch >= 20.0
        self.axes = board.axes(TIME, BOTTOM - 4, TIME_END - TIME, 30)
        self.axes.set(xlim=(0, 1e3 * story.length_s), yticks=[])
        in_ms(self.axes)
        _head(board)
        if self.curves:
            board.patch(Rectangle((_SENT - 46, _TOP + 11), 12, 1.5, color=INK))
        self._numbers(n)

    def y(self, number: int) -> float:
        """Middle of a device's row."""
        return _TOP - (number + 0.5) * self.pitch

    def _numbers(self, n: int) -> None:
        """Stripes and numbers; of narrow rows every second, fifth, ... has one."""
        every = next(k for k in (1, 2, 5, 10, 20, 50, 100, 200, 500) if k * self.pitch >= _WORDS_PITCH)
        for i in range(0, n, 2):
            if self.words:
                y = self.y(i) - 0.5 * self.pitch
                self.board.patch(Rectangle((24, y), RIGHT - 24, self.pitch, facecolor=PANEL, linewidth=0))
        for i in range(0, n, every):
            self.board.write(_NUMBER, self.y(i), str(i), size=self.size, ha="right")

    def draw(self, story: Story) -> None:
        """The rows of a story."""
        self.axes.set_visible(story.last is not None)
        self._times(story)
        if self.words:
            top_w = max((d.served.slots[:, 2].max(initial=0.0) for d in story.devices if d.served), default=0.0)
            if top_w > 0.0:
                self.board.write(TIME + 131, _TOP + 12, f"to {1e3 * top_w:.3g} mW", size=8, colour=MUTED)
            for device in story.devices:
                self._words(device, story)
                if device.served is not None and device.served.sent:
                    self._slots(device, device.served, top_w)
        else:
            self._bars(story)
        self._debts(story)

    # ---------------------------------------------------------------- timelines
    def _times(self, story: Story) -> None:
        """The stages of every device, and its deadline."""
        boxes: dict[str, list[Box]] = {stage: [] for stage in STAGES}
        limits: list[Box] = []
        for device in story.devices:
            if device.served is None:
                continue
            x, y = float(TIME), self.y(device.number)
            for stage, time_s in device.served.stages:
                right = x + time_s * self.scale
                if time_s > 0.0:
                    boxes[stage].append((x, y - self.half, right, y + self.half))
                x = right
            limit, reach = TIME + device.served.deadline_s * self.scale, min(self.half + 3, 0.5 * self.pitch)
            limits.append((limit - 1, y - reach, limit + 1, y + reach))
        for stage in STAGES:
            pale = stage == "uplink" and self.words
            rectangles(self.board, boxes[stage], PALE_ORANGE if pale else COLOUR[stage])
        rectangles(self.board, limits, INK)

    def _slots(self, device: Device, served: Served, top_w: float) -> None:
        """Power of the slots over the uplink's part of a timeline, as bars, and features received, as a line."""
        end_s, base, height = served.uplink_s[1], self.y(device.number) - self.half, 2.0 * self.half
        ends = TIME + self.scale * np.append(self.slot_s * served.slots[:, 0], end_s)
        tops = base + height * served.slots[:, 2] / top_w
        boxes = [(a, base, b, y) for a, b, y in zip(ends[:-1].tolist(), ends[1:].tolist(), tops.tolist(), strict=True)]
        rectangles(self.board, boxes, COLOUR["uplink"])
        if self.curves:
            ratios = base + height * np.append(0.0, served.slots[:, 3])
            self.board.patch(Line2D(ends, ratios, color=INK, linewidth=1.2))

    # ---------------------------------------------------------------- words
    def _words(self, device: Device, story: Story) -> None:
        board, y, served = self.board, self.y(device.number), device.served
        if served is not None:
            board.write(_CUT, y, served.cut, size=self.size)
            board.write(_CLOCK, y, f"{served.clock_hz / 1e9:.3g}", size=self.size, ha="right")
            board.write(_POWER, y, served.power_words, size=self.size, ha="right")
            board.write(_SENT, y, served.sent_words, size=self.size, ha="right")
            colour = FATE_COLOUR[served.fate]
            board.write(_ANSWER, y, served.verdict, size=self.size, colour=colour, weight="bold")
        elif story.last is not None:
            board.write(_ANSWER, y, FATE[IDLE], size=self.size, colour=MUTED)
        colour = INK if device.coming else MUTED
        board.write(_DEBT_WORDS, y, device.debt_words, size=self.size, ha="right")
        board.write(_GAIN, y, f"{device.gain_db:.0f} dB", size=self.size, ha="right", colour=colour)
        if not story.over:
            coming = f"{1e3 * device.deadline_s:.0f} ms" if device.coming else "–"
            board.write(_DEADLINE, y, coming, size=self.size, ha="right", colour=colour)

    # ---------------------------------------------------------------- bars in place of words
    def _bars(self, story: Story) -> None:
        """What :meth:`_words` says, as bars; answers as cells, channels as ticks."""
        served = [(d, d.served) for d in story.devices if d.served]
        top_hz = max((s.clock_hz for _, s in served), default=1.0)
        top_w = max((s.power_w for _, s in served if s.offloads), default=0.0)
        self._part(((d, s.depth) for d, s in served), _CUT, 40, COLOUR["device"])
        self._part(((d, s.clock_hz / top_hz) for d, s in served), 102, 30, COLOUR["device"])
        if top_w > 0.0:
            self._part(((d, s.power_w / top_w) for d, s in served if s.offloads), 142, 46, COLOUR["uplink"])
            self._scale(165, f"to {1e3 * top_w:.3g}")
        self._part(((d, s.feature_ratio) for d, s in served), _SENT - 32, 32, COLOUR["uplink"])
        if served:
            self._scale(_CUT + 20, "depth")
            self._scale(117, f"to {top_hz / 1e9:.3g}")
            self._scale(_SENT - 13, "100%")
        for fate, colour in FATE_COLOUR.items():
            some = [
                d for d in story.devices if story.last is not None and fate == (d.served.fate if d.served else IDLE)
            ]
            self._part(((d, 1.0) for d in some), _ANSWER, 80, colour)
        self._channels(story)
        self._part(((d, d.deadline_s / story.length_s) for d in story.devices), 884, RIGHT - 884, MUTED)
        self._scale(RIGHT - 26, f"to {milliseconds(story.length_s)}")

    def _channels(self, story: Story) -> None:
        """Channel gains as ticks between the worst and the best; faint without a task."""
        gains = [d.gain_db for d in story.devices]
        low, high = min(gains), max(gains)
        for coming, colour in ((False, GREY), (True, INK)):
            some = [d for d in story.devices if d.coming == coming]
            at = [(d, 808 + 54 * (d.gain_db - low) / max(high - low, 1.0)) for d in some]
            rectangles(self.board, [self._bar(d, x, x + 4) for d, x in at], colour)
        self._scale(837, f"{low:.0f} to {high:.0f} dB")

    def _part(self, shares: Iterable[tuple[Device, float]], x: float, width: float, colour: str) -> None:
        """Bars of a column, each a share of its width."""
        rectangles(self.board, [self._bar(d, x, x + share * width) for d, share in shares if share > 0.0], colour)

    def _bar(self, device: Device, left: float, right: float) -> Box:
        y = self.y(device.number)
        return left, y - self.half, right, y + self.half

    # ---------------------------------------------------------------- energy queues
    def _debts(self, story: Story) -> None:
        """Energy queues as bars of one scale, and a line at one budget."""
        most = max(d.debt for d in story.devices)
        full = next((f for f in (2, 5, 10, 20, 50, 100, 200, 500, 1000) if most <= f), 10_000)
        width = _DEBT_END - _DEBT
        half = min(self.half, 6.0)
        boxes = [(d, self.y(d.number)) for d in story.devices]
        if self.words:
            rectangles(self.board, [(_DEBT, y - half, _DEBT_END, y + half) for _, y in boxes], FAINT)
        filled = [
            (_DEBT, y - half, _DEBT + max(min(d.debt / full, 1.0) * width, 1.0), y + half)
            for d, y in boxes
            if d.debt > 0.0
        ]
        rectangles(self.board, filled, COLOUR["device"])
        x = _DEBT + width / full
        rectangles(self.board, [(x - 0.5, self.y(len(boxes) - 1) - self.half, x + 0.5, self.y(0) + self.half)], MUTED)
        self._scale(x, "1 budget")
        self.board.write(_DEBT + 36, _TOP + 12, "of " + ("10k" if full == 10_000 else str(full)), size=8, colour=MUTED)

    def _scale(self, x: float, words: str) -> None:
        """A label below a column."""
        self.board.write(x, self.bottom - 10, words, size=7.5, colour=MUTED, ha="center")


def _head(board: Board) -> None:
    """Titles of the columns."""
    y = _TOP + 12
    for x, words, side in (
        (24, "#", "left"),
        (_CUT, "cut", "left"),
        (_CLOCK, "GHz", "right"),
        (_POWER, "mW", "right"),
        (_SENT, "sent", "right"),
        (_ANSWER, "answer", "left"),
        (_DEBT, "debt", "left"),
        (_GAIN, "next gain", "right"),
        (_DEADLINE, "deadline", "right"),
    ):
        board.write(x, y, words, size=8.5, weight="bold", ha=side)
    for stage, x in zip(STAGES, (TIME, TIME + 66, TIME + 208, TIME + 264), strict=True):
        board.patch(Rectangle((x, y - 5), 10, 10, color=COLOUR[stage]))
        board.write(x + 15, y, stage, size=8.5, weight="bold")
