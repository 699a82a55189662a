"""Fields of a log: what stands for a missing value, numbers with their decimal mark, time stamps."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from typing import NamedTuple, TypeVar

import numpy as np

from splitgym.quoting import shown
from splitgym.reading import MISSING, NUMBER

#: What stands for no value; loggers write infinities too, the logarithm of nothing.
_MISSING = MISSING | {"inf", "-inf"}
_OF_DAY = r"(?:[T _](?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,](?P<part>\d+))?)?)?"
_STAMP = re.compile(
    r"(?P<year>\d{4})(?P<mark>[-./])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})" + _OF_DAY
    + r"\s*(?:Z|UTC|(?P<ahead>[+-])(?P<ahead_h>\d\d):?(?P<ahead_min>\d\d))?"
)  # fmt: skip
_DAY_FIRST = re.compile(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})" + _OF_DAY)
_EITHER = re.compile(r"\d{1,2}[/-]\d{1,2}[/-]\d{2,4}([T _].*)?")
_CLOCK = re.compile(r"(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2})(?:[.,](?P<part>\d+))?")
#: How stamps are written, by the kind of their form.
WRITTEN = {"date": _STAMP, "day first": _DAY_FIRST, "clock": _CLOCK}
#: What a number of a time column may count, and how many of them are a second.
TIME_UNITS = {
    "s": Decimal(1), "ms": Decimal("1e-3"), "us": Decimal("1e-6"), "ns": Decimal("1e-9"),
    "min": Decimal(60), "h": Decimal(3600),
}  # fmt: skip
#: What a column's name may end with, and the unit that it says.
_NAMED_UNITS = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "ms": "ms", "millis": "ms", "milliseconds": "ms",
    "us": "us", "ns": "ns", "min": "min", "minute": "min", "minutes": "min", "h": "h", "hour": "h", "hours": "h",
}  # fmt: skip
#: Numbers above these count from 1970 in that unit.
_SINCE_1970 = ((10**17, "ns"), (10**14, "us"), (10**11, "ms"), (10**8, "s"))
_DAYS = datetime.date(1970, 1, 1).toordinal()
#: Parts of a stamp: the day, the time of the day and its largest values, and how far clocks are ahead of UTC.
DAY, CLOCK, AHEAD = ("year", "month", "day"), ("hour", "minute", "second"), ("ahead_h", "ahead_min")
MOST_CLOCK = (23, 59, 60)
Whole = TypeVar("Whole", int, np.ndarray)


class Form(NamedTuple):
    """How the stamps of a column are written."""

    kind: str  # "number", "date", "day first", "clock" or "pattern"
    unit: str = "s"  # of numbers
    pattern: str = ""
    assumed: bool = False  # nothing says the unit of numbers

    @property
    def words(self) -> str:
        """For people."""
        names = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
        names |= {"min": "minutes", "h": "hours"}
        if self.assumed:
            return "seconds (assumed; say time_format, such as ms)"
        kinds = {"date": "dates", "day first": "dates, the day first", "clock": "times of a day"}
        return names[self.unit] if self.kind == "number" else kinds.get(self.kind, f"dates {self.pattern!r}")


def is_missing(field: str) -> bool:
    """Whether a field stands for no value."""
    return field.strip().lower() in _MISSING


def is_number(field: str) -> bool:
    """Whether a field is a number, with a decimal point or comma."""
    return NUMBER.fullmatch(field.strip()) is not None


def is_stamp(field: str) -> bool:
    """Whether a field is a date with a time, or a time."""
    text = field.strip()
    return any(form.fullmatch(text) for form in WRITTEN.values()) or bool(
        re.fullmatch(r"\d{1,2}[/-]\d{1,2}[/-]\d{2,4}[T _].+", text)
    )


def is_day(field: str) -> bool:
    """Whether a field is a date without a time."""
    return re.fullmatch(r"\d{4}([-./])\d{1,2}\1\d{1,2}|\d{1,2}\.\d{1,2}\.\d{4}", field.strip()) is not None


def is_clock(field: str) -> bool:
    """Whether a field is a time of a day."""
    return _CLOCK.fullmatch(field.strip()) is not None


def number_of(field: str) -> Decimal:
    """A number exactly as it is written.  ``ValueError`` without a place for anything else."""
    text = field.strip().replace("\N{MINUS SIGN}", "-")
    if not is_number(text):
        raise ValueError(f"expected a number, got {shown(field)}")
    return Decimal(text.replace(",", "."))


def form_of(field: str, given: str, name: str) -> Form:
    """The form of a column's stamps, by its first one; ``given`` is what the user says, ``name`` the column's."""
    if given in TIME_UNITS:
        return Form("number", given)
    if given:
        return Form("pattern", pattern=given)
    text = field.strip()
    if is_number(text):
        unit = _unit_of(number_of(text), name)
        return Form("number", unit or "s", assumed=not unit)
    for kind, form in WRITTEN.items():
        if form.fullmatch(text):
            return Form(kind)
    if _EITHER.fullmatch(text):
        raise ValueError(
            f"{shown(field)} may begin with the day or with the month; say which by time_format, such as "
            "time_format = '%d/%m/%Y %H:%M:%S'"
        )
    raise ValueError(
        f"expected a time stamp, got {shown(field)}; write seconds or dates such as 2026-01-31 12:00:00, or give "
        "time_format, such as '%d.%m.%y %H:%M:%S'"
    )


def _unit_of(value: Decimal, name: str) -> str:
    """The unit of a numeric stamp, by the column's name or, where it counts from 1970, by its size; empty: unknown."""
    word = re.search(r"(?:^|[^a-z])([a-z]+)[\])]?$", name.strip().lower())
    if word and word[1] in _NAMED_UNITS:
        return _NAMED_UNITS[word[1]]
    return next((unit for least, unit in _SINCE_1970 if value > least), "")


def seconds_of(field: str, form: Form) -> Decimal:
    """A stamp in seconds, exactly: since 1970 (UTC where nothing else is written), midnight, or whatever 0 is.

    ``ValueError`` without a place for one of another form.
    """
    text = field.strip()
    try:
        if form.kind == "number":
            return number_of(text) * TIME_UNITS[form.unit]
        if form.kind == "pattern":
            return _of_datetime(datetime.datetime.strptime(text, form.pattern))
        if form.kind in WRITTEN and (found := WRITTEN[form.kind].fullmatch(text)):
            parts = found.groupdict(default="")
            days = day_of(*(int(parts[name]) for name in DAY)) if "year" in parts else 0
            ahead_h, ahead_min = _ints(parts, AHEAD)
            ahead_s = (-1 if parts.get("ahead") == "-" else 1) * seconds_within(0, ahead_h, ahead_min, 0)
            hours, minutes, whole = _ints(parts, CLOCK)
            if hours > MOST_CLOCK[0] or minutes > MOST_CLOCK[1] or whole > MOST_CLOCK[2]:
                raise ValueError("a day has 24 hours of 60 minutes of 60 seconds")
            return Decimal(seconds_within(days, hours, minutes, whole) - ahead_s) + Decimal(f"0.{parts['part'] or 0}")
    except ValueError as error:
        raise ValueError(f"{shown(field)} is no time stamp: {error}") from error
    raise ValueError(f"expected stamps of one form, {form.words}, got {shown(field)}")


def day_of(year: int, month: int, day: int) -> int:
    """Days since 1970.  ``ValueError`` for a day that no calendar has."""
    return datetime.date(year, month, day).toordinal() - _DAYS


def seconds_within(days: Whole, hours: Whole, minutes: Whole, seconds: Whole) -> Whole:
    """Whole seconds since 1970, or of a part of a day."""
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _ints(parts: dict[str, str], names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(int(parts.get(name) or 0) for name in names)


def _of_datetime(moment: datetime.datetime) -> Decimal:
    since = moment.replace(tzinfo=None) - datetime.datetime(1970, 1, 1)
    ahead = moment.utcoffset() or datetime.timedelta(0)
    since -= ahead
    return Decimal(since.days) * 86400 + since.seconds + Decimal(since.microseconds) / 1_000_000
