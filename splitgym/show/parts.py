"""Parts that the pictures of all worlds share; importing this module needs Matplotlib."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.patches import Circle, Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from splitgym.show.board import Board
from splitgym.show.palette import BLUE, FAINT, GREEN, GREY, INK, MUTED, PANEL, VERMILION
from splitgym.show.viewer import BAD, GOOD, MISSED
from splitgym.show.words import milliseconds

VERDICT = {GOOD: GREEN, BAD: VERMILION, MISSED: GREY}
LEFT, RIGHT = 62, 936  # pixels, of the plots
_BAR_Y = 326  # pixels, of the timeline


def blank(board: Board, y: float, height: float, words: str) -> None:
    """Fill the place of a plot with words."""
    board.box(LEFT, y, RIGHT - LEFT, height, facecolor=PANEL, edgecolor="none")
    board.write((LEFT + RIGHT) / 2, y + height / 2, words, ha="center", colour=MUTED)


def in_ms(axes: Any) -> None:
    """Label the horizontal axis in ms."""
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g} ms"))


def time_axes(board: Board) -> Any:
    """Axes below a :func:`timeline`."""
    axes = board.axes(LEFT, _BAR_Y - 4, RIGHT - LEFT, 34)
    axes.set(ylim=(0, 1), yticks=[])
    in_ms(axes)
    return axes


def timeline(
    board: Board,
    axes: Any,
    stages: Sequence[tuple[str, float]],
    limit: tuple[str, float],
    end_s: float,
    verdict: str,
    colour: Mapping[str, str],
) -> None:
    """Stages one after the other, the verdict where they end, and their limit.

    Args:
        board, axes: where to draw; axes of :func:`time_axes`.
        stages: (name, duration [s]), in order.
        limit: name and time [s] of the limit; an arrow shows one beyond the plot.
        end_s: what the plot has to show.
        verdict: ``GOOD`` or ``BAD``.
        colour: of the stages.
    """
    scale = (RIGHT - LEFT) / (1.04 * end_s)  # pixels per s
    axes.set_xlim(0, 1.04e3 * end_s)
    x = float(LEFT)
    for stage, time_s in stages:
        width = time_s * scale
        if width > 0.0:
            board.patch(Rectangle((x, _BAR_Y), width, 26, facecolor=colour[stage]))
        for words in (f"{stage} {milliseconds(time_s)}", milliseconds(time_s)):
            if width > 7.0 * len(words) + 6:
                ink = "white" if colour[stage] == BLUE else INK
                board.write(x + width / 2, _BAR_Y + 13, words, size=8.5, colour=ink, ha="center")
                break
        x += width
    _limit(board, *limit, scale)
    board.patch(Circle((x, _BAR_Y + 13), 6.0, facecolor=VERDICT[verdict], edgecolor="white", linewidth=1.5))


def _limit(board: Board, name: str, limit_s: float, scale: float) -> None:
    words, y, x = f"{name} {milliseconds(limit_s)}", _BAR_Y + 36, LEFT + limit_s * scale
    if x > RIGHT:
        board.write(RIGHT, y, f"{words} ▸", size=8, ha="right")
        return
    board.patch(Rectangle((x - 1, _BAR_Y - 8), 2, 42, color=INK))
    if x > LEFT + 7.0 * len(words):
        board.write(x - 5, y, words, size=8, ha="right")
    else:
        board.write(x + 5, y, words, size=8)


def power_bars(
    board: Board,
    axes: Any,
    begin_ms: np.ndarray,
    step_ms: float,
    power_mw: np.ndarray,
    reference_mw: float,
    colour: str,
) -> None:
    """Bars of the slots' power (n,), which begin at ``begin_ms`` (n,), and the reference power as a dashed line."""
    axes.set_ylim(0, 1.08 * max(power_mw.max(initial=0.0), reference_mw))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    gap_ms = 0.08 * step_ms if len(begin_ms) <= 120 else 0.0
    left, right, low = begin_ms + gap_ms, begin_ms + step_ms - gap_ms, np.zeros(len(begin_ms))
    x, y = np.stack([left, left, right, right], 1), np.stack([low, power_mw, power_mw, low], 1)
    board.keep(axes.add_collection(PolyCollection(list(np.stack([x, y], 2)), facecolor=colour), autolim=False))
    board.keep(axes.axhline(reference_mw, color=MUTED, linewidth=1, linestyle="--"))


def gain_line(board: Board, axes: Any, at_ms: np.ndarray, gain_db: np.ndarray) -> None:
    """The channel gain (n,) at the instants (n,)."""
    low = gain_db.min()
    spread_db = max(gain_db.max() - low, 2.0)
    axes.set_ylim(low - 0.1 * spread_db, low + 1.1 * spread_db)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    width, marker = (1.4 if len(at_ms) < 120 else 1.0), ("o" if len(at_ms) < 40 else None)
    board.keep(axes.plot(at_ms, gain_db, color=INK, linewidth=width, marker=marker, markersize=3)[0])


def big(board: Board, x: float, number: str) -> None:
    """A number along the lower edge."""
    board.write(x, 54, number, size=20, weight="bold")


def mark_row(board: Board, marks: Iterable[str]) -> None:
    """Marks of the running score; their heights tell what their colours tell."""
    for i, mark in enumerate(marks):
        height = {GOOD: 14, BAD: 7, MISSED: 2}[mark]
        board.patch(Rectangle((24 + 8.6 * i, 18), 6.4, height, color=VERDICT[mark]))


def backlog(board: Board, x: float, count: int, colour: str) -> None:
    """A number, and a dot for everyone who waits."""
    big(board, x, str(count))
    for i in range(min(count, 16)):
        board.patch(Circle((x + 5 + 13 * (i % 8), 30 - 13 * (i // 8)), 4.5, color=colour))


def lines(board: Board, x: float, words: Iterable[str]) -> None:
    """Short lines along the lower edge."""
    for i, line in enumerate(words):
        board.write(x, 60 - 17 * i, line)


def footer(board: Board, titles: Iterable[tuple[float, str]]) -> None:
    """Titles (x, words) along the lower edge."""
    board.patch(Rectangle((24, 100), RIGHT - 24, 1, color=FAINT))
    for x, title in titles:
        board.write(x, 84, title, size=10, weight="bold")
