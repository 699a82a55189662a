"""A drawing board for the viewers of all worlds: pixel coordinates, in memory or in a window.

Importing this module needs Matplotlib (extra ``report``); only viewers do, when a picture is asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from splitgym.show.palette import FAINT, INK, MUTED

WIDTH, HEIGHT, DPI = 960, 600, 100  # pixels; (0, 0) is the lower left corner
FONT = "DejaVu Sans"  # comes with Matplotlib


class Board:
    """Two sheets over a figure: what is drawn before the first :meth:`clear` stays, what is drawn after it moves.

    Args:
        figure: an empty figure of ``WIDTH`` x ``HEIGHT`` pixels.
    """

    def __init__(self, figure: Any) -> None:
        self.figure = figure
        figure.set_facecolor("white")
        self._fixed_sheet, self._moving_sheet = self._sheet(-1), self._sheet(10)
        self.sheet = self._fixed_sheet
        self._moving: list[Any] = []
        self._fixed_pixels: Any = None

    def _sheet(self, zorder: int) -> Any:
        sheet = self.figure.add_axes((0.0, 0.0, 1.0, 1.0), zorder=zorder)
        sheet.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
        sheet.set_axis_off()
        return sheet

    def axes(self, x: float, y: float, width: float, height: float) -> Any:
        """Plain axes at pixel coordinates, between the two sheets."""
        axes = self.figure.add_axes((x / WIDTH, y / HEIGHT, width / WIDTH, height / HEIGHT))
        plain(axes)
        return axes

    def clear(self) -> None:
        """Wipe the moving sheet, and whatever was kept since the last time."""
        if self.sheet is self._moving_sheet:
            for artist in self._moving:
                artist.remove()
        self.sheet, self._moving = self._moving_sheet, []

    # ---------------------------------------------------------------- pencils
    def keep(self, artist: Any) -> Any:
        """Remember an artist on some axes until :meth:`clear`."""
        self._moving.append(artist)
        return artist

    def write(self, x: float, y: float, words: str, size: float = 9, colour: str = INK, **style: Any) -> None:
        """Text, vertically centred."""
        style = {"va": "center", "family": FONT, **style}
        self.keep(self.sheet.text(x, y, words, fontsize=size, color=colour, parse_math=False, **style))

    def patch(self, shape: Any) -> None:
        """A shape of :mod:`matplotlib.patches`."""
        self.keep(self.sheet.add_artist(shape))

    def box(self, x: float, y: float, width: float, height: float, radius: float = 5.0, **style: Any) -> None:
        """A rounded rectangle."""
        boxstyle = f"round,pad=0,rounding_size={min(radius, width / 2)}"
        self.patch(FancyBboxPatch((x, y), width, height, boxstyle=boxstyle, **style))

    def pixels(self) -> np.ndarray:
        """The board as an image (HEIGHT, WIDTH, 3) uint8; needs the figure of :func:`image_figure`."""
        canvas = self.figure.canvas
        renderer = canvas.get_renderer()
        if self._fixed_pixels is None:  # drawn once, since text is what takes time
            renderer.clear()
            self.figure.patch.draw(renderer)
            self._fixed_sheet.draw(renderer)
            self._fixed_pixels = canvas.copy_from_bbox(self.figure.bbox)
        canvas.restore_region(self._fixed_pixels)
        for axes in sorted(self.figure.axes, key=lambda axes: axes.zorder):
            if axes is not self._fixed_sheet:
                axes.draw(renderer)
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def plain(axes: Any) -> None:
    """Take everything from axes but a faint base line and small tick labels."""
    axes.set_facecolor("none")
    axes.autoscale(False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(length=0, labelsize=8, labelcolor=MUTED, labelfontfamily=FONT)


def image_figure() -> Figure:
    """A figure that is drawn in memory."""
    figure = Figure((WIDTH / DPI, HEIGHT / DPI), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


class Window:
    """A window on the screen; a run goes on unseen when somebody closes it.

    Args:
        title: of the window.

    Raises ``RuntimeError`` where Matplotlib finds no screen.
    """

    def __init__(self, title: str) -> None:
        from matplotlib import pyplot  # chooses a backend, which images must not do
        from matplotlib.backend_bases import FigureManagerBase

        remedy = 'make the environment with render_mode="rgb_array" and save or display the images instead'
        try:
            self.figure = pyplot.figure(title, figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI)
        except ImportError as error:
            raise RuntimeError(f"no window can be opened: {error}; {remedy}") from error
        self._pyplot = pyplot
        self._manager: Any = self.figure.canvas.manager
        if self._manager is None or type(self._manager).show is FigureManagerBase.show:  # cannot show anything
            pyplot.close(self.figure)
            raise RuntimeError(
                f"no window can be opened: Matplotlib's backend {pyplot.get_backend()!r} has none "
                f"(no screen, or neither tkinter nor Qt); {remedy}"
            )

    def show(self, duration_s: float) -> None:
        """Bring the figure to the screen and keep it there for a while."""
        if self._pyplot.fignum_exists(self.figure.number):
            self.figure.canvas.draw_idle()
            self._manager.show()
            self.figure.canvas.start_event_loop(duration_s)

    def close(self) -> None:
        """Close the window."""
        self._pyplot.close(self.figure)
