"""A log as a text table: which character parts its fields, whether it has a header, the fields of some columns."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from splitgym.quoting import cut, listed, shown, where
from splitgym.reading import rows_below, text_of
from splitgym.recorded.fields import is_number, is_stamp
from splitgym.registry import nearest

#: What may part fields, the first of equals; a blank stands for any number of them.
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
#: Rows that are looked at to find out which character parts them, and the share of them that must agree.
_LOOK, _AGREE = 60, 0.5
#: Most bytes of a log.
MOST_LOG = 2**28


@dataclasses.dataclass(frozen=True)
class LogTable:
    """A log's columns, and where its rows begin."""

    path: str
    text: str
    names: tuple[str, ...]  # as the header has them; "1", "2", ... without a header
    delimiter: str
    header: bool
    start: int  # index of the first row's text
    line: int  # lines before it

    @property
    def words(self) -> str:
        """How the file was understood, in a line."""
        parted = DELIMITERS[self.delimiter] if len(self.names) > 1 else "nothing"
        return f"{len(self.names)} columns parted by {parted}, {'with a' if self.header else 'without a'} header"

    def index(self, name: str) -> int:
        """Place of the column ``name``, in small or capital letters, or of its number.  ``ValueError`` if none is."""
        small = [known.lower() for known in self.names]
        wanted = name.strip().lower()
        if small.count(wanted) > 1:
            raise ValueError(
                f"{where(self.path)}, line {self.line}: the header has the column {name!r} twice; rename one"
            )
        if wanted in small:
            return small.index(wanted)
        if wanted.isdecimal() and 1 <= int(wanted) <= len(self.names):
            return int(wanted) - 1
        raise ValueError(
            f"{where(self.path)}, line {max(self.line, 1)}: no column {name!r}{nearest(name, self.names)} "
            f"(it has: {listed(self.names)})"
        )

    def at(self, line: int, column: int) -> str:
        """A place for messages."""
        return f"{where(self.path)}, line {line}, column {column + 1} ({self.names[column]})"

    def rows(self, *columns: int) -> Iterator[tuple[int, list[str]]]:
        """Line number and the fields of ``columns`` of every row; empty lines and comments are left out.

        Raises ``ValueError`` with file and line for a row with another number of fields.
        """
        for line, fields in self._rows():
            yield line, [fields[column].strip() for column in columns]

    def columns(self, *columns: int) -> tuple[list[int], list[list[str]]]:
        """Line numbers of all rows, and the fields of each of ``columns``; see :meth:`rows`."""
        lines, found = list[int](), [list[str]() for _ in columns]
        takers = [(column.append, place) for column, place in zip(found, columns, strict=True)]
        for line, fields in self._rows():
            lines.append(line)
            for take, place in takers:
                take(fields[place].strip())
        return lines, found

    def all_rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and all fields of every row."""
        for line, fields in self._rows():
            yield line, [field.strip() for field in fields]

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        many = len(self.names)
        for number, fields in _parted(self.text[self.start :], self.delimiter, self.path, self.line):
            while len(fields) > many and not fields[-1].strip():
                fields.pop()
            if len(fields) != many:
                told = f"{where(self.path)}, line {number}: expected {many} fields, got {len(fields)}: {shown(fields)}"
                raise ValueError(cut(f"{told}; {_remedy(len(fields), many, self.delimiter)}"))
            yield number, fields


def table_of(content: bytes, path: str | Path) -> LogTable:
    """The table in a log's content.

    Raises ``ValueError`` naming the file for content that is too long, that is not text, or that has no row.
    """
    if len(content) > MOST_LOG:
        raise ValueError(f"{where(path)} holds {len(content)} bytes; a log may hold {MOST_LOG} at most")
    text = text_of(content, path)
    lines = [
        (number, line)
        for number, line in _first_lines(text, _LOOK + 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise ValueError(f"{where(path)}, line 1: the log is empty; expected rows of a table")
    delimiter = _delimiter([line for _, line in lines])
    number, first = lines[0]
    names = _split(first, delimiter)
    header = not any(is_number(name) or is_stamp(name) for name in names) or is_wide(names)
    if header:
        while len(names) > 1 and not names[-1]:
            names.pop()
        names = [name or str(place + 1) for place, name in enumerate(names)]
        start = _line_start(text, number)
        if len(lines) < 2:
            raise ValueError(f"{where(path)}, line {number}: a header without rows; expected rows below it")
        return LogTable(str(path), text, tuple(names), delimiter, True, start, number)
    numbers = tuple(str(place + 1) for place in range(len(names)))
    return LogTable(str(path), text, numbers, delimiter, False, _line_start(text, number - 1), number - 1)


def is_wide(names: Sequence[str]) -> bool:
    """Whether a header ends in the numbers of bins, 1, 2, 3, ...: one row for each source of arrivals."""
    return len(bins_of(names)) >= 10 and not all(name.isdecimal() for name in names)


def bins_of(names: Sequence[str]) -> list[int]:
    """Places of the columns that are named 1, 2, 3, ... one after the other."""
    places = [place for place, name in enumerate(names) if name.strip().isdecimal()]
    numbers = [int(names[place]) for place in places]
    return places if numbers and numbers == list(range(numbers[0], numbers[0] + len(numbers))) else []


def _first_lines(text: str, most: int) -> Iterator[tuple[int, str]]:
    """The first lines that are neither empty nor comments, with their numbers, ``most`` of them."""
    start, number, found = 0, 0, 0
    while start < len(text) and found < most:
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        number += 1
        line = text[start:end]
        found += bool(line.strip()) and not line.lstrip().startswith("#")
        yield number, line
        start = end + 1


def _line_start(text: str, lines: int) -> int:
    """Index behind so many lines."""
    start = 0
    for _ in range(lines):
        start = text.find("\n", start) + 1
        if start == 0:
            return len(text)
    return start


def _split(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    try:
        found = next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error:
        return [line]
    return [field.strip() for field in found]


def _delimiter(lines: list[str]) -> str:
    """What parts the lines into most fields, as many in nearly all of them; a comma where nothing does."""
    best, most = ",", 1
    for delimiter in DELIMITERS:
        counts = [len(_split(line, delimiter)) for line in lines]
        whole = counts[0]
        while whole > 1 and not _split(lines[0], delimiter)[whole - 1]:
            whole -= 1
        agree = sum(count >= whole for count in counts) / len(counts)
        if delimiter == " ":  # a stamp such as "2023-11-16 18:17:03" has a blank of its own
            agree = sum(count == whole for count in counts) / len(counts) if best == "," and most == 1 else 0.0
            if agree and all(is_stamp(line.strip()) for line in lines[-3:]):
                agree = 0.0
        if whole > most and agree > _AGREE:
            best, most = delimiter, whole
    return best


def _parted(text: str, delimiter: str, path: str, before: int) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of every line that is neither empty nor a comment."""
    if delimiter == " ":
        for number, line in enumerate(text.split("\n"), before + 1):
            if line.strip() and not line.lstrip().startswith("#"):
                yield number, line.split()
        return
    try:
        yield from rows_below(text, 0, before, delimiter)
    except ValueError as error:
        raise ValueError(f"{where(path)}, {error}; close the quotes, or write none") from error


def _remedy(found: int, wanted: int, delimiter: str) -> str:
    if found < wanted:
        return "the row is cut off: complete or delete it"
    if delimiter == ",":
        return "is it a decimal comma? write decimal points, or part the fields by semicolons"
    return "quote the field that holds the character, or delete the row"
