"""DNN profiles from networks of one's own: the captured graph, cut points, counts, exits.

:func:`profile` makes a profile.  Beneath it, :func:`captured` gives the graph, and :func:`structure_of` its cuts and
exits, which run the network up to a cut and from it.
"""

from __future__ import annotations

from splitgym.profiling.making import captured, profile, profile_of
from splitgym.profiling.structure import structure_of

__all__ = ["captured", "profile", "profile_of", "structure_of"]
