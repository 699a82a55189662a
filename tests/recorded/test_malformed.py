"""Malformed logs: each is refused with file, line, column and what to do about it."""

from __future__ import annotations

import re

import pytest

from splitgym.named_files import NamedFile
from splitgym.quoting import MOST
from splitgym.recorded.arrivals import ArrivalReading
from splitgym.recorded.channel import ChannelReading

RATE = {"column": "rate", "unit": "Mbit/s", "bandwidth_hz": 1e6, "sent_dbm": 30.0}
CHANNELS = {
    "nothing": ("", {}, "line 1: the log is empty; expected rows"),
    "comments": ("# a\n\n#b\n", {}, "line 1: the log is empty; expected rows"),
    "header alone": ("time,rsrp\n", {}, "line 1: a header without rows; expected rows"),
    "no number": ("time,rsrp\n0,-90\n1,weak\n", {}, r"line 3, column 2 \(rsrp\): expected a number, got 'weak'; num"),
    "a unit behind it": ("time,rsrp\n0,-90 dBm\n1,-91 dBm\n", {}, r"line 2, column 2 \(rsrp\): expected a number"),
    "no values": ("time,rsrp\n0,-\n1,NA\n", {}, "column 'rsrp' has no values in 2 rows; a log needs two"),
    "one value": ("time,rsrp\n0,-\n1,-90\n", {}, "column 'rsrp' has 1 value in 2 rows; a log needs two"),
    "cut off": ("time,rsrp,x\n0,-90,1\n1,-91\n", {}, "line 3: expected 3 fields, got 2: .*complete or delete it"),
    "decimal commas": ("time,rsrp\n0,-90,5\n1,-91,5\n", {}, "line 2: expected 2 fields, got 3: .*semicolons"),
    "mixed marks": ("time;rsrp\n0;-90,5\n1;-91.5\n", {}, "line 3.*has another decimal mark.*decimal point"),
    "thousands": ("time;rate\n0;1,234\n1;2,345\n", RATE, "line 2.*could have a decimal comma or a thousands.*decimal"),
    "back in time": ("time,rsrp\n5,-90\n4,-91\n", {}, r"line 3, column 1 \(time\): '4' is earlier than '5'.*sort"),
    "one stamp": ("time,rsrp\n5,-90\n5,-91\n", {}, "line 3, column 1.*one and the same stamp; say step_s"),
    "no stamp": ("time,rsrp\n0,-90\n,-91\n", {}, "line 3, column 1.*without a time stamp.*delete the row"),
    "two forms": ("time,rsrp\n0,-90\n2026-01-01 00:00:00,-91\n", {}, "line 3, column 1.*expected a number"),
    "day or month": ("date,rsrp\n01/02/2026 10:00:00,-90\n01/02/2026 10:00:01,-91\n", {}, "line 2.*time_format"),
    "no such day": ("date,rsrp\n2026-02-30 10:00:00,-90\n2026-02-30 11:00:00,-91\n", {}, "line 2.*no time stamp: day"),
    "no such hour": ("date,rsrp\n2026-02-03 25:00:00,-90\n2026-02-03 26:00:00,-91\n", {}, "line 2.*24 hours"),
    "two channels": (
        "time,lte_rsrp,nr_rsrp\n0,-90,-91\n1,-90,-91\n",
        {},
        "line 1: 2 columns could be.*say which by co",
    ),
    "no channel": ("time,speed\n0,1\n1,2\n", {}, "line 1: no column is known to be a channel.*say which by column"),
    "no time": ("km,rsrp\n0,-90\n1,-91\n", {}, "line 1: no column of time stamps.*by time = .*step_s"),
    "no such column": (
        "time,rsrp\n0,-90\n1,-91\n",
        {"column": "rsrq"},
        "line 1: no column 'rsrq'; did you mean 'rsrp'",
    ),
    "a column twice": ("time,rsrp,rsrp\n0,-90,1\n1,-91,1\n", {"column": "rsrp"}, "line 1: .*'rsrp' twice; rename one"),
    "dBm of what": ("time,p\n0,-90\n1,-91\n", {"column": "p", "unit": "dBm"}, "dBm of what\\? say quantity"),
    "what is it": ("time,p\n0,-90\n1,-91\n", {"column": "p"}, "say what it measures by quantity"),
    "a rate without unit": ("time,rate\n0,1\n1,2\n", {}, "its unit is not known; say it by unit"),
    "another unit": ("time,rsrp\n0,-90\n1,-91\n", {"unit": "dB"}, "rsrp is in dBm, got unit 'dB'; change"),
    "a rate of no link": ("time,rate\n0,1\n1,2\n", {"unit": "Mbit/s"}, "sent_dbm and bandwidth_hz.* are stated"),
    "too much rate": (
        "time,rate\n0,1\n1,31\n",
        RATE,
        r"line 3, column 2 \(rate\): 31 Mbit/s: more than 30 .*change unit",
    ),
    "a negative rate": ("time,rate\n0,-1\n1,2\n", RATE, r"line 2, column 2 \(rate\): -1 Mbit/s: .*delete the row"),
    "amplifies": ("time,rsrp\n0,-90\n1,91\n", {}, r"line 3, column 2 \(rsrp\): 91 gives a gain of 75.8 dB.*change"),
    "short gaps": ("time,rsrp\n0,-90\n1,-91\n", {"gap_s": 0.5}, "gap_s=0.5 s is shorter than the step.*take a longer"),
    "open quotes": ('time,rsrp\n0,-90\n1,"-91\n', {}, "line 3: .*close the quotes"),
    "NUL": ("time,rsrp\n0,-9\0\n", {}, "line 2, column 5: a NUL byte"),
    "packed": ("\x1f\x8b\x08", {}, "is a gzip file; unpack it"),
}
ARRIVALS = {
    "one arrival": ("time\n5\n", {}, "line 2.*1 arrivals at one instant; a log needs two"),
    "at once": ("time\n5\n5\n", {}, "line 3.*2 arrivals at one instant"),
    "no instant": ("time\n5\nsoon\n", {}, r"line 3, column 1 \(time\): 'soon' is no time stamp: expected a number"),
    "unsorted": ("time\n5\n3\n6\n2\n1\n", {}, "line 3.*'3' is earlier than '5', and so are 3 of 5 rows; sort"),
    "half a call": ("minute,count\n0,1\n60,0.5\n", {"time": "minute"}, r"line 3, column 2 \(count\).*whole number"),
    "thousands": ("t;count\n0;1,000\n60;2,000\n", {"time": "t"}, "line 2.*decimal comma or a thousands separator"),
    "nothing comes": ("minute,count\n0,0\n60,0\n", {"time": "minute"}, "column 'count': all counts are 0"),
    "a bin twice": ("minute,count\n0,1\n0,2\n60,1\n", {"time": "minute"}, "line 3.*not later than the bin before; add"),
    "between bins": ("t,count\n0,1\n60,2\n90,1\n", {"bin_s": 60.0, "time": "t"}, "line 4.*lies 90 s behind.*say bin_s"),
    "bins of what": ("f," + ",".join(map(str, range(1, 21))) + "\na" + ",1" * 20 + "\n", {}, "line 1: .*by bin_s"),
    "no such row": (
        "f," + ",".join(map(str, range(1, 21))) + "\na" + ",1" * 20 + "\n",
        {"bin_s": 60.0, "row": "b"},
        "no row holds 'b' in any of the columns f",
    ),
    "a row of no table": ("time\n1\n2\n", {"row": "b"}, "row = 'b' picks a row.*leave row out"),
    "bins without counts": ("time\n1\n2\n", {"bin_s": 60.0}, "no column of counts is known.*by column, or leave"),
}


def refused(reading, text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=r"/place/of/log\.csv") as caught:
        reading(NamedFile("/place/of/log.csv", text.encode("latin-1")))
    message = str(caught.value)
    assert re.search(expected, message), message
    assert len(message) <= MOST
    assert "\n" not in message


@pytest.mark.parametrize("kind", CHANNELS)
def test_channels(kind):
    text, options, expected = CHANNELS[kind]
    refused(ChannelReading(**options), text, expected)


@pytest.mark.parametrize("kind", ARRIVALS)
def test_arrivals(kind):
    text, options, expected = ARRIVALS[kind]
    refused(ArrivalReading(**options), text, expected)


def test_a_part_without_values_is_refused():
    log = ChannelReading(train_share=1.0)(NamedFile("/log.csv", b"time,rsrp\n0,-90\n1,-91\n"))
    with pytest.raises(ValueError, match=r"/log.csv: the test part holds 0 of 2 values; change train_share"):
        log.part("test")
    quiet = ArrivalReading(train_share=1.0)(NamedFile("/log.csv", b"time\n0\n1\n"))
    with pytest.raises(ValueError, match=r"/log.csv: nothing arrives in the test part; change train_share"):
        quiet.part("test")
