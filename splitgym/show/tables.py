"""Tables as text: folded where a terminal is narrow, whole elsewhere, or as Markdown.  Needs the extra ``report``."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from splitgym.extras import need
from splitgym.quoting import tamed

#: Wider than any table.
_ENDLESS = 10_000


def needed(table: Any, console: Any) -> int:
    """Columns of a terminal that a table needs to keep every word and every figure whole."""
    measurement, options = need("rich.measure", "report").Measurement, console.options.update(width=_ENDLESS)
    proses = [_part(table, [place]) for place, column in enumerate(table.columns) if not column.no_wrap]
    spans = [measurement.get(console, options, prose) for prose in proses]
    return measurement.get(console, options, table).maximum - sum(span.maximum - span.minimum for span in spans)


def folded(table: Any, console: Any) -> Iterator[Any]:
    """The table, or several below each other that fit the console: each begins with the first column."""
    if not isinstance(table, need("rich.table", "report").Table) or needed(table, console) <= console.width:
        yield table
        return
    parts = [[0]]
    for place in range(1, len(table.columns)):
        if len(parts[-1]) > 1 and needed(_part(table, [*parts[-1], place]), console) > console.width:
            parts.append([0])
        parts[-1].append(place)
    for i, places in enumerate(parts):
        part = _part(table, places)
        part.title, part.caption = table.title if i == 0 else None, table.caption if i == len(parts) - 1 else None
        yield part


def _part(table: Any, places: Sequence[int]) -> Any:
    """A table of some of the columns."""
    columns = [table.columns[place] for place in places]
    part = need("rich.table", "report").Table(
        box=table.box, show_header=table.show_header, pad_edge=table.pad_edge, caption_justify=table.caption_justify
    )
    for column in columns:
        part.add_column(column.header, justify=column.justify, style=column.style, no_wrap=column.no_wrap)
    for row, *cells in zip(table.rows, *(column.cells for column in columns), strict=True):
        part.add_row(*cells, end_section=row.end_section)
    return part


def text(table: Any) -> str:
    """A table as plain text, as wide as it needs to be."""
    options = {"file": io.StringIO(), "markup": False, "emoji": False, "color_system": None, "force_terminal": False}
    console = need("rich.console", "report").Console(width=_ENDLESS, **options)
    console.width = max(80, console.measure(table).maximum)
    console.print(table)
    return console.file.getvalue().rstrip("\n")


def markdown(table: Any) -> str:
    """A ``rich`` table, or a renderable that has such :attr:`tables`, as Markdown: title, table, caption."""
    parts = [_markdown(part) for part in getattr(table, "tables", [table])]
    heads, notes = ([getattr(table, name)] if hasattr(table, name) else [] for name in ("heading", "notes"))
    return "\n".join([*(f"{lines(head)}\n" for head in heads), *parts, *(lines(note) for note in notes if note)])


def _markdown(table: Any) -> str:
    columns = table.columns
    rows = [[column.header for column in columns], *zip(*(column.cells for column in columns), strict=True)]
    marks = ["---:" if column.justify == "right" else ":---" for column in columns]
    cells = [" | ".join(escaped(str(cell)) for cell in row) for row in rows]
    grid = [f"| {row} |" for row in (cells[0], " | ".join(marks), *cells[1:])]
    title, caption = ([lines(str(words))] if words else [] for words in (table.title, table.caption))
    return "\n\n".join([*title, "\n".join(grid), *caption]) + "\n"


def lines(words: str | Iterable[str]) -> str:
    """Lines of text, each as it is in Markdown."""
    plain = map(escaped, words.splitlines() if isinstance(words, str) else words)
    return "\n".join(re.sub(r"^(?=[*+#>-])", r"\\", line) for line in plain)  # no item, heading or quotation


def escaped(words: str) -> str:
    """Text as it is in Markdown, which reads HTML, code, mathematics and links as well."""
    plain = re.sub(r"[\\`|$]|(?<=\])\(", r"\\\g<0>", tamed(words.strip("\n")))
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>")
