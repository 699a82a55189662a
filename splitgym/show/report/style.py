"""One colour, marker and line for each policy, on the page and on paper."""

from __future__ import annotations

import dataclasses
import math

from splitgym.show.palette import DEPTHS, LINES, MARKERS, SERIES

#: Plotly's names of ``MARKERS`` and ``LINES``.
SYMBOLS = (
    *("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "triangle-left", "triangle-right"),
    *("pentagon", "hexagon", "diamond-tall"),
)
DASHES = ("solid", "10px,3px", "2px,2px", "10px,3px,2px,3px")


@dataclasses.dataclass(frozen=True)
class Style:
    """Indices into palette, markers and lines."""

    colour: int
    marker: int
    line: int


def style_of(index: int) -> Style:
    """Style of the index-th policy; the first 84 differ."""
    return Style(index % len(SERIES), index % len(MARKERS), index // len(SERIES) % len(LINES))


def depth_colours(n: int) -> list[str]:
    """``n`` ordered colours of a map, as far apart as can be."""
    return [_blend(i / max(n - 1, 1) * (len(DEPTHS) - 1)) for i in range(n)]


def _blend(place: float) -> str:
    low = min(int(place), len(DEPTHS) - 2)
    pairs = zip(_channels(DEPTHS[low]), _channels(DEPTHS[low + 1]), strict=True)
    return "#" + "".join(f"{round(a + (place - low) * (b - a)):02X}" for a, b in pairs)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def outline(marker: int) -> str:
    """The marker as an SVG path around (0, 0), about 10 wide, for legends and tables."""
    shape = MARKERS[marker]
    if shape == "o":
        return "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0Z"
    if shape in "PX":
        arm = "M-1.6-5H1.6V-1.6H5V1.6H1.6V5H-1.6V1.6H-5V-1.6H-1.6Z"
        return arm if shape == "P" else _polygon(4, 0.0, 5.6, inner=2.2)
    sides, turn, width = {
        "s": (4, 45.0, 1.0),
        "D": (4, 0.0, 1.0),
        "d": (4, 0.0, 0.6),
        "^": (3, 0.0, 1.0),
        "v": (3, 180.0, 1.0),
        "<": (3, 270.0, 1.0),
        ">": (3, 90.0, 1.0),
        "p": (5, 0.0, 1.0),
        "h": (6, 30.0, 1.0),
    }[shape]
    return _polygon(sides, turn, 5.4, width=width)


def _polygon(sides: int, turn: float, radius: float, width: float = 1.0, inner: float = 0.0) -> str:
    """A regular polygon, its first corner ``turn`` degrees right of the top; a star where ``inner`` is given."""
    corners = 2 * sides if inner else sides
    spots = []
    for i in range(corners):
        angle = math.radians(turn + (45.0 if inner else 0.0) + 360.0 * i / corners)
        reach = inner if inner and i % 2 else radius
        spots.append(f"{width * reach * math.sin(angle):.2f} {-reach * math.cos(angle):.2f}")
    return f"M{'L'.join(spots)}Z"
