"""Rendering of the transmission world: text, image, or a window."""

from __future__ import annotations

from functools import partial

from splitgym.worlds import viewer
from splitgym.worlds.transmission.viewer_story import Score, tell
from splitgym.worlds.transmission.viewer_text import text

#: ``Viewer(scenario, params)``, see :class:`splitgym.worlds.viewer.Viewer`.
Viewer = partial(
    viewer.Viewer, score=Score, tell=tell, text=text, picture="splitgym.worlds.transmission.viewer_picture"
)
