"""An arrival log: gaps between arrivals, or counts of arrivals per bin, read from a text table."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from splitgym.named_files import NamedFile
from splitgym.quoting import listed, shown, where
from splitgym.reading import Marks
from splitgym.recorded.counts import read_counts, row_of_counts
from splitgym.recorded.series import bare, time_columns
from splitgym.recorded.stamps import instants_of
from splitgym.recorded.table import LogTable, bins_of, is_wide, table_of
from splitgym.recorded.windows import limits_of

#: Names of columns that count arrivals, in small letters.
COUNT_NAMES = ("count", "counts", "invocations", "requests", "calls", "arrivals", "tasks", "hits")
#: Stamps that repeat and are all multiples of this are spread over it [s]: the logger wrote no finer ones.
WHOLE_S = 1.0
#: A larger share of rows out of order is not sorted, but refused: it is another column, or several recordings.
MOST_UNSORTED = 0.1
#: Bins named 1 to 1440 are the minutes of a day.
_MINUTES = 1440
_BIN_S = 60.0


@dataclasses.dataclass(frozen=True)
class ArrivalReading:
    """How an arrival log is to be read; calling it reads a file.  Empty and 0: as the file says."""

    column: str = ""
    time: str = ""
    time_format: str = ""
    bin_s: float = 0.0
    row: str = ""
    mean_s: float = 0.0
    train_share: float = 0.8

    def __call__(self, file: NamedFile) -> ArrivalLog:
        """The log in a file.  ``ValueError`` with file, line, column and remedy for one that gives no arrivals."""
        table = table_of(file.content, file)
        if is_wide(table.names):
            return self._settled(table, *self._wide(table), len(bins_of(table.names)))
        if self.row:
            raise ValueError(
                f"{where(file)}: row = {self.row!r} picks a row of a table with a column for each bin; this has none: "
                "leave row out"
            )
        column = self._count_column(table)
        if column is None:
            return self._instants(table)
        return self._settled(table, *self._counts(table, column), 0)

    def _count_column(self, table: LogTable) -> int | None:
        if self.column:
            return table.index(self.column)
        known = [place for place, name in enumerate(table.names) if bare(name) in COUNT_NAMES]
        return known[0] if len(known) == 1 and len(table.names) > 1 and table.header else None

    def _instants(self, table: LogTable) -> ArrivalLog:
        """One row for each arrival."""
        if self.bin_s:
            raise ValueError(
                f"{where(table.path)}: bin_s is the length of a bin of counts, and no column of counts is known among "
                f"{listed(table.names)}; say which by column, or leave bin_s out"
            )
        times = (0,) if len(table.names) == 1 and not self.time else time_columns(table, self.time)
        lines, fields = table.columns(*times)
        stamps = list(map(" ".join, zip(*fields, strict=True)))
        time = times[0]
        time_s, form = instants_of(table, time, stamps, lines, self.time_format)
        back = int((np.diff(time_s) < 0.0).sum())
        if back > MOST_UNSORTED * len(time_s):
            k = int(np.argmax(np.diff(time_s) < 0.0)) + 1
            raise ValueError(
                f"{table.at(lines[k], time)}: {shown(stamps[k])} is earlier than {shown(stamps[k - 1])}, and so are "
                f"{back} of {len(time_s)} rows; sort the rows by time, or name another column by time"
            )
        time_s = np.sort(time_s)
        if len(time_s) < 2 or time_s[-1] <= time_s[0]:
            raise ValueError(
                f"{table.at(lines[-1], time)}: {len(time_s)} arrivals at one instant; a log needs two instants at least"
            )
        time_s, coarse = _spread(time_s - time_s[0])
        gaps_s = np.diff(time_s)
        scale = self.mean_s / float(gaps_s.mean()) if self.mean_s else 1.0
        return ArrivalLog(self, table, time, gaps_s * scale, np.zeros(0), 0.0, scale, form.words, back, coarse)

    def _counts(self, table: LogTable, column: int) -> tuple[np.ndarray, float, int, str]:
        """One row for each bin: its counts, its length, its column, and how stamps are written."""
        times = time_columns(table, self.time, "bin_s") if self.time or not self.bin_s else ()
        counts, stamps, lines = read_counts(table, column, times)
        if not times:
            return counts, self.bin_s, column, "none, one row for each bin"
        time = times[0]
        time_s, form = instants_of(table, time, stamps, lines, self.time_format)
        steps = np.diff(time_s)
        if not len(steps) or not steps.min() > 0.0:
            k = int(np.argmin(steps)) + 1 if len(steps) else 0
            raise ValueError(
                f"{table.at(lines[k], time)}: {shown(stamps[k])} is not later than the bin before; add up the rows "
                "of one bin, and sort them by time"
            )
        bin_s = self.bin_s or float(steps.min())
        place = np.rint(time_s / bin_s)
        wrong = np.abs(time_s - place * bin_s) > 1e-3 * bin_s
        if wrong.any():
            k = int(np.argmax(wrong))
            raise ValueError(
                f"{table.at(lines[k], time)}: {shown(stamps[k])} lies {time_s[k]:g} s behind the first bin, no "
                f"multiple of the length of a bin, {bin_s:g} s; say bin_s"
            )
        whole = np.zeros(int(place[-1]) + 1)
        whole[place.astype(np.int64)] = counts
        return whole, bin_s, column, form.words

    def _wide(self, table: LogTable) -> tuple[np.ndarray, float, int, str]:
        """One row for each source, a column for each bin: the sum of all rows, or those in which ``row`` stands."""
        bins = bins_of(table.names)
        bin_s = self.bin_s or (_BIN_S if len(bins) % _MINUTES == 0 else 0.0)
        if not bin_s:
            raise ValueError(
                f"{where(table.path)}, line {table.line}: columns {table.names[bins[0]]} to {table.names[bins[-1]]} "
                "are bins of a length that is not known; say it by bin_s [s]"
            )
        total, found, marks = np.zeros(len(bins)), 0, Marks(table.delimiter)
        others = [place for place in range(len(table.names)) if place not in set(bins)]
        for line, fields in table.all_rows():
            if self.row and self.row not in (fields[place] for place in others):
                continue
            found += 1
            total += row_of_counts(table, marks, line, fields, bins)
        marks.settle()
        if not found:
            raise ValueError(
                f"{where(table.path)}: no row holds {self.row!r} in any of the columns "
                f"{listed(table.names[p] for p in others)}; say row as one of them has it"
            )
        rows = f"{found} row{'s' if found > 1 else ''} added up"
        return total, bin_s, bins[0], f"one bin after the other; {rows}"

    def _settled(
        self, table: LogTable, counts: np.ndarray, bin_s: float, column: int, form: str, row_bins: int
    ) -> ArrivalLog:
        if counts.sum() < 1.0:
            raise ValueError(f"{where(table.path)}, column {table.names[column]!r}: all counts are 0; nothing arrives")
        scale = self.mean_s / (len(counts) * bin_s / float(counts.sum())) if self.mean_s else 1.0
        return ArrivalLog(self, table, column, np.zeros(0), counts, bin_s * scale, scale, form, 0, False, row_bins)


@dataclasses.dataclass(frozen=True, eq=False)
class ArrivalLog:
    """An arrival log as it was understood; times are scaled by ``scale``."""

    reading: ArrivalReading
    table: LogTable
    column: int
    gaps_s: np.ndarray  # (n,) between arrivals [s]; empty: there are counts
    counts: np.ndarray  # (m,) arrivals per bin; empty: there are gaps
    bin_s: float  # length of a bin [s]
    scale: float
    form: str
    unsorted: int
    coarse: bool  # stamps of whole seconds were spread
    row_bins: int = 0  # columns of bins of a row; 0: a row for each bin

    def part(self, split: str) -> np.ndarray:
        """The gaps [s] or counts of "train", "test" or "all".

        Parts are by time, and no gap or bin is in both.  ``ValueError`` where nothing arrives in one.
        """
        values = self.counts if len(self.counts) else self.gaps_s
        time = np.arange(1, len(values) + 1) if len(self.counts) else np.cumsum(values)
        border = int(np.searchsorted(time, self.reading.train_share * time[-1], side="right"))
        low, high = limits_of(split, border, len(values))
        found = values[low:high]
        if not len(found) or (len(self.counts) and found.sum() < 1.0) or found.sum() <= 0.0:
            raise ValueError(
                f"{where(self.table.path)}: nothing arrives in the {split} part; change train_share, or take a "
                "longer log"
            )
        return np.ascontiguousarray(found, np.float64)

    @property
    def arrivals(self) -> float:
        """Arrivals in the whole log."""
        return float(self.counts.sum()) if len(self.counts) else float(len(self.gaps_s) + 1)

    @property
    def length_s(self) -> float:
        """Length of the whole log [s], scaled."""
        return len(self.counts) * self.bin_s if len(self.counts) else float(self.gaps_s.sum())

    @property
    def mean_s(self) -> float:
        """Mean gap of the whole log [s], scaled."""
        return self.length_s / (float(self.counts.sum()) if len(self.counts) else len(self.gaps_s))

    def longest_s(self, split: str, count: int) -> float:
        """A time within which ``count`` arrivals of a part come in any case [s]."""
        part = self.part(split)
        each, length_s = (part.sum(), len(part) * self.bin_s) if len(self.counts) else (len(part), part.sum())
        return (math.ceil(count / each) + 1) * float(length_s)


def _spread(time_s: np.ndarray) -> tuple[np.ndarray, bool]:
    """Ascending instants; those of whole seconds that repeat are spread evenly over their second."""
    distinct, first, counts = np.unique(time_s, return_index=True, return_counts=True)
    whole = np.abs(time_s / WHOLE_S - np.rint(time_s / WHOLE_S)) < 1e-6
    if len(distinct) == len(time_s) or not whole.all():
        return time_s, False
    place = np.arange(len(time_s)) - np.repeat(first, counts)
    return time_s + place * np.repeat(WHOLE_S / counts, counts), True
