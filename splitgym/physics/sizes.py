"""How large the tables and the scratch arrays of the kernels are."""

from __future__ import annotations

#: Cut points (the input is one), and points of a tabulated accuracy curve.
MOST_CUTS, MOST_POINTS = 64, 64
#: Tasks that a batch serves side by side: a multiple of what a SIMD register holds, few enough for the L1 cache.
LANES = 32
