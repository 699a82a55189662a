"""Counts of arrivals: a column of them with their stamps, or a row that holds a count for each bin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from splitgym.quoting import cut, shown
from splitgym.reading import Marks
from splitgym.recorded.fields import is_missing
from splitgym.recorded.table import LogTable

#: Counts (n,), stamps and lines of the rows.
_Read = tuple[np.ndarray, list[str], list[int]]


def read_counts(table: LogTable, column: int, times: tuple[int, ...]) -> _Read:
    """The counts of a column, one for each row.  ``ValueError`` naming the first that is none, with line and remedy."""
    return _at_once(table, column, times) or _one_by_one(table, column, times)


def row_of_counts(table: LogTable, marks: Marks, line: int, fields: list[str], bins: Sequence[int]) -> np.ndarray:
    """The counts of a row, one for each of the columns ``bins``, (m,)."""
    counts = marks.plain([fields[place] for place in bins])
    if counts is None or _no_count(counts).any():
        return np.array([_count_of(marks, fields[place], table.at(line, place)) for place in bins])
    return counts


def _at_once(table: LogTable, column: int, times: tuple[int, ...]) -> _Read | None:
    """Column by column; ``None`` where there may be something to complain about."""
    try:
        lines, (fields, *stamps) = table.columns(column, *times)
    except ValueError:
        return None
    absent = set(filter(is_missing, set(fields)))
    counts = Marks(table.delimiter).plain(["0" if field in absent else field for field in fields])
    if counts is None or _no_count(counts).any():
        return None
    return counts, list(map(" ".join, zip(*stamps, strict=True))), lines


def _one_by_one(table: LogTable, column: int, times: tuple[int, ...]) -> _Read:
    """Row by row, so that the first fault is the one that is named."""
    marks, counts, stamps, lines = Marks(table.delimiter), list[float](), list[str](), list[int]()
    for line, fields in table.rows(column, *times):
        counts.append(_count_of(marks, fields[0], table.at(line, column)))
        stamps.append(" ".join(fields[1:]))
        lines.append(line)
    marks.settle()
    return np.array(counts), stamps, lines


def _count_of(marks: Marks, field: str, at: str) -> float:
    """A count of arrivals: a whole number >= 0, a missing one is 0."""
    if is_missing(field):
        return 0.0
    value = marks.number(field, at)
    if _no_count(np.array(value)):
        raise ValueError(cut(f"{at}: a count of arrivals must be a whole number >= 0 and <= 1e9, got {shown(field)}"))
    return value


def _no_count(value: np.ndarray) -> np.ndarray:
    return (value < 0.0) | (value != np.floor(value)) | (value > 1e9)
