"""A series out of a log: values with the instants at which they were measured, in the log's own order."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import compress

import numpy as np

from splitgym.quoting import listed, shown, where
from splitgym.reading import Marks
from splitgym.recorded.fields import is_clock, is_day, is_missing, is_number, is_stamp
from splitgym.recorded.stamps import instants_of
from splitgym.recorded.table import LogTable

#: Names that columns of time stamps have, without their unit, in small letters.
TIME_NAMES = (
    "timestamp", "time", "datetime", "date", "t", "ts", "unixtime", "unix", "epoch", "elapsed", "arrival", "arrivals",
    "instant", "second", "seconds", "sec", "ms", "minute", "minutes", "min", "hour", "hours", "start",
    "invocationtime", "arrivaltime", "starttime", "endtimestamp",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Series:
    """Samples in ascending order, and what was met on the way."""

    time_s: np.ndarray  # (n,) [s], the first at 0; stamps that repeat are spread
    values: np.ndarray  # (n,) in the log's own unit
    lines: np.ndarray  # (n,) of the file
    step_s: float  # median of the steps between different stamps
    missing: int  # rows without a value
    repeated: int  # rows with the stamp of the row before
    form: str  # of the stamps, in words


def read_series(table: LogTable, column: int, time: tuple[int, ...], time_format: str, step_s: float | None) -> Series:
    """The values of a column with the stamps of another one, or one every ``step_s`` where there are none.

    Raises ``ValueError`` with file, line, column and remedy for what is neither a number nor missing, for stamps that
    are missing, of several forms or out of order, and for less than two values.
    """
    values, stamps, rows, lines, missing = _at_once(table, column, time) or _one_by_one(table, column, time)
    if len(values) < 2:
        raise ValueError(
            f"{where(table.path)}: column {table.names[column]!r} has {len(values) or 'no'} value"
            f"{'' if len(values) == 1 else 's'} in {missing + len(values)} rows; a log needs two at least"
        )
    if not time:
        assert step_s is not None
        time_s, words = rows.astype(np.float64) * step_s, f"none, one row every {step_s:g} s"
        time_s -= time_s[0]
    else:
        time_s, form = instants_of(table, time[0], stamps, lines, time_format)
        words = form.words
        check_order(table, time[0], time_s, stamps, lines)
    spread_s, step, repeated = spread(time_s)
    if step <= 0.0:
        raise ValueError(
            f"{table.at(lines[-1], time[0] if time else 0)}: all rows have one and the same stamp; say step_s instead"
        )
    return Series(spread_s, values, np.array(lines), step, missing, repeated, words)


#: Values (n,), their stamps, which rows they are (n,), their lines, and how many rows have none.
_Read = tuple[np.ndarray, list[str], np.ndarray, list[int], int]


def _at_once(table: LogTable, column: int, time: tuple[int, ...]) -> _Read | None:
    """Column by column; ``None`` where there may be something to complain about."""
    try:
        lines, (fields, *stamps) = table.columns(column, *time)
    except ValueError:
        return None
    absent = set(filter(is_missing, set(fields)))
    kept = np.array([field not in absent for field in fields], bool)
    values = Marks(table.delimiter).plain(list(map(_ascii, compress(fields, kept))))
    if values is None:
        return None
    joined = list(map(" ".join, zip(*(compress(stamp, kept) for stamp in stamps), strict=True)))
    return values, joined, np.flatnonzero(kept), list(compress(lines, kept)), len(lines) - len(values)


def _one_by_one(table: LogTable, column: int, time: tuple[int, ...]) -> _Read:
    """Row by row, so that the first fault is the one that is named."""
    marks, values, stamps, rows, lines, missing = Marks(table.delimiter), list[float](), list[str](), [], [], 0
    for row, (line, fields) in enumerate(table.rows(column, *time)):
        if is_missing(fields[0]):
            missing += 1
            continue
        values.append(marks.number(_ascii(fields[0]), table.at(line, column)))
        lines.append(line)
        rows.append(row)
        stamps.append(" ".join(fields[1:]))
    marks.settle()
    return np.array(values), stamps, np.array(rows, np.int64), lines, missing


def _ascii(field: str) -> str:
    return field.replace("\N{MINUS SIGN}", "-")


def time_columns(table: LogTable, given: str, apart: str = "step_s") -> tuple[int, ...]:
    """Place of the column of time stamps: the one that is named, that has such a name, or that alone has stamps.

    Two columns, where a date and a time of the day stand apart.  ``apart`` is the key that does without, for messages.
    """
    if given:
        return (table.index(given),)
    known = [place for place, name in enumerate(table.names) if bare(name) in TIME_NAMES]
    first = next((fields for _, fields in table.all_rows()), [])
    if len(known) > 1:
        clocks = [place for place in known if is_clock(first[place])]
        days = [place for place in known if is_day(first[place])]
        if len(clocks) == len(days) == 1:
            return days[0], clocks[0]
    if not known:
        known = [place for place, field in enumerate(first) if is_stamp(field)]
        if not known and not table.header and is_number(first[0]):
            known = [0]
    if known:
        return (known[0],)
    raise ValueError(
        f"{where(table.path)}, line {max(table.line, 1)}: no column of time stamps is known among "
        f"{listed(table.names)}; say which by time = 'NAME', or how far rows are apart by {apart} = 1.0"
    )


def bare(name: str) -> str:
    """A column's name in small letters, without unit, blanks and signs: "RSRP [dBm]" -> "rsrp"."""
    text = name.strip().lower()
    for opening in "([":
        text = text.partition(opening)[0]
    for unit in ("_dbm", "_db", "_mbps", "_kbps", "_bps", "_s", "_ms", "_us", "_ns"):
        text = text.removesuffix(unit)
    return "".join(letter for letter in text if letter.isalnum())


def check_order(table: LogTable, column: int, time_s: np.ndarray, stamps: Sequence[str], lines: Sequence[int]) -> None:
    """``ValueError`` naming the first stamp that is earlier than the one before."""
    back = np.flatnonzero(np.diff(time_s) < 0.0)
    if len(back):
        k = int(back[0]) + 1
        raise ValueError(
            f"{table.at(lines[k], column)}: {shown(stamps[k])} is earlier than {shown(stamps[k - 1])} in line "
            f"{lines[k - 1]}; sort the rows by time, or make a file of each recording"
        )


def spread(time_s: np.ndarray) -> tuple[np.ndarray, float, int]:
    """Rows that share a stamp, evenly spread until the next one, or over a median step where that is later.

    Returns the instants (n,) [s], the median step between different stamps [s], and how many rows repeat a stamp.
    """
    distinct, first, counts = np.unique(time_s, return_index=True, return_counts=True)
    if len(distinct) < 2:
        return time_s, 0.0, len(time_s) - 1
    steps = np.diff(distinct)
    median = float(np.median(steps))
    room = np.minimum(np.append(steps, median), median)
    place = np.arange(len(time_s)) - np.repeat(first, counts)
    return time_s + place * np.repeat(room / counts, counts), median, int(len(time_s) - len(distinct))
