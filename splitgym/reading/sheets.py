"""A text table as a whole: the titles of its columns, and its fields line by line."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

from splitgym.quoting import shown, where
from splitgym.reading.columns import DELIMITERS, header_of, miscounted, rows_below
from splitgym.reading.files import naming, text_of


@dataclasses.dataclass(frozen=True)
class Sheet:
    """The fields of a text table.

    Args:
        path: of its file, for messages.
        titles: of the columns, as they are written.
        delimiter: what parts the fields.
        lines: (line number, fields) of every line below the header, without spaces around the fields.
    """

    path: str
    titles: list[str]
    delimiter: str
    lines: list[tuple[int, list[str]]]

    def at(self, line: int, column: int) -> str:
        """ "line 3, column 2 (latency_ms)", for messages."""
        return f"line {line}, column {column + 1} ({self.titles[column]})"


def sheet_of(content: bytes, path: str | Path) -> Sheet:
    """The text table that a file holds, see :func:`splitgym.reading.column_of` for its form.

    Raises ``ValueError`` naming file and line: no header, two columns of one name, too few or too many fields.
    """
    with naming(path):
        text = text_of(content, path)
        start, number, header = header_of(text)
        delimiter, titles = _titles(header)
        small = [title.lower() for title in titles]
        for title in titles:
            if title and small.count(title.lower()) > 1:
                raise ValueError(f"line {number}: the header has the column {shown(title)} twice")
        lines = []
        for line, fields in rows_below(text, start, number, delimiter):
            while len(fields) > len(titles) and not fields[-1].strip():
                fields.pop()
            if len(fields) != len(titles):
                raise ValueError(f"line {line}: {miscounted(fields, titles, delimiter)}")
            lines.append((line, [field.strip() for field in fields]))
        return Sheet(where(path), titles, delimiter, lines)


def _titles(header: str) -> tuple[str, list[str]]:
    """The delimiter that parts a header into the most titles, and these."""
    best: tuple[str, list[str]] = (",", [header.strip()])
    for delimiter in DELIMITERS:
        try:
            fields = next(csv.reader([header], delimiter=delimiter, strict=True, skipinitialspace=True))
        except csv.Error:  # another delimiter stands behind a quoted title
            continue
        titles = [field.strip() for field in fields]
        while len(titles) > 1 and not titles[-1]:
            titles.pop()
        if len(titles) > len(best[1]):
            best = delimiter, titles
    return best
