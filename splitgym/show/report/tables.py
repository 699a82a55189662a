"""The tables of the page, as rows of cells that know how they are shown and how they are sorted."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from splitgym.evaluation.results import GAP
from splitgym.show.comparison import shown
from splitgym.show.report.gather import Book, Chapter
from splitgym.show.report.scales import minus
from splitgym.show.sweep_words import shown_name


@dataclasses.dataclass(frozen=True)
class Column:
    """Heading, unit below it, and what it means."""

    name: str
    unit: str = ""
    tip: str = ""


@dataclasses.dataclass(frozen=True)
class Cell:
    """Text, the half-width or interval behind it, and the value it is sorted by; ``best`` of its column."""

    text: str
    interval: str = ""
    value: float = math.nan
    best: bool = False


@dataclasses.dataclass(frozen=True)
class Row:
    """A policy and its cells."""

    policy: str
    style: int
    agent: bool
    cells: tuple[Cell, ...]


@dataclasses.dataclass(frozen=True)
class Table:
    """Columns after that of the policies, and rows."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def scenario_table(book: Book, chapter: Chapter) -> Table:
    """Every measure of every policy in one scenario, best return first."""
    results, entries = chapter.results, chapter.entries
    measures, best = results.measures, results.best_baseline()
    columns = [Column(shown_name(m), m.unit, m.meaning) for m in measures[:1]]
    columns.append(Column("difference", "", f"return minus that of {best} on the same traces, paired"))
    columns.append(Column("wins / ties", f"of {chapter.traces}", f"traces with a higher / an equal return than {best}"))
    scored = bool(chapter.scores)
    if scored:
        columns.append(Column("score", "IQM", "normalised score, interquartile mean with its bootstrap interval"))
    columns += [Column(shown_name(m), m.unit, m.meaning) for m in measures[1:]]
    found = {m.name: _best(entries, m) for m in measures}
    rows = []
    for entry in entries:
        cells = [_cell(entry, measures[0], found), *_paired(entry, best), *([_scored(entry)] if scored else [])]
        cells += [_cell(entry, m, found) for m in measures[1:]]
        rows.append(_row(book, entry["policy"], cells))
    return Table(f"{chapter.title}: mean ± 95 % interval", tuple(columns), tuple(rows))


def overall_table(book: Book) -> Table:
    """Over all scenarios: the score, or the mean return where nothing has one, and each scenario by itself."""
    scored = bool(book.strata)
    unit, tip = ("IQM", "normalised score, interquartile mean") if scored else ("", "mean return")
    chapters = [c for c in book.chapters if c.scores] if scored else list(book.chapters)
    head = Column("score" if scored else "return", unit, f"{tip} over all scenarios")
    columns = [head, *(Column(c.short, unit, tip) for c in chapters), Column("scenarios", "", "in how many it played")]
    rows = []
    for policy in book.styles:
        parts = [_by_scenario(c, policy) for c in chapters]
        played = sum(cell.text != "–" for cell in parts)
        if played == 0:
            continue
        cells = [_overall(book, chapters, policy), *parts, Cell(f"{played} of {len(chapters)}", "", played)]
        rows.append(_row(book, policy, cells))
    rows.sort(key=lambda row: (-row.cells[-1].value, -row.cells[0].value))
    return Table(book.heading, tuple(columns), tuple(_marked(rows, len(columns) - 1)))


def _overall(book: Book, chapters: list[Chapter], policy: str) -> Cell:
    if policy in book.iqms:
        return _interval(*book.iqms[policy])
    means = [e["return"] for c in chapters for e in c.entries if e["policy"] == policy]
    mean = sum(means) / len(means)
    return Cell(minus(f"{mean:.2f}"), "", mean)


def _by_scenario(chapter: Chapter, policy: str) -> Cell:
    entry = next((e for e in chapter.entries if e["policy"] == policy), None)
    if entry is None:
        return Cell("–")
    return _scored(entry) if "score" in entry else _cell(entry, chapter.results.measures[0], {})


def _marked(rows: list[Row], columns: int) -> list[Row]:
    """The rows with the highest value of each column marked."""
    most = [max((row.cells[i].value for row in rows if row.cells[i].value == row.cells[i].value), default=math.nan)
            for i in range(columns)]  # fmt: skip
    return [
        dataclasses.replace(
            row,
            cells=tuple(
                dataclasses.replace(cell, best=i < columns and cell.value == most[i])
                for i, cell in enumerate(row.cells)
            ),
        )
        for row in rows
    ]


def _row(book: Book, policy: str, cells: list[Cell]) -> Row:
    return Row(policy, book.styles[policy], policy in book.agents, tuple(cells))


def _scored(entry: dict[str, Any]) -> Cell:
    return _interval(entry["score"], entry["score_low"], entry["score_high"])


def _interval(middle: float, low: float, high: float) -> Cell:
    return Cell(minus(f"{middle:.3f}"), minus(f"{low:.3f} to {high:.3f}"), middle)


def _paired(entry: dict[str, Any], best: str) -> list[Cell]:
    mean, half = entry["difference"], entry["difference_interval"]
    if entry["policy"] == best:
        return [Cell("best baseline", "", 0.0), Cell("–")]
    first = Cell(minus(f"{mean:+.2f}"), "" if half != half else f"± {half:.2f}", mean)
    return [first, Cell(f"{entry['wins']} / {entry['ties']}", "", entry["wins"])]


def _best(entries: list[dict[str, Any]], m: Any) -> float:
    values = [m.better * e[m.name] for e in entries if math.isfinite(e[m.name])]
    return m.better * max(values) if values else math.nan


def _cell(entry: dict[str, Any], m: Any, found: dict[str, float]) -> Cell:
    text, _, half = minus(shown(entry[m.name], entry[f"{m.name}_interval"], m.unit, m.factor, m.form)).partition(" ± ")
    best = (m.better > 0 or m.name == GAP.name) and entry[m.name] == found.get(m.name)
    return Cell("–" if text == minus("-") else text, f"± {half}" if half else "", entry[m.name], best)
