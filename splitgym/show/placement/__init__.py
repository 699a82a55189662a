"""Rendering of the placement world: text, image, or a window."""

from __future__ import annotations

from functools import partial

from splitgym.show import viewer
from splitgym.show.placement.ansi import text
from splitgym.show.placement.story import Score, tell

#: ``Viewer(scenario, params)``, see :class:`splitgym.show.viewer.Viewer`.
Viewer = partial(viewer.Viewer, score=Score, tell=tell, text=text, picture="splitgym.show.placement.picture")
