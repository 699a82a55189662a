"""What figures are made of: a few kinds of marks on panels.  Two renderers draw them, neither decides anything."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Axis:
    """One axis: its title, its ends, and ticks (place, word) where the renderer should not choose them."""

    title: str
    low: float
    high: float
    log: bool = False
    ticks: tuple[tuple[float, str], ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """A curve (n,), with a band from ``low`` to ``high`` if given; ``steps``: each value holds until the next.

    ``words`` say a point exactly, one for each.
    """

    name: str
    style: int
    x: np.ndarray
    y: np.ndarray
    words: list[str]
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    steps: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """A marker with intervals (NaN: none) and a label beside it at ``place``, such as ``"top right"``."""

    name: str
    style: int
    x: float
    y: float
    words: str
    x_low: float = np.nan
    x_high: float = np.nan
    y_low: float = np.nan
    y_high: float = np.nan
    label: str = ""
    place: str = "middle right"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cells:
    """A map of classes: centres x (nx,) and y (ny,), codes (ny, nx) into ``colours``, words for each cell."""

    x: np.ndarray
    y: np.ndarray
    codes: np.ndarray
    colours: list[str]
    words: list[list[str]]


@dataclasses.dataclass(frozen=True)
class Rule:
    """A reference line across the panel, with a word at its end."""

    at: float
    upright: bool
    word: str = ""


Mark = Line | Point | Cells | Rule


@dataclasses.dataclass(frozen=True)
class Panel:
    """One pair of axes; ``title`` may be empty."""

    title: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]


@dataclasses.dataclass(frozen=True)
class Key:
    """An entry of a legend: a policy's style, or a colour of a map."""

    name: str
    style: int = -1
    colour: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure: panels side by side with one legend.

    Args:
        key: part of file names and anchors.
        title: heading.
        how: how to read it.
        note: what is particular about this one, or why there is nothing to see.
        panels, legend: its content; no panels where it does not apply.
        height: of a panel on the page [px].
        size: width and height of a panel on paper [inch].
        columns: most panels side by side.
    """

    key: str
    title: str
    how: str
    note: str = ""
    panels: tuple[Panel, ...] = ()
    legend: tuple[Key, ...] = ()
    height: int = 340
    size: tuple[float, float] = (5.2, 3.6)
    columns: int = 1
