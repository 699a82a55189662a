"""The figures of scores and returns."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from splitgym.evaluation.statistics import profile_interval
from splitgym.show.report.gather import Book, Chapter, label
from splitgym.show.report.marks import Axis, Figure, Line, Panel, Point, Rule
from splitgym.show.report.scales import minus, padded, scale_for

#: Scores below this stand at the edge of a figure: a policy far in debt would flatten all others.
_LEAST_SCORE = -0.5
_THRESHOLDS = np.linspace(-0.2, 1.0, 121)
_BANDS = 8


def leaderboard(book: Book) -> Figure:
    """Interquartile mean of the normalised score over all scenarios."""
    figure = Figure(
        key=f"{book.key}leaderboard",
        title="Normalised score",
        how="Each mark is the interquartile mean of a policy's score over all scenarios (0: random, 1: the "
        "bound that no policy can exceed), the bar its 95 % bootstrap interval. Further right is better.",
    )
    if not book.strata:
        return without(figure, "No scores: they need certified bounds (bound=True) and the policy random.")
    found = book.iqms
    order = sorted(found, key=lambda p: -found[p][0])
    points = tuple(_score(book, p, found[p], len(order) - 1 - i) for i, p in enumerate(order))
    x = Axis("normalised score, interquartile mean", *_score_limits(found), ticks=())
    panel = Panel("", x, _names_axis([book.shown(p) for p in order]), (Rule(0.0, True, "random"), *points))
    least = sum(found[p][0] < _LEAST_SCORE for p in order)
    note = f"Marks at the left edge lie beyond it; their scores stand beside them ({least} of them)." if least else ""
    return filled(figure, (panel,), (), note, max(440, _rows_height(len(order))))


def _score(book: Book, policy: str, found: tuple[float, float, float], y: float) -> Point:
    mean, low, high = found
    words = f"{book.shown(policy)}: {minus(f'{mean:.3f} ({low:.3f} to {high:.3f})')}"
    beyond = mean < _LEAST_SCORE
    return Point(
        name=book.shown(policy),
        style=book.styles[policy],
        x=_LEAST_SCORE if beyond else mean,
        y=y,
        x_low=np.nan if beyond else max(low, _LEAST_SCORE),
        x_high=np.nan if beyond else high,
        words=words,
        label=minus(f"{mean:.2f}") if beyond else "",
    )


def _score_limits(found: dict[str, tuple[float, float, float]]) -> tuple[float, float]:
    lows = [max(low, _LEAST_SCORE) for _, low, _ in found.values()]
    return padded(min(0.0, *lows), max(1.0, *(high for *_, high in found.values())), 0.03)


def profiles(book: Book) -> Figure:
    """Share of runs above each score."""
    figure = Figure(
        key=f"{book.key}profiles",
        title="Performance profiles",
        how="How many of a policy's episodes reach more than a score: at 0.6 and 50 %, half of them score above 0.6. "
        "A curve that stays above another is better throughout; bands are 95 % bootstrap intervals, of the "
        f"{_BANDS} best policies.",
    )
    if not book.strata:
        return without(figure, "No profiles: they need scores.")
    lines = []
    order = sorted(book.strata, key=lambda p: -book.iqms[p][0])
    for policy, strata in ((p, book.strata[p]) for p in order):
        share, low, high = (100.0 * part for part in profile_interval(strata, _THRESHOLDS))
        words = [
            f"{book.shown(policy)}: {s:.0f} % of episodes score above {minus(f'{t:.2f}')}"
            for s, t in zip(share, _THRESHOLDS, strict=True)
        ]
        lines.append(
            Line(
                name=book.shown(policy),
                style=book.styles[policy],
                x=_THRESHOLDS,
                y=share,
                low=low if len(lines) < _BANDS else None,
                high=high if len(lines) < _BANDS else None,
                words=words,
            )
        )
    x, y = Axis("normalised score", -0.2, 1.0), Axis("episodes above it [%]", -2.0, 102.0)
    return filled(figure, (Panel("", x, y, tuple(lines)),), book.legend(order), "", 400)


# ---------------------------------------------------------------- one scenario
def differences(book: Book, chapter: Chapter) -> Figure:
    """Return minus that of the best baseline, trace by trace."""
    best = chapter.results.best_baseline()
    figure = Figure(
        key=f"{chapter.key}-differences",
        title="Paired difference to the best baseline",
        how=f"Return minus that of {best} on the same traces: mean and 95 % interval. A bar that does not touch the "
        "zero line is a difference that chance hardly explains.",
    )
    others = [e for e in chapter.entries if e["policy"] != best]
    if not others:
        return without(figure, "Only one policy was evaluated.")
    middle = np.array([e["difference"] for e in others])
    half = np.nan_to_num(np.array([e["difference_interval"] for e in others]))
    scale = scale_for(middle)
    points = tuple(_difference(book, e, scale, len(others) - 1 - i) for i, e in enumerate(others))
    low, high = float(np.nanmin(middle - half)), float(np.nanmax(middle + half))
    low, high = padded(min(low, 0.0), max(high, 0.0))
    x = scale.axis("difference in return", low, max(high, 3.0 * scale.unit))
    names = _names_axis([book.shown(e["policy"]) for e in others])
    panel = Panel("", x, names, (Rule(0.0, True, f"{label(best)} (best)"), *points))
    note = "" if chapter.traces > 1 else "One trace: there are no intervals."
    return filled(figure, (panel,), (), note, max(400, _rows_height(len(others))))


def _difference(book: Book, entry: dict[str, Any], scale: Any, y: float) -> Point:
    mean, half = entry["difference"], entry["difference_interval"]
    low, high = (float(v) for v in scale.to(np.array([mean - half, mean + half])))
    interval = "" if half != half else f" ± {half:.2f}"
    words = f"{book.shown(entry['policy'])}: {minus(f'{mean:+.2f}')}{interval}"
    return Point(
        name=book.shown(entry["policy"]),
        style=book.styles[entry["policy"]],
        x=float(scale.to(np.array(mean))),
        y=y,
        x_low=low,
        x_high=high,
        words=f"{words}, wins {entry['wins']} of {entry['episodes']} traces",
    )


# ---------------------------------------------------------------- pieces
def filled(figure: Figure, panels: tuple[Panel, ...], legend: Any, note: str, height: int = 340) -> Figure:
    size = (figure.size[0], max(figure.size[1], height / 95.0))
    return dataclasses.replace(figure, panels=panels, legend=legend, note=note, height=height, size=size)


def without(figure: Figure, why: str) -> Figure:
    """The figure, empty, with the reason why."""
    return dataclasses.replace(figure, note=why)


def _rows_height(n: int) -> int:
    return 110 + 26 * n


def _names_axis(names: list[str]) -> Axis:
    """Names from the top down."""
    ticks = tuple((len(names) - 1.0 - i, label(name)) for i, name in enumerate(names))
    return Axis("", -0.6, len(names) - 0.4, ticks=ticks)
