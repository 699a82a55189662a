"""Columns that are read at once: to the bit what reading row by row gives, and exact."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from splitgym.named_files import NamedFile
from splitgym.recorded import counts, series, stamps
from splitgym.recorded.arrivals import ArrivalReading
from splitgym.recorded.channel import ChannelReading
from splitgym.recorded.fields import form_of, seconds_of

STAMPS = {
    "seconds": ["0", "0.1", "00.25", "7", "+9.", ".5", "-3.125", "1234567.8901234"],
    "unix milliseconds": ["1700000000000", "1700000001500", "1699999999999.25"],
    "unix nanoseconds": ["1700000000123456789", "1700000000123456790", "1700864000123456789"],
    "dates": ["2023-11-16 18:17:03.9799600", "2023-11-16 18:17:04", "2024-02-29T00:00", "1969-12-31 23:59:60.5"],
    "zones": ["2026-01-31T23:59:59Z", "2026-02-01T02:00:00.5+02:00", "2026-02-01 02:00:00 UTC", "2026-2-1 2:00-0330"],
    "a drive": ["2020.02.14_09.38.22", "2020.02.14_09.38.23", "2020.02.15_00.00.00,125"],
    "the day first": ["31.01.2026 23:59:59", "1.2.2026 0:00:00.5"],
    "days": ["2026-01-31", "2026-02-28"],
    "clock": ["9:00:00", "10:00:01,5", "23:59:59.999999999"],
}


@pytest.mark.parametrize("kind", STAMPS)
def test_stamps_at_once_are_the_floats_next_to_the_exact_differences(kind):
    fields = STAMPS[kind]
    form = form_of(fields[0], "", "time")
    found = stamps.at_once(fields, form)
    assert found is not None
    exact = [Fraction(seconds_of(field, form)) for field in fields]
    assert found.tolist() == [float(value - exact[0]) for value in exact]


def test_stamps_at_once_by_hand():
    found = stamps.at_once(["2023-12-31T23:59:59.5+01:00", "2024-01-01 00:00:01 UTC"], form_of("2023-12-31", "", ""))
    assert found is not None
    assert found.tolist() == [0.0, 3601.5]
    minutes = stamps.at_once(["0.5", "2"], form_of("0.5", "min", ""))
    assert minutes is not None
    assert minutes.tolist() == [0.0, 90.0]


@pytest.mark.parametrize(
    "fields",
    [
        ["2026-01-01 24:00", "2026-01-02 00:00"], ["0", "1e3"], ["0", "-"], ["0", ""],
        ["1", "\N{MINUS SIGN}1"], ["0", "\N{ARABIC-INDIC DIGIT ONE}"], ["0", "1.0000000000000000001"], ["0", "9" * 19],
        ["0", "9" * 19 + ".5"], ["0.5", "9" * 18],
    ],
)  # fmt: skip
def test_what_is_unclear_is_left_to_the_slow_way(fields):
    assert stamps.at_once(fields, form_of(fields[0], "", "")) is None


TEXTS = [
    "time,gain\n0,-90.5\n1,-\n2.5,-91\n2.5,NA\n2.5,-92e0\n",
    "# a drive\n\nTime;Gain\n0;-90,5\n\n#\n1,5;-91,0\n",
    'date,time,gain,\n2026-01-31,23:59:59,"-90.5",\n2026-02-01,00:00:00.5,-91,\n',
    "time\tgain\n0\t\N{MINUS SIGN}90.5\n1\t-91\n",
    "time gain\n0  -90.5\n1.5  -91\n",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_channel_at_once_is_the_one_of_row_by_row(text, monkeypatch):
    def read() -> series.Series:
        return ChannelReading()(NamedFile("/log.csv", text.encode())).series

    with monkeypatch.context() as patch:
        patch.setattr(series, "_one_by_one", None)
        patch.setattr(stamps, "one_by_one", None)
        fast = read()
    monkeypatch.setattr(series, "_at_once", lambda *_: None)
    monkeypatch.setattr(stamps, "at_once", lambda *_: None)
    slow = read()
    for name in ("time_s", "values", "lines"):
        assert np.array_equal(getattr(fast, name), getattr(slow, name))
    assert (fast.step_s, fast.missing, fast.repeated, fast.form) == (
        slow.step_s, slow.missing, slow.repeated, slow.form
    )  # fmt: skip


def test_counts_at_once_are_those_of_row_by_row(monkeypatch):
    def read() -> list[float]:
        text = "minute;calls\n0;3\n60;-\n120;4,0\n240;12\n"
        return ArrivalReading(time_format="s")(NamedFile("/log.csv", text.encode())).counts.tolist()

    with monkeypatch.context() as patch:
        patch.setattr(counts, "_one_by_one", None)
        assert read() == [3.0, 0.0, 4.0, 0.0, 12.0]
    monkeypatch.setattr(counts, "_at_once", lambda *_: None)
    assert read() == [3.0, 0.0, 4.0, 0.0, 12.0]


def test_the_first_fault_is_named_whichever_kind_it_is():
    text = "time,gain\n0,-90\n1,weak\n2\n3,-90\n"
    with pytest.raises(ValueError, match=r"line 3, column 2 \(gain\): expected a number, got 'weak'"):
        ChannelReading()(NamedFile("/log.csv", text.encode()))
    with pytest.raises(ValueError, match=r"line 3, column 2 \(count\): a count of arrivals must be a whole number"):
        ArrivalReading(time="t")(NamedFile("/log.csv", b"t,count\n0,1\n1,0.5\n2,many\n"))
