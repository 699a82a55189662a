"""How large the kernels' tables of a network are."""

from __future__ import annotations

#: Cut points (the input is one), and points of a tabulated accuracy curve.
MOST_CUTS, MOST_POINTS = 64, 64
