"""Rendering of the inference world: text, image, or a window."""

from __future__ import annotations

from functools import partial

from splitgym.show import viewer
from splitgym.show.inference.ansi import text
from splitgym.show.inference.story import Score, tell

#: ``Viewer(scenario, params)``, see :class:`splitgym.show.viewer.Viewer`.
Viewer = partial(viewer.Viewer, score=Score, tell=tell, text=text, picture="splitgym.show.inference.picture")
