"""A whole column of time stamps in seconds: at once where all are written in a few ways, else one after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from splitgym.quoting import cut, shown
from splitgym.recorded.fields import (
    AHEAD,
    CLOCK,
    DAY,
    MOST_CLOCK,
    TIME_UNITS,
    WRITTEN,
    Form,
    day_of,
    form_of,
    is_missing,
    seconds_of,
    seconds_within,
)
from splitgym.recorded.table import LogTable

#: Stamps are of one way of writing if they have digits, and the same other characters, at the same places.
_MOST_WAYS = 64
#: Whole numbers, their digits and the letters of a stamp that are read at once: differences of two fit into int64.
_MOST, _DIGITS, _LETTERS = 2**62, 19, 48
_NUMBER = re.compile(r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(?:[.,](?P<part>[0-9]*))?")


def instants_of(
    table: LogTable, column: int, stamps: Sequence[str], lines: Sequence[int], time_format: str
) -> tuple[np.ndarray, Form]:
    """Stamps in seconds after the first one, exactly subtracted, (n,), and their form.

    Raises ``ValueError`` naming the first one that is missing, that no calendar has, or that is of another form.
    """
    try:
        form = form_of(stamps[0], time_format, table.names[column])
        if (found := at_once(stamps, form)) is not None:
            return found, form
    except ValueError:
        pass  # the row and its line are found below
    return one_by_one(table, column, stamps, lines, time_format)


def one_by_one(
    table: LogTable, column: int, stamps: Sequence[str], lines: Sequence[int], time_format: str
) -> tuple[np.ndarray, Form]:
    """As :func:`instants_of`, whatever the stamps hold."""
    name, form = table.names[column], None
    exact: list[Decimal] = []
    for line, stamp in zip(lines, stamps, strict=True):
        try:
            if is_missing(stamp):
                raise ValueError(f"a row without a time stamp, got {shown(stamp)}; fill it in, or delete the row")
            form = form or form_of(stamp, time_format, name)
            exact.append(seconds_of(stamp, form))
        except ValueError as error:
            raise ValueError(cut(f"{table.at(line, column)}: {error}")) from None
    assert form is not None
    return np.array([float(value - exact[0]) for value in exact]), form


def at_once(stamps: Sequence[str], form: Form) -> np.ndarray | None:
    """Seconds after the first stamp, each the float next to the exact difference, (n,); ``None`` for what is unclear.

    The stamps become whole numbers of the finest digit that any of them has.
    """
    pattern = _NUMBER if form.kind == "number" else WRITTEN.get(form.kind)
    if pattern is None or not all(map(str.isascii, stamps)) or max(map(len, stamps)) > _LETTERS:
        return None
    letters = np.array(stamps, "S")
    letters = letters.view(np.uint8).reshape(len(stamps), letters.itemsize)
    ways, rest = list[_Way](), np.arange(len(stamps))
    shapes = np.where((letters >= ord("0")) & (letters <= ord("9")), ord("0"), letters)
    while len(rest):
        match = pattern.fullmatch(stamps[int(rest[0])])
        if match is None or len(ways) == _MOST_WAYS:
            return None
        same = (shapes[rest] == shapes[rest[0]]).all(axis=1)
        ways.append(_Way(match, rest[same], letters[rest[same]]))
        rest = rest[~same]
    digits = max(way.width("part") for way in ways)
    if max(digits + 1, *(way.width("whole") for way in ways)) > _DIGITS:
        return None
    ticks = np.zeros(len(stamps), np.int64)
    for way in ways:
        whole = way.number() if form.kind == "number" else way.seconds()
        if whole is None or (int(np.abs(whole).max()) + 1) * 10**digits > _MOST:
            return None
        part = way.digits("part") * 10 ** (digits - way.width("part"))
        ticks[way.rows] = (whole * 10**digits + part) * way.sign
    upper, lower = TIME_UNITS[form.unit].as_integer_ratio()
    lower *= 10**digits
    return np.array([tick * upper / lower for tick in (ticks - ticks[0]).tolist()])


class _Way:
    """Stamps that are written in one way: ``rows`` of all, of which ``match`` is the first, in ``letters`` (m, w)."""

    def __init__(self, match: re.Match[str], rows: np.ndarray, letters: np.ndarray) -> None:
        self._match, self.rows, self._letters = match, rows, letters

    def width(self, name: str) -> int:
        """Digits of a part of the stamp."""
        return len(self._group(name))

    @property
    def sign(self) -> int:
        return -1 if self._group("sign") == "-" else 1

    def digits(self, name: str) -> np.ndarray:
        """A part of the stamps as whole numbers (m,); 0 where they have none."""
        total = np.zeros(len(self.rows), np.uint64)
        if self._group(name):
            for place in range(*self._match.span(name)):
                total = total * np.uint64(10) + (self._letters[:, place] - np.uint8(ord("0")))
        return np.minimum(total, np.uint64(_MOST)).astype(np.int64)

    def number(self) -> np.ndarray | None:
        """The numbers before their decimal mark (m,); ``None`` without a digit."""
        return self.digits("whole") if self.width("whole") + self.width("part") else None

    def seconds(self) -> np.ndarray | None:
        """Whole seconds of dates and times (m,); ``None`` for those that no calendar or clock has."""
        days = np.zeros(len(self.rows), np.int64)
        if self._group("year"):
            year, month, day = (self.digits(name) for name in DAY)
            _, first, which = np.unique((year * 100 + month) * 100 + day, return_index=True, return_inverse=True)
            days = np.array([day_of(int(year[k]), int(month[k]), int(day[k])) for k in first])[which]
        hours, minutes, seconds = clock = [self.digits(name) for name in CLOCK]
        if any((part > most).any() for part, most in zip(clock, MOST_CLOCK, strict=True)):
            return None
        none = np.zeros(len(self.rows), np.int64)
        ahead_h, ahead_min = (self.digits(name) for name in AHEAD)
        ahead_s = seconds_within(none, ahead_h, ahead_min, none)
        return seconds_within(days, hours, minutes, seconds) - (-ahead_s if self._group("ahead") == "-" else ahead_s)

    def _group(self, name: str) -> str:
        return (self._match[name] or "") if name in self._match.re.groupindex else ""
