"""What all environments share to draw themselves: the world's viewer, made when it is needed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from splitgym.checks import word

if TYPE_CHECKING:
    from splitgym.envs.rows import Rows

RENDER_MODES = ("ansi", "rgb_array", "human")


def render_mode_of(mode: Any) -> str | None:
    """``mode`` itself, or a ``ValueError`` if there is none of that name."""
    return None if mode is None else word("render_mode", mode, RENDER_MODES)


class Canvas:
    """Draws the rows of an engine; a copy begins with a viewer of its own."""

    def __init__(self, rows: Rows, mode: str | None) -> None:
        self._rows, self._mode = rows, mode
        self._viewers: dict[int, tuple[Any, Any]] = {}

    def draw(self, row: int = 0) -> Any:
        """A row as text, an image, or None after showing a window, as the render mode says.

        Raises ``ResetNeeded`` before a reset, and ``ValueError`` where nothing draws the world.
        """
        self._rows.check("render()")
        rows, place = self._rows.drawn(row)
        return self._viewer(rows, 0 if rows is self._rows else row).draw(rows, place, self._mode)

    def draw_all(self) -> tuple[Any, ...]:
        """Every row as text or an image, in order; a window shows row 0, and all are None.  Raises as ``draw``."""
        if self._mode == "human":
            return (self.draw(),) * self._rows.n
        return tuple(self.draw(row) for row in range(self._rows.n))

    def close(self) -> None:
        """Close the window, if any."""
        for _, viewer in self._viewers.values():
            viewer.close()
        self._viewers.clear()

    def _viewer(self, rows: Rows, key: int) -> Any:
        """The viewer of a scenario, one for all rows that share it."""
        scenario, viewer = self._viewers.get(key, (None, None))
        if viewer is None or scenario is not rows.scenario:
            if viewer is not None:
                viewer.close()
            if not rows.world.figure:
                raise ValueError(
                    f"{rows.world.env_id} has no picture: its world names no module in 'figure' that draws it"
                )
            viewer = importlib.import_module(rows.world.figure).Viewer(rows.scenario, rows.params)
            self._viewers[key] = rows.scenario, viewer
        return viewer

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_viewers": {}}
