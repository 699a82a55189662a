"""The page: one HTML file with everything in it, which needs no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from splitgym.evaluation.output import finite
from splitgym.extras import need
from splitgym.show.palette import DARK_SERIES, MARKERS, SERIES
from splitgym.show.report import interactive
from splitgym.show.report.gather import Book, Chapter
from splitgym.show.report.marks import Figure, Point
from splitgym.show.report.style import outline, style_of
from splitgym.show.report.tables import overall_table, scenario_table
from splitgym.version import __version__


def page(book: Book, overall: Mapping[Book, Sequence[Figure]], chapters: Mapping[Chapter, Sequence[Figure]]) -> str:
    """The document of all figures and tables."""
    jinja = need("jinja2", "report")
    folder = resources.files("splitgym.show.report") / "templates"
    environment = jinja.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja.StrictUndefined
    )
    raw = need("markupsafe", "report").Markup
    template = environment.from_string((folder / "report.html.j2").read_text(encoding="utf-8"))
    figures = [f for group in (*overall.values(), *chapters.values()) for f in group]
    numbered = [(f, f"{f.key}-{i}") for f in figures for i in range(len(f.panels))]
    plots = {place: interactive.plot(f.panels[int(place.rpartition("-")[2])], f.height) for f, place in numbered}
    return template.render(
        title=_title(book),
        version=__version__,
        book=book,
        facts=_facts(book),
        parts=[(part, overall_table(part), group) for part, group in overall.items()],
        chapters=[(c, scenario_table(book, c), group) for c, group in chapters.items()],
        light=SERIES[:-1],
        dark=DARK_SERIES[:-1],
        outlines=[outline(i) for i in range(len(MARKERS))],
        style_of=style_of,
        points=lambda figure: any(isinstance(mark, Point) for panel in figure.panels for mark in panel.marks),
        css=raw((folder / "report.css").read_text(encoding="utf-8")),
        js=raw((folder / "report.js").read_text(encoding="utf-8")),
        plotly=raw(need("plotly.offline", "report").get_plotlyjs()),
        plots=raw(embedded(plots)),
    )


def embedded(value: Any) -> str:
    """JSON that can stand inside a script element: nothing in it ends the element or begins a comment."""
    text = json.dumps(finite(value), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _title(book: Book) -> str:
    worlds = list(dict.fromkeys(c.results.world.env_id for c in book.chapters))
    return ", ".join(worlds)


def _facts(book: Book) -> list[tuple[str, str]]:
    """What stands in the heading: number of scenarios, policies, traces."""
    traces = sorted({c.traces for c in book.chapters})
    spread = f"{traces[0]}" if len(traces) == 1 else f"{traces[0]} to {traces[-1]}"
    return [
        ("scenario" if len(book.chapters) == 1 else "scenarios", str(len(book.chapters))),
        ("policy" if len(book.styles) == 1 else "policies", str(len(book.styles))),
        ("common trace" if traces == [1] else "common traces each", spread),
        ("splitgym", __version__),
    ]
