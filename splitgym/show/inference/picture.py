"""The inference world as a picture (``rgb_array``, ``human``); importing this module needs Matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.patches import Polygon, Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from splitgym.show.board import Board, plain
from splitgym.show.inference.story import PLACES, RAN, SKIPPED, Block, Last, Story
from splitgym.show.palette import (
    BLUE,
    FAINT,
    GREY,
    HOLLOW,
    INK,
    MUTED,
    NOTHING,
    ORANGE,
    PALE_ORANGE,
    PANEL,
    PURPLE,
    SKY,
    YELLOW,
)
from splitgym.show.parts import (
    LEFT,
    RIGHT,
    VERDICT,
    backlog,
    big,
    blank,
    footer,
    gain_line,
    in_ms,
    lines,
    mark_row,
    power_bars,
    time_axes,
    timeline,
)
from splitgym.show.viewer import BAD, GOOD
from splitgym.show.words import brief, megabits, millijoules, milliseconds, percent, short_energy

COLOUR = {
    "wait": GREY,
    "device": BLUE,
    "uplink": ORANGE,
    "edge": PURPLE,
    "backhaul": YELLOW,
    "cloud": SKY,
}


class Picture:
    """One environment on a board.

    Args:
        figure: an empty figure of the board's size.
        story: any story of the environment; what it never changes is drawn at once.
    """

    def __init__(self, figure: Any, story: Story) -> None:
        self.board = Board(figure)
        self.spans = _spans(story.cloud)
        self.time = time_axes(self.board)
        self.power = self.board.axes(LEFT, 134, 500, 124)
        self.gain: Any = self.power.twinx()
        plain(self.gain)
        self.ratio = self.board.axes(690, 134, RIGHT - 706, 124)
        self.ratio.set(ylim=(0, 1.04), yticks=[0, 0.5, 1.0])
        self.ratio.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:.0%}"))
        for axes in (self.power, self.ratio):
            in_ms(axes)
        _backdrop(self.board, self.spans, story)

    def draw(self, story: Story) -> None:
        """Replace what the board shows by ``story``."""
        board = self.board
        board.clear()
        board.write(RIGHT, 580, story.counter, size=11, ha="right", colour=MUTED)
        for name, (x, width) in self.spans.items():
            if name in PLACES:
                _place(board, story, name, x, width)
            elif story.last is not None:
                _link(board, story.last, name, x + 8, x + width - 8)
        sent = story.last is not None and story.last.sent
        for axes, shown in (
            (self.time, story.last is not None),
            (self.power, sent),
            (self.gain, sent),
            (self.ratio, sent),
        ):
            axes.set_visible(shown)
        if story.last is None:
            blank(board, 322, 34, "no task served yet")
        else:
            _timeline(board, self.time, story.last)
        if story.last is None or not sent:
            blank(board, 122, 160, "nothing was sent" if story.last else "slots of the uplink appear here")
        else:
            _slots(self, story.last, story.slot_s)
        _status(board, story)


# -------------------------------------------------------------------- what never changes
def _spans(cloud: bool) -> dict[str, tuple[float, float]]:
    """Left edge and width of the places, and of the links between them."""
    if cloud:
        places = {"device": (24, 238), "edge": (362, 238), "cloud": (698, 238)}
        return {**places, "uplink": (262, 100), "backhaul": (600, 98)}
    return {"device": (24, 370), "uplink": (394, 172), "edge": (566, 370)}


def _backdrop(board: Board, spans: dict[str, tuple[float, float]], story: Story) -> None:
    board.write(24, 580, story.title, size=12, weight="bold")
    for name, (x, width) in spans.items():
        if name in PLACES:
            board.box(x, 402, width, 154, 8.0, facecolor=PANEL, edgecolor=FAINT)
            board.write(x + 12, 539, name.upper(), size=10, weight="bold")
            board.patch(Rectangle((x + 12, 527), 40, 3, color=COLOUR[name]))
        else:
            board.write(x + width / 2, 539, name, size=10, weight="bold", ha="center")
            board.patch(Rectangle((x + 8, 462), width - 30, 12, color=HOLLOW))
            board.patch(_arrowhead(x + width - 8, FAINT))
    footer(board, ((24, "answers"), (410, "energy debt"), (648, "backlog"), (800, "next task")))
    board.write(512, 84, f"in budgets of {short_energy(story.budget_j)}", colour=MUTED)


def _arrowhead(x: float, colour: str) -> Polygon:
    return Polygon([(x - 14, 456), (x, 468), (x - 14, 480)], color=colour)


# -------------------------------------------------------------------- device, radio, edge, cloud
def _place(board: Board, story: Story, place: str, x: float, width: float) -> None:
    """The blocks that ran in a place, its state, and what the last task cost there."""
    last = story.last
    chips = [block for block in story.blocks if block.place == place]
    if last is not None:
        facts = {
            "device": f"{last.clock_hz / 1e9:.3g} GHz",
            "edge": f"{last.edge_load:.0%} load",
            "cloud": f"{milliseconds(last.rtt_s)} round trip",
        }
        board.write(x + width - 12, 539, facts[place], ha="right", colour=MUTED)
        if last.seconds(place) > 0.0:
            foot = f"{milliseconds(last.seconds(place))} · {millijoules(last.energy_j[place])}"
            board.write(x + width / 2, 416, foot, ha="center")
        if place == "edge" and not chips and last.seconds("backhaul") > 0.0:
            board.write(x + width / 2, 468, "passes it on", ha="center", colour=MUTED)
    pitch = (width - 20) / len(story.blocks)
    for i, block in enumerate(chips):
        _chip(board, block, x + 10 + i * pitch, pitch, COLOUR[place])


def _chip(board: Board, block: Block, x: float, pitch: float, colour: str) -> None:
    """One block: filled if it ran; dashed if not; dotted if an early exit made it needless."""
    gap = min(3.0, 0.15 * pitch)
    fill, ink, line, edge = colour, "white" if block.place == "device" else INK, "-", colour
    if block.fate != RAN:
        fill, ink, line, edge = "white", MUTED, ":" if block.fate == SKIPPED else "--", NOTHING
    board.box(x + gap, 430, pitch - 2 * gap, 76, 4.0, facecolor=fill, edgecolor=edge, linestyle=line)
    if pitch >= 15:
        board.write(x + pitch / 2, 468, brief(block.name, 9), size=8.5, colour=ink, ha="center", rotation=90)
    if block.answered:
        board.write(x + pitch, 516, "exit", size=8, weight="bold", ha="center")
        board.patch(Rectangle((x + pitch - 1, 428), 2, 81, color=INK))


def _link(board: Board, last: Last, stage: str, left: float, right: float) -> None:
    """An arrow, filled by the share of the features that arrived."""
    if last.seconds(stage) <= 0.0:
        return
    above, below, share = [milliseconds(last.seconds(stage))], [], 1.0
    if stage == "uplink":
        share = last.feature_ratio
        above.append(megabits(last.bits))
        below = [f"{percent(last.feature_ratio)} of {brief(last.cut, 6)}", millijoules(last.energy_j["uplink"])]
        board.patch(Rectangle((left, 462), right - 14 - left, 12, color=PALE_ORANGE))
    if share > 0.0:
        board.patch(Rectangle((left, 462), share * (right - 14 - left), 12, color=COLOUR[stage]))
    board.patch(_arrowhead(right, COLOUR[stage]))
    for i, words in enumerate(reversed(above)):
        board.write((left + right) / 2, 492 + 16 * i, words, ha="center")
    for i, words in enumerate(below):
        board.write((left + right) / 2, 444 - 16 * i, words, ha="center")


# -------------------------------------------------------------------- the last task
def _timeline(board: Board, axes: Any, last: Last) -> None:
    """Stages of the last task one after the other, its verdict and its deadline."""
    verdict = GOOD if last.correct else BAD
    colour = VERDICT[verdict]
    board.write(24, 380, f"task {last.task + 1}", weight="bold", size=10)
    board.write(98, 380, f"{'✓' if last.correct else '✗'} {last.verdict}", weight="bold", size=10, colour=colour)
    board.write(RIGHT, 380, f"{last.decision} · {millijoules(last.energy_j['charged'])}", ha="right", colour=MUTED)
    timeline(board, axes, last.stages, ("deadline", last.deadline_s), last.end_s, verdict, COLOUR)


def _slots(picture: Picture, last: Last, slot_s: float) -> None:
    """The uplink slot by slot, over the time since arrival."""
    board, step_ms = picture.board, 1e3 * slot_s
    begin_ms = 1e3 * (last.seconds("wait") + slot_s * last.slots[:, 0])
    edges_ms = np.append(begin_ms, begin_ms[-1] + step_ms)
    margin_ms = 0.01 * (edges_ms[-1] - edges_ms[0])
    for axes, ticks in ((picture.power, 5), (picture.ratio, 3)):
        axes.set_xlim(edges_ms[0] - margin_ms, edges_ms[-1] + margin_ms)
        axes.xaxis.set_major_locator(MaxNLocator(ticks))
    reference_mw = 1e3 * last.power_w
    board.write(LEFT, 276, "slot power [mW]", weight="bold")
    board.patch(Rectangle((LEFT, 265), 40, 3, color=COLOUR["uplink"]))
    board.write(LEFT + 132, 276, f"reference {reference_mw:.3g}", colour=MUTED)
    power_bars(board, picture.power, begin_ms, step_ms, 1e3 * last.slots[:, 2], reference_mw, COLOUR["uplink"])
    board.write(562, 276, "channel gain [dB]", weight="bold", ha="right")
    board.patch(Rectangle((522, 265), 40, 2, color=INK))
    gain_line(board, picture.gain, begin_ms + 0.5 * step_ms, last.gains_db)
    board.write(650, 276, "features", weight="bold")
    board.patch(Rectangle((650, 265), 40, 3, color=COLOUR["uplink"]))
    count = f"{len(last.slots)} of {last.slots_available} slots{', stopped early' if last.stopped_early else ''}"
    board.write(RIGHT, 276, count, ha="right", colour=MUTED)
    ratio = last.slots[:, 3]
    board.keep(picture.ratio.stairs(ratio, edges_ms, fill=True, color=PALE_ORANGE))
    board.keep(picture.ratio.stairs(ratio, edges_ms, color=COLOUR["uplink"], linewidth=1.8, baseline=None))


# -------------------------------------------------------------------- the episode so far
def _status(board: Board, story: Story) -> None:
    """Score, energy debt, backlog and the task to come, along the lower edge."""
    share = story.accuracy
    big(board, 24, "–" if share is None else f"{share:.0%}")
    board.write(122, 54, story.tally, colour=MUTED)
    mark_row(board, story.score.marks)
    _gauge(board, story.debt)
    backlog(board, 648, story.backlog, COLOUR["device"])
    lines(board, 800, story.outlook.split(", "))


def _gauge(board: Board, debt: float) -> None:
    """A bar whose scale grows with the debt."""
    full = next((f for f in (5, 10, 20, 50, 100, 200, 500, 1000) if debt <= f), 10_000)
    width = 200.0
    big(board, 410, f"{debt:.1f}")
    board.box(410, 22, width, 12, facecolor=HOLLOW, edgecolor="none")
    if debt > 0.0:
        board.box(410, 22, max(min(debt / full, 1.0) * width, 2.0), 12, facecolor=COLOUR["device"], edgecolor="none")
    board.write(410, 12, "0", size=8, colour=MUTED)
    board.write(410 + width, 12, str(full), size=8, ha="right", colour=MUTED)
