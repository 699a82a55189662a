"""Rendering of the inference world: text, image, or a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from splitgym.extras import need
from splitgym.worlds.inference.scenario import InferenceScenario
from splitgym.worlds.inference.viewer_story import Score, tell
from splitgym.worlds.inference.viewer_text import text

if TYPE_CHECKING:
    from splitgym.envs.rows import Rows

FRAME_S = 0.25  # how long a window shows a frame: 1 / render_fps of the environments


class Viewer:
    """Draws one row of an environment; keeps the running score of the tasks it has drawn.

    Args:
        scenario, params: the environment's scenario and its PARAMS record.
    """

    def __init__(self, scenario: InferenceScenario, params: Any) -> None:
        self.scenario, self.params = scenario, params
        self._score = Score()
        self._pictures: dict[str, Any] = {}
        self._window: Any = None

    def draw(self, rows: Rows, row: int, mode: str) -> str | np.ndarray | None:
        """Draw a row; ``rows`` is only read.

        Returns lines of text (``ansi``), an image (600, 960, 3) uint8 (``rgb_array``), or ``None`` after showing a
        window (``human``).  Raises ``DependencyNotInstalled`` without Matplotlib, ``RuntimeError`` without a screen.
        """
        self._score.update(rows, row)
        story = tell(self.scenario, self.params, rows, row, self._score)
        if mode == "ansi":
            return text(story)
        need("matplotlib", "report")
        from splitgym import drawing
        from splitgym.worlds.inference.viewer_picture import Picture

        if mode not in self._pictures:
            if mode == "human":
                self._window = drawing.Window(story.title)
            figure = self._window.figure if mode == "human" else drawing.image_figure()
            self._pictures[mode] = Picture(figure, story)
        picture = self._pictures[mode]
        picture.draw(story)
        if mode == "human":
            self._window.show(FRAME_S)
            return None
        return picture.board.pixels()

    def close(self) -> None:
        """Close the window, if any."""
        if self._window is not None:
            self._window.close()
        self._window, self._pictures = None, {}
