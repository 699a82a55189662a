"""A text table as a whole: the titles of its columns, and its fields line by line."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from splitgym.quoting import shown, where
from splitgym.reading.columns import DELIMITERS, header_of, titles_of, whole_rows
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
        rows = whole_rows(text, start, number, titles, delimiter)
        lines = [(line, [field.strip() for field in fields]) for line, fields in rows]
        return Sheet(where(path), titles, delimiter, lines)


def _titles(header: str) -> tuple[str, list[str]]:
    """The delimiter that parts a header into the most titles, and these."""
    parted = [(",", [header.strip()]), *((delimiter, titles_of(header, delimiter)) for delimiter in DELIMITERS)]
    return max(parted, key=lambda pair: len(pair[1]))  # the first of equals
