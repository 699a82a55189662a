"""The report of one or several evaluations: gather, play again, describe, draw, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from splitgym.evaluation.results import Results
from splitgym.files import refuse_link, write_atomically
from splitgym.show.report import behaviour, figures, paper, plane, timeline
from splitgym.show.report.gather import Book, Chapter, gather
from splitgym.show.report.marks import Figure
from splitgym.show.report.page import page
from splitgym.show.report.replay import Replay


def build(many: Results | Sequence[Results], path: str | Path, formats: Sequence[str] = (), *, trust: bool) -> Path:
    """Write the page and the figures; see :func:`splitgym.evaluation.report`."""
    path = Path(path)
    for form in formats:
        paper.check(form)
    folder = path.with_name(f"{path.stem}-figures")
    if formats:
        refuse_link(folder, "report")
    book = gather(many)
    overall = {part: [figures.leaderboard(part), figures.profiles(part)] for part in book.parts}
    chapters = {chapter: _chapter(book, chapter, trust) for chapter in book.chapters}
    write_atomically(path, page(book, overall, chapters).encode())
    for figure in (f for group in (*overall.values(), *chapters.values()) for f in group):
        for form in formats if figure.panels else ():
            paper.save(figure, folder / f"{figure.key}.{form}", inside=path.parent)
    return path


def _chapter(book: Book, chapter: Chapter, trust: bool) -> list[Figure]:
    """Figures of one scenario."""
    replay = Replay(chapter.results, trust)
    return [
        plane.plane(book, chapter),
        figures.differences(book, chapter),
        behaviour.debt(book, chapter, replay),
        behaviour.maps(book, chapter, replay),
        timeline.timeline(book, chapter, replay),
    ]
