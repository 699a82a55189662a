"""Arrival logs: instants and counts by hand, scaling, parts, and what the kernel makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from splitgym.named_files import NamedFile
from splitgym.physics.arrivals import COUNTS, GAPS, fill_arrivals
from splitgym.recorded.arrivals import ArrivalLog, ArrivalReading
from splitgym.traces.arrivals import arrival_params

SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "samples" / "arrivals_llm.csv"


def read(text: str, **options) -> ArrivalLog:
    """A log out of the text of a file."""
    return ArrivalReading(**options)(NamedFile("/logs/calls.csv", text.encode()))


def drawn(kind: int, given: np.ndarray, count: int, key: int, bin_s: float = 0.0) -> np.ndarray:
    """Instants [s] that the kernel draws."""
    out = np.zeros(count)
    fill_arrivals(np.uint64(key), arrival_params(kind, bin_s=bin_s).view(np.recarray)[()], given, out)
    return out


def test_instants_by_hand():
    log = read("TIMESTAMP,tokens\n2023-11-16 18:17:03.9799600,4808\n2023-11-16 18:17:04.0319600,3180\n"
               "2023-11-16 18:17:05.0319600,1\n")  # fmt: skip
    assert log.gaps_s == pytest.approx([0.052, 1.0], abs=1e-12)
    assert (log.arrivals, log.mean_s) == (3, pytest.approx(0.526))
    assert read("3\n5\n9\n").gaps_s.tolist() == [2.0, 4.0]
    scaled = read("3\n5\n9\n", mean_s=0.3)
    assert scaled.gaps_s == pytest.approx([0.2, 0.4])
    assert scaled.mean_s == pytest.approx(0.3)


def test_a_few_rows_out_of_order_are_sorted():
    log = read("time\n" + "\n".join(map(str, [*range(10), 11, 10, *range(12, 30)])) + "\n")
    assert log.gaps_s.tolist() == [1.0] * 29
    assert log.unsorted == 1


def test_whole_seconds_that_repeat_are_spread():
    log = read("time\n0\n0\n2\n2\n2\n2\n")
    assert np.cumsum(log.gaps_s) == pytest.approx([0.5, 2.0, 2.25, 2.5, 2.75])
    assert log.coarse
    assert read("time\n0\n0\n1.5\n").gaps_s.tolist() == [0.0, 1.5]  # stamps are finer: at once is at once


def test_counts_by_hand():
    log = read("time,count\n0,2\n60,0\n180,3\n240,1\n")
    assert log.counts.tolist() == [2, 0, 0, 3, 1]  # a bin without a row is empty
    assert (log.bin_s, log.mean_s) == (60.0, 50.0)
    assert read("minute,calls\n0,2\n1,0\n3,3\n").bin_s == 60.0
    assert read("count,x\n1,a\n2,b\n", bin_s=5.0).counts.tolist() == [1, 2]
    header = "HashFunction,Trigger," + ",".join(map(str, range(1, 1441)))
    rows = ["f1,http" + ",1" * 1440, "f2,timer" + ",2" * 1440]
    wide = read("\n".join([header, *rows]) + "\n")
    assert (wide.counts.tolist(), wide.bin_s) == ([3.0] * 1440, 60.0)  # the minutes of a day
    assert read("\n".join([header, *rows]) + "\n", row="timer").counts.tolist() == [2.0] * 1440
    scaled = read("\n".join([header, *rows]) + "\n", mean_s=0.4)
    assert scaled.bin_s == pytest.approx(1.2)


def test_parts_are_by_time_and_share_nothing():
    log = read("\n".join(map(str, range(101))) + "\n", train_share=0.75)
    assert (len(log.part("train")), len(log.part("test")), len(log.part("all"))) == (75, 25, 100)
    counts = read("count,x\n" + "\n".join(f"{k},a" for k in range(10)) + "\n", bin_s=1.0, train_share=0.6)
    assert counts.part("train").tolist() == [0, 1, 2, 3, 4, 5]
    assert counts.part("test").tolist() == [6, 7, 8, 9]


# ------------------------------------------------------------------ what the kernel makes of them
def test_windows_of_gaps():
    gaps_s = np.arange(1.0, 11.0)
    seen = set()
    for key in range(300):
        steps = np.diff(drawn(GAPS, gaps_s, 4, key), prepend=0.0)
        assert steps.tolist() == list(range(int(steps[0]), int(steps[0]) + 4))  # neighbours, never around the end
        seen.add(int(steps[0]))
    assert seen == set(range(1, 8))


def test_a_short_log_is_played_in_a_circle():
    steps = np.diff(drawn(GAPS, np.array([1.0, 2.0, 3.0]), 8, 5), prepend=0.0).tolist()
    circle = [1.0, 2.0, 3.0] * 4
    assert any(steps == circle[k : k + 8] for k in range(3))


def test_counts_are_spread_within_their_bins():
    counts, bins = np.array([3.0, 0.0, 5.0, 1.0]), []
    for key in range(200):
        instants = drawn(COUNTS, counts, 6, key, bin_s=2.0)
        assert (np.diff(instants) >= 0.0).all()
        found = np.bincount((instants // 2.0).astype(int), minlength=4).tolist()
        bins.append(tuple(found))
    # behind bins 0 to 2 come six or more; a window that begins at bin 1 has an empty bin first
    assert set(bins) == {(3, 0, 3, 0), (0, 5, 1, 0), (5, 1, 0, 0)}


def test_instants_within_a_bin_are_uniform():
    spread = np.concatenate([drawn(COUNTS, np.array([4.0]), 4, key, bin_s=1.0) for key in range(2000)])
    sorted_share = np.sort(spread)
    gap = np.abs(sorted_share - (np.arange(len(spread)) + 0.5) / len(spread)).max()  # Kolmogorov-Smirnov
    assert gap < 1.63 / np.sqrt(len(spread))


@pytest.mark.skipif(not SAMPLE.is_file(), reason="the sample files are not here")
def test_the_sample_as_it_came():
    log = ArrivalReading()(NamedFile(str(SAMPLE), SAMPLE.read_bytes()))
    assert log.arrivals == 31
    assert log.length_s == pytest.approx(33.340075, abs=1e-9)
