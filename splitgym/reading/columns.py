"""One column of numbers out of a text table: commas, semicolons or tabs, decimal points or decimal commas."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from splitgym.quoting import cut, listed, shown, where
from splitgym.reading.files import text_of

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
#: A number with a decimal point or comma.
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
_POINT = "numbers are written with a decimal point, without thousands separators"


def column_of(content: bytes, path: str | Path, name: str) -> np.ndarray:
    """The column ``name`` of a text table, (n,) float64; ``path`` names it in messages.

    The first line that is neither empty nor a comment (``#``) names the columns, in small or capital letters; fields
    are parted by commas, semicolons or tabs, whichever the header has, and may be quoted.  Between semicolons or tabs
    the decimal mark may be a comma, one and the same in the whole column.  Raises ``ValueError`` naming file, line
    and column for everything else: no or two such columns, too few or too many fields, anything but a finite number.
    """
    try:
        return np.array(list(_numbers(text_of(content, path), name)), np.float64)
    except (csv.Error, ValueError) as error:
        told = str(error)
        raise ValueError(cut(told if where(path) in told else f"{where(path)}, {told}")) from error


def _numbers(text: str, name: str) -> Iterator[float]:
    start, line, header = header_of(text)
    delimiter, names = _columns(header, name, line)
    place = names.index(name)
    marks = Marks(delimiter)
    for number, fields in whole_rows(text, start, line, names, delimiter):
        yield marks.number(fields[place].strip(), f"line {number}, column {place + 1} ({name})")
    marks.settle()


class Marks:
    """The decimal mark of a column, which its numbers must agree about."""

    def __init__(self, delimiter: str) -> None:
        self._commas = delimiter != ","
        self._mark = ""  # once it is known
        self._unsure = ""  # what could have a decimal comma or a thousands separator

    def plain(self, fields: Sequence[str]) -> np.ndarray | None:
        """All numbers of a column at once, (n,); ``None`` where :meth:`number` may find something to complain about."""
        commas, points = any("," in field for field in fields), any("." in field for field in fields)
        if (commas and (points or not self._commas)) or not all(map(NUMBER.fullmatch, fields)):
            return None
        if commas and all(map(_THOUSANDS.fullmatch, (field for field in fields if "," in field))):
            return None
        values = np.array([float(field.replace(",", ".")) for field in fields])
        return values if np.isfinite(values).all() else None

    def number(self, field: str, at: str) -> float:
        if not NUMBER.fullmatch(field) or ("," in field and not self._commas):
            raise ValueError(f"{at}: expected a number, got {shown(field)}; {_POINT}")
        mark = next((mark for mark in ".," if mark in field), "")
        if mark and self._mark and mark != self._mark:
            raise ValueError(f"{at}: {shown(field)} has another decimal mark than the lines before; {_POINT}")
        if mark == "," and not self._mark and _THOUSANDS.fullmatch(field):
            self._unsure = self._unsure or f"{at}: {shown(field)}"
        else:
            self._mark = self._mark or mark
        value = float(field.replace(",", "."))
        if not math.isfinite(value):
            raise ValueError(f"{at}: expected a finite number, got {shown(field)}")
        return value

    def settle(self) -> None:
        if self._unsure and self._mark != ",":
            raise ValueError(f"{self._unsure} could have a decimal comma or a thousands separator; {_POINT}")


def header_of(text: str) -> tuple[int, int, str]:
    """Where the line behind the header begins, its number, and the header."""
    start, number = 0, 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        line, number = text[start:end], number + 1
        start = end + 1
        if line.strip() and not line.lstrip().startswith("#"):
            return start, number, line
    raise ValueError("line 1: it is empty; expected a header that names the columns")


def titles_of(header: str, delimiter: str) -> list[str]:
    """The titles that a delimiter parts a header into, without empty ones at the end; none if it cannot."""
    try:
        fields = next(csv.reader([header], delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error:  # another delimiter stands behind a quoted title
        return []
    titles = [field.strip() for field in fields]
    while len(titles) > 1 and not titles[-1]:
        titles.pop()
    return titles


def _columns(header: str, name: str, line: int) -> tuple[str, list[str]]:
    """The delimiter under which the header names the column, and all names in small letters."""
    best: list[str] = []
    for delimiter in DELIMITERS:
        fields = [title.lower() for title in titles_of(header, delimiter)]
        if fields.count(name) > 1:
            raise ValueError(f"line {line}: the header has the column {name!r} twice")
        if name in fields:
            return delimiter, fields
        best = max(best, fields, key=len)
    # no "did you mean": whoever renames a column must first bring its values into the unit of the new name
    told = listed(map(shown, best)) or shown(header)
    raise ValueError(f"line {line}: expected a header with the column {name!r} (it has: {told})")


def rows_below(text: str, start: int, line: int, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and fields behind the header; empty lines and comments are left out."""
    reader = csv.reader(io.StringIO(text[start:]), delimiter=delimiter, strict=True, skipinitialspace=True)
    try:
        for fields in reader:
            first = fields[0].lstrip() if fields else ""
            if first[0] != "#" if first else any(map(str.strip, fields)):
                yield line + reader.line_num, fields
    except csv.Error as error:
        raise ValueError(f"line {line + reader.line_num}: {error}") from error


def whole_rows(text: str, start: int, line: int, titles: list[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """As :func:`rows_below`, without empty fields at the end; ``ValueError`` for a row of too few or too many."""
    for number, fields in rows_below(text, start, line, delimiter):
        while len(fields) > len(titles) and not fields[-1].strip():
            fields.pop()
        if len(fields) != len(titles):
            raise ValueError(f"line {number}: {_miscounted(fields, titles, delimiter)}")
        yield number, fields


def _miscounted(fields: list[str], names: list[str], delimiter: str) -> str:
    hint = ""
    if len(fields) > len(names) and delimiter == ",":
        hint = f"; is it a decimal comma? {_POINT}, or the fields parted by semicolons"
    return f"expected {len(names)} fields between {DELIMITERS[delimiter]}, got {len(fields)}: {shown(fields)}{hint}"
