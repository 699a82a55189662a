"""What the pictures of all worlds must be like."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from splitgym.show import board


def assert_labels(picture: Any, story: Any) -> None:
    """Draw a story: all text lies within the picture, and no text over another (but for a seam of one pixel)."""
    picture.draw(story)
    figure = picture.board.figure
    labels = [t for axes in figure.axes for t in axes.texts]
    boxes = [(t.get_text(), t.get_window_extent(figure.canvas.get_renderer())) for t in labels]
    _assert_whole_and_apart(boxes, board.WIDTH, board.HEIGHT)


def assert_words(figure: Any) -> None:
    """All words of a figure (titles, axes, ticks, legends) lie within it, none over another."""
    figure.draw_without_rendering()
    texts = [*figure.texts, *(words for legend in figure.legends for words in legend.get_texts())]
    for axes in (axes for axes in figure.axes if axes.get_visible()):
        texts += [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    if figure._suptitle not in (None, *figure.texts):
        texts.append(figure._suptitle)
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts if t.get_visible() and t.get_text().strip()]
    _assert_whole_and_apart(boxes, figure.bbox.width, figure.bbox.height)


def _assert_whole_and_apart(boxes: list[tuple[str, Any]], width: float, height: float) -> None:
    for words, box in boxes:
        assert 0.0 <= box.x0 < box.x1 <= width, words
        assert 0.0 <= box.y0 < box.y1 <= height, words
    for (first, a), (second, b) in combinations(boxes, 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(wide, high) <= 1.0, f"{first!r} covers {second!r}"
