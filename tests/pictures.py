"""What the pictures of all worlds must be like."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from splitgym import drawing


def assert_labels(picture: Any, story: Any) -> None:
    """Draw a story: all text lies within the picture, and no text over another (but for a seam of one pixel)."""
    picture.draw(story)
    figure = picture.board.figure
    labels = [t for axes in figure.axes for t in axes.texts]
    boxes = [(t.get_text(), t.get_window_extent(figure.canvas.get_renderer())) for t in labels]
    for words, box in boxes:
        assert 0.0 <= box.x0 < box.x1 <= drawing.WIDTH, words
        assert 0.0 <= box.y0 < box.y1 <= drawing.HEIGHT, words
    for (first, a), (second, b) in combinations(boxes, 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(wide, high) <= 1.0, f"{first!r} covers {second!r}"
