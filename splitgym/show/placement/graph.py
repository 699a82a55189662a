"""Nodes and links of the placement world in a picture; importing this module needs Matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.patches import Circle, Polygon, Rectangle

from splitgym.show.board import Board
from splitgym.show.palette import BLUE, FAINT, GREY, INK, MUTED, ORANGE, PANEL, PURPLE, SKY, YELLOW
from splitgym.show.parts import VERDICT
from splitgym.show.placement.facts import share_words, tier_name
from splitgym.show.placement.story import Story
from splitgym.show.words import brief

_LEFT, _RIGHT, _BOTTOM, _TOP = 24, 604, 112, 558  # pixels, of the panel
_MARGIN, _LEGEND_Y = 20, 545  # pixels
_ONE_LINE, _LIFT = 20, 30  # a tier of more nodes stands in two lines, so many pixels from its middle
_SLIVER = 0.03  # share below which what is in use would not be seen
_TURN = np.linspace(0.0, 2.0 * np.pi, 33)
_CURVE = np.linspace(0.0, 1.0, 17)[:, None]
_SIDE = 14.0  # pixels by which links in both directions bow apart
_NAME_DROP = 13  # pixels from a node's edge to its name
_PLATE = {"facecolor": PANEL, "edgecolor": "none", "pad": 1.5}  # under words, so that links do not cross them
LINK = SKY
_TIER_COLOURS = (BLUE, ORANGE, PURPLE, YELLOW)


def tier_colour(tier: int) -> str:
    """Colour of a tier."""
    return _TIER_COLOURS[tier % len(_TIER_COLOURS)]


class Graph:
    """The graph of one environment: links and names are drawn once, loads and a path by :meth:`draw`.

    Args:
        board: what to draw on, not yet cleared.
        story: any story of the environment.
    """

    def __init__(self, board: Board, story: Story) -> None:
        self.board = board
        self.tiers = np.array([node.tier for node in story.nodes])
        self.at, self.radius = np.zeros((len(story.nodes), 2)), np.zeros(len(story.nodes))
        self._headers: dict[int, float] = {}
        self._arrange()
        self._link_of = {tuple(ends): i for i, ends in enumerate(story.links.tolist())}
        self.curves = [self._curve(tail, head) for tail, head in story.links.tolist()]
        self.colours = [tier_colour(tier) for tier in self.tiers]
        self._backdrop(story)

    # ---------------------------------------------------------------- where things are
    def _arrange(self) -> None:
        """A row for each tier, the lowest at the bottom."""
        present = np.unique(self.tiers).tolist()
        height = (_LEGEND_Y - 10 - _BOTTOM) / len(present)
        for level, tier in enumerate(present):
            here = np.flatnonzero(self.tiers == tier)
            two = len(here) > _ONE_LINE
            pitch = (_RIGHT - _LEFT - 2 * _MARGIN) / len(here)
            lift = np.where(np.arange(len(here)) % 2 == 0, -1.0, 1.0) * min(_LIFT, 0.22 * height) * two
            self.at[here, 0] = _LEFT + _MARGIN + (np.arange(len(here)) + 0.5) * pitch
            self.at[here, 1] = _BOTTOM + (level + 0.43) * height + lift
            self.radius[here] = np.clip(0.34 * pitch * (2 if two else 1), 2.0, min(18.0, 0.16 * height))
            self._headers[tier] = _BOTTOM + (level + 1) * height - 10

    def _curve(self, tail: int, head: int) -> np.ndarray:
        """A link as a line (17, 2): bowed within a tier and past a tier in between, so that it shows.

        Of two links in both directions each keeps to its own side.
        """
        a, b = self.at[tail], self.at[head]
        bow, apart = np.zeros(2), abs(int(self.tiers[head]) - int(self.tiers[tail]))
        if apart == 0:
            bow[1] = min(20.0 + 0.3 * abs(b[0] - a[0]), 90.0)
        elif apart > 1:
            bow[0] = 90.0 if a[0] + b[0] <= _LEFT + _RIGHT else -90.0
        if (tail, head) in self._link_of and (head, tail) in self._link_of:
            along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
            bow = max(float(np.linalg.norm(bow)), _SIDE) * np.array([-along[1], along[0]])
        line = (1 - _CURVE) ** 2 * a + 2 * _CURVE * (1 - _CURVE) * ((a + b) / 2 + bow) + _CURVE**2 * b
        return self._outside(line, tail, head)

    def _outside(self, line: np.ndarray, tail: int, head: int) -> np.ndarray:
        """The line without what the nodes, their rings and their names cover."""
        steps = np.linspace(0.0, 1.0, 129)
        fine = np.column_stack([np.interp(steps, _CURVE[:, 0], line[:, i]) for i in range(2)])
        away = [self._away(fine, n) for n in (tail, head)]
        seen = fine[away[0] & away[1]]
        return seen[np.linspace(0, len(seen) - 1, 17).astype(int)] if len(seen) > 1 else line

    def _away(self, points: np.ndarray, node: int) -> np.ndarray:
        """Which of the points (n, 2) a node and its name leave free."""
        beside, above = (points - self.at[node]).T
        named = (np.abs(beside) < 9.0) & (above < 0.0) & (above > -self.radius[node] - _NAME_DROP - 6.0)
        return (np.hypot(beside, above) >= self.radius[node] + 4.0) & ~named

    # ---------------------------------------------------------------- what never changes
    def _backdrop(self, story: Story) -> None:
        board = self.board
        board.box(_LEFT, _BOTTOM, _RIGHT - _LEFT, _TOP - _BOTTOM, 8.0, facecolor=PANEL, edgecolor=FAINT)
        alpha = float(np.clip(40.0 / max(len(self.curves), 1), 0.22, 0.8))  # many links must not make a wall
        board.sheet.add_collection(LineCollection(self.curves, colors=[GREY], linewidths=0.9, alpha=alpha))
        for node, (x, y), radius in zip(story.nodes, self.at, self.radius, strict=True):
            words = brief(node.id, 10)
            if 6.5 * len(words) < 2.9 * radius:  # less than the pitch
                board.write(x, y - radius - _NAME_DROP, words, size=7, ha="center", colour=MUTED)
        self._legend()

    def _legend(self) -> None:
        board, x, y = self.board, _LEFT + 17.0, float(_LEGEND_Y)
        samples = [
            ("compute used", Circle((x, y), 5.0, color=MUTED)),
            ("memory used", Circle((0, y), 5.0, facecolor="none", edgecolor=MUTED, linewidth=2.2)),
            ("source", Circle((0, y), 5.5, facecolor="none", edgecolor=INK, linewidth=1.2, linestyle=(0, (2, 1.5)))),
            ("link used", Rectangle((0, y - 1), 12, 2.5, color=LINK)),
            ("path of the application", Rectangle((0, y - 1.5), 12, 3, color=INK)),
        ]
        for name, sample in samples:
            wide = isinstance(sample, Rectangle)
            sample.set_x(x - 6) if isinstance(sample, Rectangle) else sample.set_center((x, y))
            board.patch(sample)
            board.write(x + (11 if wide else 9), y, name, size=8, colour=MUTED)
            x += 34 + 5.8 * len(name)

    # ---------------------------------------------------------------- what changes
    def draw(self, story: Story) -> None:
        """Show what is in use, and the path of the application."""
        self._links(story)
        self._loads(story)
        self._titles(story)
        self._path(story)

    def _titles(self, story: Story) -> None:
        """What the tiers are, and what is in use there."""
        for tier, (compute, memory) in story.used.items():
            y, count = self._headers[tier], int((self.tiers == tier).sum())
            words = f"{tier_name(tier).upper()} · {count} node{'' if count == 1 else 's'}"
            self.board.write(_LEFT + 28, y, words, size=9, weight="bold", bbox=_PLATE)
            self.board.patch(Rectangle((_LEFT + 12, y - 5), 10, 10, color=tier_colour(tier)))
            words = f"{share_words(compute)} of compute, {share_words(memory)} of memory used"
            self.board.write(_RIGHT - 12, y, words, size=8.5, colour=MUTED, ha="right", bbox=_PLATE)

    def _add(self, collection: Any) -> None:
        self.board.keep(self.board.sheet.add_collection(collection, autolim=False))

    def _links(self, story: Story) -> None:
        """Links that live applications use, wider where there is more on them."""
        used = np.flatnonzero(story.links_used > 1e-9)
        widths = 1.2 + 4.0 * story.links_used[used]
        self._add(LineCollection([self.curves[i] for i in used], colors=[LINK], linewidths=widths, zorder=1))

    def _loads(self, story: Story) -> None:
        """Nodes as pies of used compute, with a ring of used memory."""
        self._add(PolyCollection(list(self._arcs(1.0, 0.0)), facecolor="white", edgecolor=GREY, zorder=2))
        pies, busy = self._arcs(story.compute_used, 0.0), np.flatnonzero(story.compute_used > 1e-9)
        slices = [np.vstack([self.at[i], pies[i]]) for i in busy]
        self._add(PolyCollection(slices, facecolor=[self.colours[i] for i in busy], linewidths=0, zorder=2.1))
        rings, full = self._arcs(story.memory_used, 2.2), np.flatnonzero(story.memory_used > 1e-9)
        self._add(LineCollection([rings[i] for i in full], colors=[MUTED], linewidths=2.2, zorder=2.2, capstyle="butt"))

    def _arcs(self, share: np.ndarray | float, beyond: float) -> np.ndarray:
        """Arcs (N, 33, 2) of so much of a turn from the top, clockwise, so far beyond the nodes' edges."""
        turn = np.maximum(np.broadcast_to(share, self.radius.shape), _SLIVER)[:, None] * _TURN
        size = (self.radius + beyond)[:, None, None]
        return self.at[:, None, :] + size * np.stack([np.sin(turn), np.cos(turn)], axis=-1)

    # ---------------------------------------------------------------- the application
    def _path(self, story: Story) -> None:
        """From the source along the links, with the numbers of the blocks on their nodes."""
        app, colour = story.shown, INK if story.mark is None else VERDICT[story.mark]
        x, y = self.at[app.source]
        ring = {"facecolor": "none", "edgecolor": INK, "linewidth": 1.2, "linestyle": (0, (2, 1.5))}
        self.board.patch(Circle((x, y), self.radius[app.source] + 5.5, zorder=2.3, **ring))
        stops = [app.source, *(block.node for block in app.blocks)]
        for place, (tail, head) in enumerate(pairwise(stops), 1):
            if tail != head:
                self._move(tail, head, colour, whole=not (story.failed and place == len(app.blocks)))
        self._badges(story, colour)

    def _move(self, tail: int, head: int, colour: str, whole: bool) -> None:
        link = self._link_of.get((tail, head))
        line = self._curve(tail, head) if link is None else self.curves[link]
        style = "solid" if whole else (0, (3, 1.5))
        self._add(LineCollection([line], colors=[colour], linewidths=2.4, linestyles=[style], zorder=3))
        tip, back = line[-1], line[-1] - line[-4]
        ahead = back / max(float(np.hypot(*back)), 1e-9)
        aside = np.array([-ahead[1], ahead[0]])
        corners = np.array([tip + 3.0 * ahead, tip - 7.0 * ahead + 5.0 * aside, tip - 7.0 * ahead - 5.0 * aside])
        self.board.patch(Polygon(corners, color=colour, zorder=3.1))

    def _badges(self, story: Story, colour: str) -> None:
        numbers: dict[int, list[str]] = {}
        for first, words in story.shown.runs:
            numbers.setdefault(first.node, []).append(words)
        failed = story.shown.blocks[-1].node if story.failed else None
        for node, words in numbers.items():
            self._badge(node, [*words, "✗"] if node == failed else words, colour, node == failed)

    def _badge(self, node: int, words: Sequence[str], colour: str, hollow: bool) -> None:
        """Numbers of blocks over a node."""
        label, (x, y) = " ".join(words), self.at[node]
        width, y = 8.0 + 6.0 * len(label), y + self.radius[node] + 13.0
        face, ink = ("white", colour) if hollow else (colour, "white")
        self.board.box(x - width / 2, y - 7, width, 14, 6.0, facecolor=face, edgecolor=colour, linewidth=1.2, zorder=4)
        self.board.write(x, y - 0.5, label, size=8, colour=ink, weight="bold", ha="center", zorder=5)
