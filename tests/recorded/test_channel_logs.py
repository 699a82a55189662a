"""Channel logs: units by hand, stamps, repeated rows, gaps, parts, averages."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from splitgym.named_files import NamedFile
from splitgym.physics.radio import rate_bit_s
from splitgym.recorded.channel import ChannelLog, ChannelReading
from splitgym.recorded.quantities import Link

SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "samples" / "drive_5g.csv"


def read(text: str, **options) -> ChannelLog:
    """A log out of the text of a file."""
    return ChannelReading(**options)(NamedFile("/logs/drive.csv", text.encode()))


def gains_db(log: ChannelLog) -> list[float]:
    return [round(float(g), 9) for g in 10.0 * np.log10(log.gain)]


def begins(log: ChannelLog) -> list[float]:
    return [round(float(t), 9) for t in log.play.begin_s]


# ------------------------------------------------------------------ units
@pytest.mark.parametrize(
    ("header", "value", "options", "expected_db"),
    [
        ("RSRP", -90.0, {}, -105.2),  # 46 dBm on 1200 subcarriers: 15.2 dBm on each
        ("RSRP (dBm)", -90.0, {"sent_dbm": 20.0}, -110.0),
        ("rssi", -60.0, {}, -106.0),  # 46 dBm
        ("path_gain_db", -101.5, {}, -101.5),
        ("pathloss", 101.5, {}, -101.5),
        # SNR 10 dB; noise -167 dBm/Hz in 5 MHz is -100.01 dBm; sent 23 dBm
        ("SINR", 10.0, {}, 10.0 - 167.0 + 10.0 * math.log10(5e6) - 23.0),
        ("snr", 3.0, {"sent_dbm": 30.0, "bandwidth_hz": 1e6}, 3.0 - 167.0 + 60.0 - 30.0),
        ("x", 3.0, {"column": "x", "quantity": "snr", "bandwidth_hz": 1e6, "sent_dbm": 30.0}, -134.0),
    ],
)
def test_gains_by_hand(header, value, options, expected_db):
    log = read(f"time,{header}\n0,{value}\n1,{value}\n", **options)
    assert gains_db(log) == pytest.approx([expected_db] * 2, abs=1e-9)


@pytest.mark.parametrize(("unit", "value"), [("Mbit/s", 12.5), ("kbit/s", 12500), ("bit/s", 12.5e6), ("MB/s", 1.5625)])
def test_a_rate_gives_back_the_gain_at_which_the_radio_model_has_that_rate(unit, value):
    log = read(f"time,dl\n0,{value}\n1,0\n", column="dl", unit=unit, bandwidth_hz=5e6, sent_dbm=30.0)
    noise_w_hz = 10.0 ** ((-167.0 - 30.0) / 10.0)
    assert rate_bit_s(1.0, log.gain[0], 5e6, noise_w_hz) == pytest.approx(12.5e6, rel=1e-9)
    assert gains_db(log)[1] == -200.0  # nothing comes: an outage


def test_units_are_read_from_names():
    log = read("time;DL (Mbps)\n0;1\n1;2\n", column="DL (Mbps)", bandwidth_hz=1e6, sent_dbm=30.0)
    assert (log.quantity, log.unit) == ("rate", "Mbit/s")


def test_the_mean_is_moved_where_it_is_asked_for():
    log = read("time,gain\n0,-90\n1,-100\n2,-110\n", mean_gain_db=-120.0)
    assert gains_db(log) == [-110.0, -120.0, -130.0]
    assert log.shift_db == pytest.approx(-20.0)


# ------------------------------------------------------------------ dialects and stamps
@pytest.mark.parametrize(
    "text",
    [
        "time,gain\n0,-90.5\n1.5,-91\n",
        "# a drive\n\nTime;Gain\n0;-90,5\n1,5;-91,0\n",
        "time\tgain\n0\t-90.5\n1.5\t-91\n",
        "time|gain|\n0|-90.5|\n1.5|-91|\n",
        "time gain\n0  -90.5\n1.5  -91\n",
        'time,"gain"\r\n0,"-90.5"\r\n1.5,-91\r\n',
        "\ufefftime,gain,note\n0,-90.5,a\n1.5,-91,\n",
        "time_ms,gain\n0,-90.5\n1500,-91\n",
        "minute,gain\n0,-90.5\n0.025,-91\n",
        "timestamp,gain\n1700000000000,-90.5\n1700000001500,-91\n",
        "timestamp,gain\n1700000000,-90.5\n1700000001.5,-91\n",
        "timestamp,gain\n1700000000000000000,-90.5\n1700000001500000000,-91\n",
        "date,gain\n2026-01-31 23:59:59.0,-90.5\n2026-02-01 00:00:00.5000000,-91\n",
        "date,gain\n2026-01-31T23:59:59Z,-90.5\n2026-02-01T02:00:00.5+02:00,-91\n",
        "date,gain\n2026.01.31_23.59.59,-90.5\n2026.02.01_00.00.00.5,-91\n",
        "date,gain\n31.01.2026 23:59:59,-90.5\n01.02.2026 00:00:00.5,-91\n",
        "time,gain\n10:00:00,-90.5\n10:00:01.5,-91\n",
        "date,time,gain\n2026-01-31,23:59:59,-90.5\n2026-02-01,00:00:00.5,-91\n",
    ],
)
def test_dialects_say_the_same(text):
    log = read(text)
    assert gains_db(log) == [-90.5, -91.0]
    assert begins(log) == [0.0, 1.5]
    assert log.play.length_s == pytest.approx(3.0)


def test_logs_without_header_or_stamps():
    log = read("0.0 1.0\n0.5 2.0\n1.0 4.0\n", unit="Mbit/s", bandwidth_hz=1e6, sent_dbm=30.0)
    assert begins(log) == [0.0, 0.5, 1.0]
    assert begins(read("RSRP\n-90\n-91\n-92\n", step_s=0.25)) == [0.0, 0.25, 0.5]
    us = read(
        "day,gain\n01/31/2026 10:00:00,-90\n01/31/2026 10:00:02,-91\n", time="day", time_format="%m/%d/%Y %H:%M:%S"
    )
    assert begins(us) == [0.0, 2.0]


def test_rows_of_one_stamp_are_spread_and_missing_ones_left_out():
    log = read("time,rsrp\n0,-90\n0,-91\n1,-\n2,-92\n3,NA\n3,-93\n4,-94\n4,-95\n")
    # different stamps with values: 0, 2, 3, 4; their median step is 1 s
    assert log.series.step_s == 1.0
    assert begins(log) == [0.0, 0.5, 2.0, 3.0, 4.0, 4.5]
    assert (log.series.missing, log.series.repeated, log.play.length_s) == (2, 2, 5.5)


def test_long_gaps_are_left_out():
    text = "time,gain\n0,-90\n1,-91\n2,-92\n100,-93\n101,-94\n"
    log = read(text)  # a gap is longer than ten steps of 1 s
    assert begins(log) == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert (log.play.gaps, log.play.gaps_s, log.play.length_s) == (1, 97.0, 5.0)
    assert begins(read(text, gap_s=98.0)) == [0.0, 1.0, 2.0, 100.0, 101.0]


# ------------------------------------------------------------------ parts and averages
def test_parts_are_by_time_and_share_no_sample():
    rows = "\n".join(f"{t},{-90 - t / 10}" for t in range(100))
    log = read(f"time,gain\n{rows}\n", train_share=0.7)
    train, test, whole = (log.part(split) for split in ("train", "test", "all"))
    assert train.samples.tolist() == list(range(70))
    assert test.samples.tolist() == list(range(70, 100))
    assert (train.length_s, test.length_s, whole.length_s) == (70.0, 30.0, 100.0)
    assert test.begin_s[0] == 0.0
    assert log.slow("test")[1, 0] == pytest.approx(10 ** (-9.7))  # of its own part alone


def test_slow_gains_are_means_over_the_time_before():
    values = [1e-9, 3e-9, 5e-9, 7e-9]
    rows = "\n".join(f"{0.01 * k},{10 * math.log10(v)}" for k, v in enumerate(values))
    log = read(f"time,gain\n{rows}\n", average_s=0.02, train_share=1.0)
    assert log.slow("all")[1, :4] == pytest.approx([1e-9, 2e-9, 4e-9, 6e-9])
    assert log.fast("all")[1, :4] == pytest.approx([1.0, 1.5, 1.25, 7 / 6])
    for short_s in (0.005, 0.0):
        assert read(f"time,gain\n{rows}\n", average_s=short_s).slow("all")[1, :4] == pytest.approx(values)


def test_the_link_of_the_scenario_stands_in_where_none_is_stated():
    reading = ChannelReading(link=Link(sent_dbm=20.0, bandwidth_hz=1e6, noise_dbm_hz=-170.0))
    log = reading(NamedFile("/x.csv", b"time,snr\n0,10\n1,20\n"))
    assert gains_db(log) == [-120.0, -110.0]  # 10 - 170 + 60 - 20


@pytest.mark.skipif(not SAMPLE.is_file(), reason="the sample files are not here")
def test_the_sample_as_it_came():
    log = ChannelReading()(NamedFile(str(SAMPLE), SAMPLE.read_bytes()))
    assert (log.table.names[log.column], log.quantity, log.unit) == ("RSRP", "rsrp", "dBm")
    assert len(log.gain) == 1199
    assert (log.series.step_s, log.series.repeated, log.series.missing) == (1.0, 128, 0)
    assert log.play.length_s == 1279.0
    assert log.range_db == pytest.approx((-104.0 - 15.2, -51.0 - 15.2))
