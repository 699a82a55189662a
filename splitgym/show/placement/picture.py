"""The placement world as a picture (``rgb_array``, ``human``); importing this module needs Matplotlib."""

from __future__ import annotations

from typing import Any

from matplotlib.patches import Rectangle

from splitgym.show.board import Board
from splitgym.show.palette import FAINT, GREY, HOLLOW, INK, MUTED
from splitgym.show.parts import RIGHT, VERDICT, big, footer, lines, mark_row
from splitgym.show.placement.facts import Application, Block, digits, tier_name
from splitgym.show.placement.graph import Graph, tier_colour
from splitgym.show.placement.story import OPEN, Story
from splitgym.show.words import brief, percent

_LEFT = 622  # pixels: left edge of the panel beside the graph
_NODE, _TIER, _ENERGY, _LATENCY = 684, 730, 850, RIGHT  # pixels: left edges, right edges of the table's columns
_HEAD_Y, _FIRST_Y, _LAST_Y = 486, 467, 309  # pixels: title and rows of the table
_TOTAL_Y, _PLAN_Y = 290, 272
_BAR_Y, _BAR = 204, 20  # pixels: lower edge and height of the bar of latencies
SENDING = GREY


class Picture:
    """One environment on a board.

    Args:
        figure: an empty figure of the board's size.
        story: any story of the environment; what it never changes is drawn at once.
    """

    def __init__(self, figure: Any, story: Story) -> None:
        self.board = Board(figure)
        self.graph = Graph(self.board, story)
        _backdrop(self.board, story)

    def draw(self, story: Story) -> None:
        """Replace what the board shows by ``story``."""
        board = self.board
        board.clear()
        board.write(RIGHT, 580, story.counter, size=11, ha="right", colour=MUTED)
        self.graph.draw(story)
        _application(board, story)
        _table(board, story.shown, "–" if story.state == OPEN else "not deployed")
        _bar(board, story.shown)
        _result(board, story)
        _status(board, story)


# -------------------------------------------------------------------- what never changes
def _backdrop(board: Board, story: Story) -> None:
    board.write(24, 580, story.title, size=12, weight="bold")
    board.write(_LEFT, _HEAD_Y, "block", weight="bold")
    board.write(_NODE - 13, _HEAD_Y, "node", weight="bold")
    board.write(_ENERGY, _HEAD_Y, "energy", weight="bold", ha="right")
    board.write(_LATENCY, _HEAD_Y, "so far", weight="bold", ha="right")
    board.patch(Rectangle((_LEFT, _TOTAL_Y + 9), RIGHT - _LEFT, 1, color=FAINT))
    board.write(_LEFT, _TOTAL_Y, "together", weight="bold")
    board.write(_LEFT, _PLAN_Y, "least-latency plan", colour=MUTED)
    board.write(_LEFT, _BAR_Y + 33, "latency", weight="bold")
    _bar_legend(board, story)
    footer(board, [(24, "rejected"), (410, "energy saved"), (582, "live"), (674, "next")])


def _bar_legend(board: Board, story: Story) -> None:
    x = _LEFT + 0.0
    entries = [*((f"on {tier_name(tier)}", tier_colour(tier)) for tier in story.used), ("links", SENDING)]
    for name, colour in entries[-5:]:
        board.patch(Rectangle((x, _BAR_Y - 17), 8, 8, color=colour))
        board.write(x + 12, _BAR_Y - 13, name, size=8, colour=MUTED)
        x += 28 + 5.2 * len(name)


# -------------------------------------------------------------------- the application
def _application(board: Board, story: Story) -> None:
    app = story.shown
    board.write(_LEFT, 549, f"APPLICATION {app.number}", size=10, weight="bold")
    words, colour = ("being placed", MUTED) if story.mark is None else (story.state, VERDICT[story.mark])
    board.write(RIGHT, 549, words, size=10, weight="bold", ha="right", colour=colour)
    board.write(_LEFT, 530, app.network_words)
    board.write(_LEFT, 513, app.target_words)


def _table(board: Board, app: Application, nowhere: str) -> None:
    """Where the blocks are, and what they take; ``nowhere`` stands for the node of those that have none."""
    count = max(app.network_blocks, len(app.blocks))
    pitch = min(24.0, (_FIRST_Y - _LAST_Y) / max(count - 1, 1))
    for i in range(count):
        y = _FIRST_Y - i * pitch
        if i < len(app.blocks):
            _row(board, y, app.blocks[i])
        else:
            board.write(_LEFT, y, str(i + 1), size=8.5, colour=MUTED)
            board.write(_NODE, y, nowhere, size=8.5, colour=MUTED)
    board.write(_ENERGY, _TOTAL_Y, f"{digits(1e3 * app.energy_j)} mJ", weight="bold", ha="right")
    board.write(_LATENCY, _TOTAL_Y, f"{digits(1e3 * app.latency_s)} ms", weight="bold", ha="right")
    board.write(_ENERGY, _PLAN_Y, f"{digits(1e3 * app.reference_j)} mJ", colour=MUTED, ha="right")


def _row(board: Board, y: float, block: Block) -> None:
    board.write(_LEFT, y, str(block.number), size=8.5)
    board.patch(Rectangle((_NODE - 13, y - 4), 8, 8, color=tier_colour(block.tier)))
    board.write(_NODE, y, brief(block.name, 7), size=8.5)
    board.write(_TIER, y, tier_name(block.tier), size=8.5, colour=MUTED)
    for x, words, unit in ((_ENERGY, block.energy, "mJ"), (_LATENCY, block.so_far, "ms")):
        board.write(x, y, f"{words} {unit}" if block.linked else words, size=8.5, ha="right")


def _bar(board: Board, app: Application) -> None:
    """Latency of the blocks one after the other, and the target."""
    end_s = 1.02 * max(app.target_s, app.latency_s)
    scale, x = (RIGHT - _LEFT) / end_s, float(_LEFT)
    board.patch(Rectangle((_LEFT, _BAR_Y), RIGHT - _LEFT, _BAR, color=HOLLOW))
    for block in app.blocks:
        for time_s, colour in ((block.link_s, SENDING), (block.run_s, tier_colour(block.tier))):
            width = time_s * scale
            if width > 0.0:
                board.patch(Rectangle((x, _BAR_Y), max(width - 0.5, 0.5), _BAR, facecolor=colour))
            x += width
    board.patch(Rectangle((_LEFT + app.target_s * scale - 1, _BAR_Y - 4), 2, _BAR + 8, color=INK))
    words = f"{digits(1e3 * app.latency_s)} of {digits(1e3 * app.target_s)} ms"
    if app.target_s > 0.0:
        words += f", {percent(app.latency_s / app.target_s)} of the target"
    board.write(RIGHT, _BAR_Y + 33, words, ha="right")


def _result(board: Board, story: Story) -> None:
    colour = INK if story.mark is None else VERDICT[story.mark]
    board.write(_LEFT, 166, story.verdict, size=8.5, weight="bold", colour=colour)
    board.write(_LEFT, 148, story.detail, size=8.5)
    if story.state == OPEN:
        words = f"figures of exit set {story.shown.exit_set}, accuracy {story.shown.accuracy:.1%}"
        board.write(_LEFT, 130, words, size=8.5)
    else:
        board.write(_LEFT, 130, f"reward {story.reward:+.3f}", size=8.5, colour=MUTED)


# -------------------------------------------------------------------- the episode so far
def _status(board: Board, story: Story) -> None:
    """Rejections, energy saved, live applications and what comes next, along the lower edge."""
    rejected, saved = story.rejected_ratio, story.saved_ratio
    big(board, 24, "–" if rejected is None else percent(rejected))
    board.write(122, 54, story.tally, colour=MUTED)
    mark_row(board, story.score.marks)
    big(board, 410, "–" if saved is None else percent(saved))
    board.write(410, 26, "mean, against least latency", size=8, colour=MUTED)
    big(board, 582, str(story.live))
    board.write(582, 26, "applications", size=8, colour=MUTED)
    coming = story.coming
    if coming is None:
        lines(board, 674, story.outlook)
    else:
        lines(board, 674, (brief(f"{coming.number}: {coming.network_words}", 42), coming.target_words, story.possible))
